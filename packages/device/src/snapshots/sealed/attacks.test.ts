/** What somebody who has the hub, or a disk, could do to saved sessions: all of it is refused before a backend has a byte. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { newId, parseFence, systemRandom } from '@meshbook/core/ids.ts'
import type { PartId, SnapshotRecord } from '@meshbook/core/snapshot.ts'
import { askedFor, factsOf, type SealedPlace, save, sealedPlace, someDevice } from '../../testing/sealed-place.ts'
import type { Expected } from './examined.ts'

const key = randomBytes(32)
const place = await sealedPlace({ keys: new Map([[1, key]]) })
after(() => place.close())
const session = newId('session', 1, systemRandom)
const a = Buffer.from('part a of the state')
const b = randomBytes(300_000)
const record = await save(place, factsOf(session, { fence: parseFence(4) }), [a, b], { order: ['a', 'b'] })
const other = await save(place, factsOf(session, { fence: parseFence(4), asOf: { at: 90, run: null } }), [
  Buffer.from('part of another record'),
])
const fileOf = (part: PartId, of = place): string => join(of.folder, 'parts', part.slice(0, 2), part)

/** What a backend would get: the plan, and every part. */
async function opened(given: SnapshotRecord, expected: Expected, from: SealedPlace = place): Promise<Buffer[]> {
  const plan = await from.store.examine(given, expected)
  assert.ok(plan)
  const source = from.store.source(given)
  return Promise.all(given.parts.map(async part => Buffer.from(await source.get(part))))
}

async function refuses(
  given: SnapshotRecord,
  expected = askedFor(given),
  code: ErrorCode = 'SNAPSHOT_REFUSED',
  from = place,
): Promise<void> {
  await assert.rejects(opened(given, expected, from), (thrown: unknown) => {
    assert.ok(thrown instanceof MeshError)
    assert.equal(thrown.code, code)
    assert.equal(`${thrown.message} ${thrown.detail}`.includes(key.toString('hex')), false)
    return true
  })
}

/** The disk, or the hub, hands out something else for a while. */
async function altered(part: PartId, change: (bytes: Buffer) => Uint8Array, attack: () => Promise<void>) {
  const before = await readFile(fileOf(part))
  await writeFile(fileOf(part), change(Buffer.from(before)))
  await attack()
  await writeFile(fileOf(part), before)
  await opened(record, askedFor(record))
}

const flipped = (at: number) => (bytes: Buffer) => {
  bytes[at] = bytes[at]! ^ 1
  return bytes
}
const [partA, partB] = record.parts as [PartId, PartId, PartId]

test('SN5 the record as it was made opens, whole', async () => {
  const [first, second] = await opened(record, askedFor(record))
  assert.deepEqual([first, second], [a, b])
  assert.deepEqual(await place.store.examine(record, askedFor(record)), { order: ['a', 'b'] })
})

test('SN3 attack 1: a bit of a part, or of the manifest, is flipped', async () => {
  for (const part of record.parts) for (const at of [0, 1, 18]) await altered(part, flipped(at), () => refuses(record))
})

test('SN3 attack 2: a part is cut, anywhere', async () => {
  for (const part of record.parts)
    for (const length of [0, 1, 16, 17, 30]) {
      const before = await readFile(fileOf(part))
      await truncate(fileOf(part), length)
      await refuses(record)
      await writeFile(fileOf(part), before)
    }
})

test('SN3 attack 3: two parts are swapped', async () => {
  const [bytesA, bytesB] = await Promise.all([readFile(fileOf(partA)), readFile(fileOf(partB))])
  const put = (first: Uint8Array, second: Uint8Array) =>
    Promise.all([writeFile(fileOf(partA), first), writeFile(fileOf(partB), second)])
  await put(bytesB, bytesA)
  await refuses(record)
  await put(bytesA, bytesB)
  await opened(record, askedFor(record))
})

test('SN4 SN8 attack 4: a part of another record stands in, by its name or by its bytes', async () => {
  const foreign = other.parts[0]!
  await refuses({ ...record, parts: record.parts.with(0, foreign) })
  await refuses({ ...record, parts: record.parts.with(2, other.manifest), manifest: other.manifest })
  const bytes = await readFile(fileOf(foreign))
  await altered(
    partA,
    () => bytes,
    () => refuses(record),
  )
  const source = place.store.source(record)
  await assert.rejects(source.get(foreign), { code: 'SNAPSHOT_REFUSED' })
})

test('SN5 attack 5: the record of another session is handed out', async () => {
  const elsewhere = newId('session', 1, systemRandom)
  const theirs = await save(place, factsOf(elsewhere), [Buffer.from('theirs')])
  await refuses(theirs, askedFor(theirs, { session }))
  await refuses({ ...theirs, session }, askedFor({ ...theirs, session }, { newest: false }))
  await opened(theirs, askedFor(theirs, { session: null, fence: null }))
})

test('SN5 SN6 attack 6: an older record is replayed as the newer one', async () => {
  const asNewer = { ...other, id: record.id, asOf: record.asOf }
  await refuses(asNewer, askedFor(record))
  await refuses(other, askedFor(record))
  await opened(record, askedFor(record))
  await refuses(other, askedFor(other), 'SNAPSHOT_UNFIT')
  await opened(other, askedFor(other, { newest: false }))
  await place.reopen()
  await refuses(other, askedFor(other), 'SNAPSHOT_UNFIT')
})

test('SN5 attack 7: the record of another org, made with its own key', async () => {
  const theirs = await sealedPlace()
  after(() => theirs.close())
  const made = await save(theirs, factsOf(session, { fence: parseFence(4) }), [a, b])
  for (const part of made.parts) {
    const bytes = await readFile(fileOf(part, theirs))
    await place.store.expect(made)
    await assert.rejects(place.store.take(made.id, [{ part, bytes }]), { code: 'SNAPSHOT_REFUSED' })
  }
  await refuses(made)
  await place.store.drop(made.id)
})

test('SN7 attack 8: another version of the key is named', async () => {
  await refuses({ ...record, keyVersion: 2 }, askedFor(record), 'OWNER_KEY_MISSING')
  place.keys.set(2, randomBytes(32))
  await refuses({ ...record, keyVersion: 2 })
  place.keys.delete(2)
})

test('SN4 attack 9: an open fact is altered', async () => {
  const changes: Partial<SnapshotRecord>[] = [
    { fence: parseFence(3) },
    { asOf: { at: 101, run: null } },
    { asOf: { at: 100, run: newId('run', 1, systemRandom) } },
    { asOf: { at: 100, run: null, during: { run: newId('run', 1, systemRandom), seq: 3 } } },
    { kind: 'image' },
    { fit: { ...record.fit, arch: 'arm64' } },
    { fit: { ...record.fit, cpu: ['avx512f'] } },
    { head: newId('head', 1, systemRandom) },
    { id: newId('snapshot', 1, systemRandom) },
    { device: someDevice.replace(/.$/, last => (last === 'a' ? 'b' : 'a')) as typeof someDevice },
    { inside: { ...record.inside, threads: 2 } },
    { lost: [{ name: 'con', reason: 'open' }] },
  ]
  for (const change of changes) {
    const altered = { ...record, ...change }
    await refuses(altered, askedFor(altered, { newest: false }))
  }
  await refuses(record, askedFor(record, { fence: parseFence(3) }))
  await opened({ ...record, name: 'kept', bytes: 1, addedBytes: 2, pauseMs: 3 }, askedFor(record))
})

test('SN4 attack 10: a part is missing, from the record or from the disk', async () => {
  await refuses({ ...record, parts: record.parts.slice(1) })
  const before = await readFile(fileOf(partB))
  await rm(fileOf(partB))
  await refuses(record)
  await writeFile(fileOf(partB), before)
})

test('SN4 attack 11: a part is named too many, or twice, or the order is another', async () => {
  await refuses({ ...record, parts: [...record.parts, other.parts[0]!] })
  await refuses({ ...record, parts: [...record.parts, record.parts[0]!] })
  await refuses({ ...record, parts: [record.parts[0]!, record.parts[0]!, record.manifest] })
  await opened({ ...record, parts: record.parts.toReversed() }, askedFor(record))
})

test('SN3 attack 12: the same record under a foreign key', async () => {
  const thief = await sealedPlace({ keys: new Map([[1, randomBytes(32)]]) })
  after(() => thief.close())
  await thief.store.expect(record)
  for (const part of record.parts)
    await assert.rejects(thief.store.take(record.id, [{ part, bytes: await readFile(fileOf(part)) }]), {
      code: 'SNAPSHOT_REFUSED',
    })
  await refuses(record, askedFor(record), 'SNAPSHOT_REFUSED', thief)
})

test('SN5 attack 13: nothing at all, and what is no record', async () => {
  await refuses({ ...record, parts: [] })
  await refuses({ ...record, manifest: partA })
  await refuses({ ...record, manifest: 'f'.repeat(64) })
  await refuses({} as SnapshotRecord, askedFor(record))
  await altered(
    record.manifest,
    () => new Uint8Array(),
    () => refuses(record),
  )
})
