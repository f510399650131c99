import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { newId, parseFence, type SessionId, systemRandom } from '@meshbook/core/ids.ts'
import type { SnapshotRecord } from '@meshbook/core/snapshot.ts'
import fc from 'fast-check'
import { askedFor, factsOf, type SealedPlace, save, sealedPlace } from '../../testing/sealed-place.ts'
import { temporaryFolder } from '../../testing/temporary-folder.ts'

const sessionId = (): SessionId => newId('session', 1, systemRandom)
const fence = parseFence(1)

async function newPlace(t: TestContext, given: Parameters<typeof sealedPlace>[0] = {}): Promise<SealedPlace> {
  const place = await sealedPlace(given)
  t.after(() => place.close())
  return place
}

/** Names of the files there are. */
async function partFiles({ folder }: SealedPlace): Promise<string[]> {
  const all = await readdir(join(folder, 'parts'), { recursive: true, withFileTypes: true })
  return all
    .filter(entry => entry.isFile())
    .map(entry => entry.name)
    .sort()
}

async function opensWhole({ store }: SealedPlace, record: SnapshotRecord): Promise<void> {
  await store.examine(record, askedFor(record, { newest: false }))
  for (const part of record.parts) await store.source(record).get(part)
}

test('SN61 files and folders are for their owner alone', async t => {
  const place = await newPlace(t)
  const record = await save(place, factsOf(sessionId()), [Buffer.from('x')])
  const folder = join(place.folder, 'parts', record.manifest.slice(0, 2))
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  assert.equal((await stat(join(place.folder, 'parts'))).mode & 0o777, 0o700)
  assert.equal((await stat(join(folder, record.manifest))).mode & 0o777, 0o600)
})

test('SN1 SN65 what is here is not stored again, also of another session, and `addedBytes` counts what was new', async t => {
  const place = await newPlace(t)
  const big = randomBytes(300_000)
  const first = await save(place, factsOf(sessionId()), [big, Buffer.from('one')])
  const second = await save(place, factsOf(sessionId()), [big, Buffer.from('two')])
  assert.ok(first.addedBytes === first.bytes && first.bytes > 300_000)
  assert.ok(second.bytes > 300_000 && second.addedBytes < 2_000)
  assert.equal((await partFiles(place)).length, 5)
  const saving = await place.store.begin()
  assert.equal(await saving.has(first.parts[0]!), true)
  assert.equal(await saving.has('0'.repeat(64)), false)
  await saving.abandon()
})

test('SN65 what a capture counts on stays until it is over, also when its record goes meanwhile', async t => {
  const place = await newPlace(t)
  const record = await save(place, factsOf(sessionId()), [Buffer.from('base')])
  const saving = await place.store.begin()
  assert.equal(await saving.has(record.parts[0]!), true)
  await place.store.drop(record.id)
  assert.deepEqual(await partFiles(place), [record.parts[0]])
  const next = await saving.finish(factsOf(sessionId()), { plan: {}, parts: [record.parts[0]!] })
  await opensWhole(place, next)
  await place.store.drop(next.id)
  assert.deepEqual(await partFiles(place), [])
})

test('SN60 a capture that is given up leaves nothing, and one that shares its parts goes on', async t => {
  const place = await newPlace(t)
  const [one, other] = [await place.store.begin(), await place.store.begin()]
  const shared = await one.put(Buffer.from('shared'))
  await one.put(Buffer.from('alone'))
  assert.equal(await other.put(Buffer.from('shared')), shared)
  await one.abandon()
  const record = await other.finish(factsOf(sessionId()), { plan: {}, parts: [shared] })
  await opensWhole(place, record)
  assert.deepEqual(await partFiles(place), [shared, record.manifest].sort())
})

test('SN5 a record whose parts were never given, or that is too large, is SNAPSHOT_FAILED', async t => {
  const place = await newPlace(t, { limits: { snapshotParts: 3, snapshotPartBytes: 5_000, snapshotBytes: 7_000 } })
  const failed = { code: 'SNAPSHOT_FAILED' }
  const saving = await place.store.begin()
  await assert.rejects(saving.put(randomBytes(4_000)), failed)
  await assert.rejects(saving.finish(factsOf(sessionId()), { plan: {}, parts: ['0'.repeat(64)] }), failed)
  await assert.rejects(
    save(
      place,
      factsOf(sessionId()),
      [1, 2, 3].map(n => Buffer.from([n])),
    ),
    failed,
  )
  await assert.rejects(save(place, factsOf(sessionId()), [randomBytes(3_900), randomBytes(3_900)]), failed)
  assert.deepEqual(await partFiles(place), [])
})

test('SN7 a new version of the key names every part anew, and what is older opens still', async t => {
  const place = await newPlace(t)
  const session = sessionId()
  const before = await save(place, factsOf(session), [Buffer.from('same')])
  place.keys.set(2, randomBytes(32))
  const saving = await place.store.begin()
  assert.equal(await saving.has(before.parts[0]!), false)
  await saving.abandon()
  const after = await save(place, factsOf(session, { asOf: { at: 200, run: null } }), [Buffer.from('same')])
  assert.deepEqual([before.keyVersion, after.keyVersion], [1, 2])
  assert.notEqual(before.parts[0], after.parts[0])
  await place.reopen()
  await opensWhole(place, before)
  await opensWhole(place, after)
  place.keys.delete(1)
  await place.reopen()
  await assert.rejects(opensWhole(place, before), { code: 'OWNER_KEY_MISSING' })
  place.keys.clear()
  await assert.rejects(place.store.begin(), { code: 'OWNER_KEY_MISSING' })
})

test('SN62 of each session and kind the newest few stay, and named ones; a part goes with its last record', async t => {
  const place = await newPlace(t, { limits: { snapshotsKeptPerSession: 2 } })
  const session = sessionId()
  const at = (n: number, name: string | null = null) => factsOf(session, { fence, asOf: { at: n, run: null }, name })
  const named = await save(place, at(1, 'before'), [Buffer.from('shared'), Buffer.from('1')])
  const image = await save(place, factsOf(session, { kind: 'image' }), [Buffer.from('image')])
  const all = []
  for (const n of [2, 3, 4]) all.push(await save(place, at(n), [Buffer.from('shared'), Buffer.from(`${n}`)]))
  const kept = [named, image, all[1]!, all[2]!]
  assert.deepEqual(new Set(place.store.list(session).map(({ id }) => id)), new Set(kept.map(({ id }) => id)))
  assert.deepEqual(await partFiles(place), [...new Set(kept.flatMap(({ parts }) => parts))].sort())
  for (const record of kept) await opensWhole(place, record)
})

test('SN63 SN66 for room goes what the hub has, longest unused first, and nothing that is in use or nowhere else', async t => {
  const place = await newPlace(t, { limits: { snapshotCacheBytes: 700_000 } })
  const records: SnapshotRecord[] = []
  for (const n of [1, 2, 3])
    records.push(await save(place, factsOf(sessionId(), { asOf: { at: n, run: null } }), [randomBytes(300_000)]))
  const [a, b, c] = records as [SnapshotRecord, SnapshotRecord, SnapshotRecord]
  const here = () => records.filter(({ id }) => place.store.find(id)).map(({ id }) => id)
  assert.deepEqual(here(), [a.id, b.id, c.id], 'more than there is room for, since the hub has none of it')
  const release = await place.store.use(a.id)
  await place.store.markAtHub(a.id)
  assert.deepEqual(here(), [a.id, b.id, c.id])
  await place.store.markAtHub(b.id)
  assert.deepEqual(here(), [a.id, c.id])
  release()
  const d = await save(place, factsOf(sessionId()), [randomBytes(300_000)])
  assert.deepEqual(here(), [c.id])
  assert.ok(place.store.find(d.id))
  assert.ok(place.store.bytes < 700_000)
})

test('SN60 after a restart everything is as it was, and files of nobody are gone', async t => {
  const place = await newPlace(t)
  const session = sessionId()
  const record = await save(place, factsOf(session), [randomBytes(5_000)])
  await place.store.markAtHub(record.id)
  const saving = await place.store.begin()
  await saving.put(Buffer.from('never finished'))
  await mkdir(join(place.folder, 'parts', 'aa'), { recursive: true })
  await writeFile(join(place.folder, 'parts', 'aa', 'a'.repeat(64)), 'of nobody')
  await place.reopen()
  assert.deepEqual(place.store.list(session), [record])
  assert.equal(place.store.isAtHub(record.id), true)
  assert.deepEqual(await partFiles(place), [...record.parts].sort())
  await opensWhole(place, record)
})

test('SN64 SN75 what is fetched is held as it comes, over a restart, and is whole only when all of it is here', async t => {
  const theirs = await newPlace(t)
  const record = await save(theirs, factsOf(sessionId()), [randomBytes(200_000), Buffer.from('b')])
  const place = await newPlace(t, { keys: theirs.keys })
  await place.store.expect(record)
  const [first, ...rest] = place.store.missing(record)
  await place.store.take(record.id, [{ part: first!, bytes: await theirs.store.sealed(first!) }])
  await assert.rejects(place.store.arrived(record.id), { code: 'SNAPSHOT_REFUSED' })
  assert.deepEqual(place.store.list(record.session), [])
  await place.reopen()
  assert.deepEqual(place.store.missing(record), rest)
  for (const part of rest) await place.store.take(record.id, [{ part, bytes: await theirs.store.sealed(part) }])
  await place.store.arrived(record.id)
  assert.deepEqual(place.store.list(record.session), [record])
  await opensWhole(place, record)
  const foreign = await save(theirs, factsOf(sessionId()), [Buffer.from('foreign')])
  await assert.rejects(
    place.store.take(record.id, [{ part: foreign.manifest, bytes: await theirs.store.sealed(foreign.manifest) }]),
    { code: 'SNAPSHOT_REFUSED' },
  )
})

type Step =
  | { do: 'save'; session: number; parts: number[]; name: boolean }
  | { do: 'abandon'; parts: number[] }
  | { do: 'hub' | 'drop'; which: number }
  | { do: 'reopen' }
const parts = fc.array(fc.nat(9), { maxLength: 5 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('save' as const), session: fc.nat(2), parts, name: fc.boolean() }),
  },
  fc.record({ do: fc.constant('abandon' as const), parts }),
  fc.record({ do: fc.constantFrom('hub' as const, 'drop' as const), which: fc.nat(20) }),
  fc.constant({ do: 'reopen' as const }),
)

test('SN60 SN62 SN63 whatever happens in whatever order, no record lacks a part and no part is kept for nobody', async () => {
  const sessions = [sessionId(), sessionId(), sessionId()]
  const contentOf = (n: number): Buffer => Buffer.alloc(1_000 + n, n)
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14 }), async steps => {
      const place = await sealedPlace({ limits: { snapshotsKeptPerSession: 2, snapshotCacheBytes: 12_000 } })
      try {
        const made: SnapshotRecord[] = []
        for (const [n, now] of steps.entries()) {
          if (now.do === 'save') {
            const asOf = { at: n, run: null }
            const facts = factsOf(sessions[now.session]!, { fence, asOf, name: now.name ? `n${n}` : null })
            made.push(await save(place, facts, now.parts.map(contentOf)))
          } else if (now.do === 'abandon') {
            const saving = await place.store.begin()
            for (const part of now.parts) await saving.put(contentOf(part))
            await saving.abandon()
          } else if (now.do === 'reopen') await place.reopen()
          else if (made.length > 0) {
            const { id } = made[now.which % made.length]!
            await (now.do === 'hub' ? place.store.markAtHub(id) : place.store.drop(id))
          }
          const kept = sessions.flatMap(session => place.store.list(session))
          for (const record of kept) await opensWhole(place, record)
          assert.deepEqual(await partFiles(place), [...new Set(kept.flatMap(record => record.parts))].sort())
        }
      } finally {
        await place.close()
      }
    }),
    { numRuns: 12 },
  )
})

test('SN60 I9 kill -9 at any moment: every record that was told is whole, and nothing else is left', async t => {
  const folder = await temporaryFolder()
  const key = randomBytes(32)
  const session = sessionId()
  const child = join(import.meta.dirname, '../../testing/saving-child.ts')
  const told: SnapshotRecord[] = []
  for (let round = 0; round < 4; round++) {
    const saving = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', child, folder, key.toString('hex'), session],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    t.after(() => saving.kill('SIGKILL'))
    const lines = createInterface({ input: saving.stdout })
    let count = 0
    lines.on('line', line => {
      if (line !== 'begun') told.push(JSON.parse(line) as SnapshotRecord)
      if (++count === 2 + round) setTimeout(() => saving.kill('SIGKILL'), round * 7)
    })
    await once(saving, 'close')
    const place = await sealedPlace({ folder, keys: new Map([[1, key]]), limits: { snapshotsKeptPerSession: 3 } })
    const kept = place.store.list(session)
    // One may have become durable that could not be told any more.
    const newest = told.toSorted((a, b) => b.asOf.at - a.asOf.at)[0]!
    assert.ok(kept.some(({ id }) => id === newest.id) || kept[0]!.asOf.at > newest.asOf.at)
    for (const record of kept) await opensWhole(place, record)
    assert.deepEqual(await partFiles(place), [...new Set(kept.flatMap(record => record.parts))].sort())
    assert.deepEqual(await readdir(join(folder, 'parts', 'incoming')), [])
    await place.close()
  }
  assert.ok(told.length >= 4)
})

const needsRoot = process.getuid?.() !== 0 && 'mounting needs root'

test('SN63 on a full disk records go until there is room, those that are nowhere else last', {
  skip: needsRoot,
}, async t => {
  const folder = await temporaryFolder()
  const small = join(folder, 'parts')
  await mkdir(small)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small])
  t.after(() => execFileSync('umount', ['-l', small]))
  const place = await newPlace(t, { folder })
  const records: SnapshotRecord[] = []
  const saveMore = async () => {
    const record = await save(place, factsOf(sessionId()), [randomBytes(280_000)])
    records.push(record)
    return record
  }
  const here = () => records.filter(({ id }) => place.store.find(id)).map(({ id }) => id)
  const [own, atHub] = [await saveMore(), await saveMore()]
  await place.store.markAtHub(atHub.id)
  await saveMore()
  const fourth = await saveMore()
  assert.deepEqual(here(), [own.id, records[2]!.id, fourth.id])
  const fifth = await saveMore()
  assert.deepEqual(here(), [records[2]!.id, fourth.id, fifth.id])
  for (const record of records.slice(2)) await opensWhole(place, record)
  for (const record of records.slice(2)) await place.store.use(record.id)
  await assert.rejects(saveMore(), { code: 'DISK_FULL' })
  for (const record of records.slice(2)) await opensWhole(place, record)
})
