import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import { newId, parseFence, systemRandom } from '@meshbook/core/ids.ts'
import type { SnapshotInfo, SnapshotRecord, StoredRecord } from '@meshbook/core/snapshot.ts'
import { backUp, restoreInto } from '../testing/backup-job.ts'
import {
  DeviceRequests,
  framesIn,
  framesOf,
  type HeldSession,
  randomPart,
  recordOf,
  type SealedPart,
} from '../testing/saved-states.ts'
import { TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub, type TestHubOptions } from '../testing/test-hub.ts'
import { addTestDevice, addTestUser, makeMember, setRoles } from '../testing/test-user.ts'

interface Scene extends TestHub {
  desk: TestDevice
  by: DeviceRequests
  held: HeldSession
}

/** A device that has a live session. */
async function scene(t: TestContext, options: TestHubOptions = {}): Promise<Scene> {
  const test = await startTestHub(t, options)
  const desk = new TestDevice()
  await test.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  const { id: document } = await test.document('a.md', '# A\n')
  await test.json<Run>('POST', '/runs', { document, language: 'python', code: 'x = 1' })
  const held: HeldSession = (await desk.next('LEASE')).lease
  return Object.assign(test, { desk, held, by: new DeviceRequests(() => test.hub, desk) })
}

async function saved(
  { by, desk, held }: Scene,
  parts: readonly SealedPart[] = [randomPart(), randomPart()],
  more: Partial<SnapshotRecord> = {},
): Promise<SnapshotRecord> {
  assert.equal((await by.bring(parts)).status, 200)
  const record = recordOf(desk, held, parts, more)
  await by.json('POST', '/snapshots', record)
  return record
}

const codeOf = async (answer: Response): Promise<string> => ((await answer.json()) as { code: string }).code
const listed = async ({ json, held }: Scene): Promise<SnapshotInfo[]> =>
  (await json<{ items: SnapshotInfo[] }>('GET', `/snapshots?session=${held.session}`)).items

test('HS2 HS6 parts come back as they were brought, as many as go into one answer', async t => {
  const { by } = await scene(t, { limits: { snapshotRequestBytes: 100_000 } })
  const parts = [randomPart(50_000), randomPart(60_000), randomPart(17), randomPart(30_000)]
  assert.deepEqual(
    await by.missing(parts),
    parts.map(({ part }) => part),
  )
  assert.equal((await by.bring(parts.slice(0, 1))).status, 200)
  assert.deepEqual(await (await by.bring(parts.slice(1))).json(), { parts: 3, bytes: 90_017 })
  assert.deepEqual(await by.missing(parts), [])
  const read = async (asked: readonly SealedPart[]) => {
    const answer = await by.ask('POST', '/snapshots/parts/read', { parts: asked.map(({ part }) => part) })
    assert.equal(answer.status, 200)
    return (await framesIn(new Uint8Array(await answer.arrayBuffer()))).map(({ part, bytes }) => ({
      part,
      bytes: [...bytes],
    }))
  }
  const plain = parts.map(({ part, bytes }) => ({ part, bytes: [...bytes] }))
  assert.deepEqual(await read(parts), plain.slice(0, 1))
  assert.deepEqual(await read(parts.slice(1)), plain.slice(1))
  assert.equal(await by.status('POST', '/snapshots/parts/read', { parts: [parts[0]!.part, 'f'.repeat(64)] }), 404)
})

test('HS3 what is there stays: the same again is nothing new, other bytes under its name are refused', async t => {
  const { by } = await scene(t)
  const part = randomPart(1_000)
  assert.equal((await by.bring([part, part])).status, 200)
  assert.equal((await by.bring([part])).status, 200)
  const other = { ...part, bytes: randomPart(900).bytes }
  const refused = await by.bring([randomPart(), other])
  assert.deepEqual([refused.status, await codeOf(refused)], [409, 'CONFLICT'])
  const answer = await by.ask('POST', '/snapshots/parts/read', { parts: [part.part] })
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), framesOf([part]))
})

test('HS4 I10 every cap is kept: of a part, a request, an org, and of the ids in a question', async t => {
  const limits = { snapshotPartBytes: 1_000, snapshotRequestBytes: 5_000, snapshotBytesPerOrg: 8_000 }
  const { by } = await scene(t, { limits: { ...limits, snapshotPartsPerRequest: 6 } })
  const codes = async (parts: SealedPart[]) => codeOf(await by.bring(parts))
  assert.equal(await codes([randomPart(1_001)]), 'TOO_LARGE')
  assert.equal(await codes(Array.from({ length: 6 }, () => randomPart(900))), 'TOO_LARGE')
  assert.equal(await codes(Array.from({ length: 7 }, () => randomPart(20))), 'TOO_LARGE')
  assert.equal(await codes([{ ...randomPart(), bytes: new Uint8Array(3) }]), 'BAD_REQUEST')
  assert.equal((await by.bring(Array.from({ length: 5 }, () => randomPart(1_000)))).status, 200)
  assert.equal(await codes(Array.from({ length: 5 }, () => randomPart(1_000))), 'QUOTA_USED')
  const none = await by.ask('POST', '/snapshots/parts/missing', { parts: [] })
  assert.equal(none.status, 400)
  const wrong = await by.ask('POST', '/snapshots/parts', {})
  assert.deepEqual([wrong.status, await codeOf(wrong)], [400, 'BAD_REQUEST'])
})

test('HS5 of a request that is cut the whole parts are kept', async t => {
  const { by } = await scene(t)
  const parts = [randomPart(2_000), randomPart(2_000)]
  const row = framesOf(parts)
  const cut = await by.ask('POST', '/snapshots/parts', row.subarray(0, row.byteLength - 1))
  assert.equal(await codeOf(cut), 'BAD_REQUEST')
  assert.deepEqual(await by.missing(parts), [parts[1]!.part])
})

test('HS10 a record comes from the device that has, or had, that head of that session', async t => {
  const test = await scene(t)
  const { by, desk, held } = test
  const parts = [randomPart()]
  await by.bring(parts)
  const wrong: Partial<SnapshotRecord>[] = [
    { device: new TestDevice().id },
    { head: newId('head', 1, systemRandom) },
    { fence: parseFence(held.fence + 1) },
  ]
  for (const more of wrong) assert.equal(await by.status('POST', '/snapshots', recordOf(desk, held, parts, more)), 403)
  const nowhere = { session: newId('session', 1, systemRandom) }
  assert.equal(await by.status('POST', '/snapshots', recordOf(desk, held, parts, nowhere)), 404)
  assert.equal((await test.api('POST', '/snapshots', recordOf(desk, held, parts))).status, 403)
  const other = new TestDevice('Other')
  await test.hub.registerDevice(other.publicKey, 'Other', 'desktop')
  const otherBy = new DeviceRequests(() => test.hub, other)
  assert.equal(await otherBy.status('POST', '/snapshots', recordOf(other, held, parts)), 403)
  assert.deepEqual(await listed(test), [])
  await by.json('POST', '/snapshots', recordOf(desk, held, parts))
  assert.equal((await listed(test)).length, 1)
})

test('HS11 HS12 a record needs all its parts, is counted by the hub, and is the same again', async t => {
  const test = await scene(t)
  const { by, desk, held } = test
  const [a, b] = [randomPart(500), randomPart(700)]
  await by.bring([a])
  const record = recordOf(desk, held, [a, b])
  const early = await by.ask('POST', '/snapshots', record)
  assert.equal(early.status, 409)
  assert.deepEqual(((await early.json()) as { missing: string[] }).missing, [b.part])
  await by.bring([b])
  assert.equal(await by.status('POST', '/snapshots', record), 201)
  assert.equal(await by.status('POST', '/snapshots', record), 200)
  assert.equal(await by.status('POST', '/snapshots', { ...record, manifest: b.part }), 409)
  for (const parts of [[a.part, a.part], [b.part]])
    assert.equal(await by.status('POST', '/snapshots', { ...recordOf(desk, held, [a, b]), parts }), 400)
  const [info] = await listed(test)
  assert.deepEqual([info!.id, info!.bytes, info!.deviceName, info!.pauseMs], [record.id, 1_200, 'Desk', 1.5])
  const stored = await by.json<StoredRecord>('GET', `/snapshots/${record.id}`)
  assert.deepEqual({ ...stored, storedAt: 0 }, { ...record, bytes: 1_200, storedAt: 0 })
})

test('HS13 named records are capped, and a record has a size', async t => {
  const test = await scene(t, { limits: { namedSnapshotsPerSession: 2, snapshotBytes: 1_000 } })
  const { by, desk, held } = test
  for (const name of ['one', 'two']) await saved(test, undefined, { name })
  const parts = [randomPart()]
  await by.bring(parts)
  assert.equal(
    await codeOf(await by.ask('POST', '/snapshots', recordOf(desk, held, parts, { name: 'three' }))),
    'TOO_MANY',
  )
  const plain = await saved(test)
  assert.equal((await test.api('PATCH', `/snapshots/${plain.id}`, { name: 'three' })).status, 429)
  const large = [randomPart(800), randomPart(800)]
  await by.bring(large)
  assert.equal(await codeOf(await by.ask('POST', '/snapshots', recordOf(desk, held, large))), 'TOO_LARGE')
})

test('HS1 HS14 HS15 members of a shared project see what is said of a record; its parts are for devices of its org', async t => {
  const test = await scene(t)
  const { by, held } = test
  const part = randomPart()
  const record = await saved(test, [part])
  const ann = await addTestUser(test, 'ann')
  const path = `/snapshots/${record.id}`
  assert.equal(await ann.status('GET', path), 404)
  assert.equal(await ann.status('GET', `/snapshots?session=${held.session}`), 404)
  await makeMember(test, ann, ['viewer'])
  assert.deepEqual(
    (await ann.json<{ items: SnapshotInfo[] }>('GET', `/snapshots?project=${test.project.id}`)).items.map(
      ({ id }) => id,
    ),
    [record.id],
  )
  assert.equal('parts' in (await ann.json<object>('GET', path)), false)
  assert.equal('parts' in (await test.json<object>('GET', path)), false)
  assert.equal(await ann.status('DELETE', path), 403)
  assert.equal(await ann.status('PATCH', path, { name: 'mine' }), 403)
  await setRoles(test, ann, ['runner'])
  assert.equal(await ann.status('DELETE', path), 403)
  const hers = new TestDevice('Hers')
  await addTestDevice(ann, hers)
  const herBy = new DeviceRequests(() => test.hub, hers)
  assert.equal('parts' in (await herBy.json<object>('GET', path)), false)
  assert.equal(await herBy.status('POST', '/snapshots/parts/read', { parts: [part.part] }), 404)
  assert.deepEqual(await herBy.missing([part]), [part.part])
  assert.equal(await herBy.status('POST', `${path}/refused`, { code: 'SNAPSHOT_REFUSED', detail: 'no' }), 404)
  assert.equal((await herBy.bring([{ ...part, bytes: randomPart().bytes }])).status, 200)
  const own = await by.ask('POST', '/snapshots/parts/read', { parts: [part.part] })
  assert.deepEqual(Buffer.from(await own.arrayBuffer()), framesOf([part]))
  assert.equal((await test.api('POST', '/snapshots/parts/read', { parts: [part.part] })).status, 403)
})

test('HS15 HS16 naming and deleting are told, and deleting is in the audit log', async t => {
  const test = await scene(t)
  const record = await saved(test)
  const named = await test.json<SnapshotInfo>('PATCH', `/snapshots/${record.id}`, { name: 'before' })
  assert.equal(named.name, 'before')
  test.desk.received.length = 0
  await test.json('DELETE', `/snapshots/${record.id}`)
  await test.desk.next('SESSION_LIST')
  assert.deepEqual(await listed(test), [])
  assert.equal((await test.api('GET', `/snapshots/${record.id}`)).status, 404)
  assert.equal((await test.api('DELETE', `/snapshots/${record.id}`)).status, 404)
  const { items } = await test.json<{ items: { action: string; target: string }[] }>('GET', '/audit')
  assert.ok(items.some(({ action, target }) => action === 'snapshot-deleted' && target === record.id))
})

test('HS20 of each kind the newest few stay, named ones, and those that a device has asked for', async t => {
  const test = await scene(t, { limits: { snapshotsKeptPerSession: 2 } })
  const at = (n: number) => ({ asOf: { at: n, run: null } })
  const named = await saved(test, undefined, { ...at(1), name: 'kept' })
  const image = await saved(test, undefined, { ...at(2), kind: 'image' })
  const asked = await saved(test, undefined, at(3))
  await test.by.json('GET', `/snapshots/${asked.id}`)
  const rest = []
  for (const n of [4, 5, 6]) rest.push(await saved(test, undefined, at(n)))
  const during = { at: 7, run: null, during: { run: 'run-1' as never, seq: 3 } }
  const middle = await saved(test, undefined, { asOf: during })
  const ids = (await listed(test)).map(({ id }) => id)
  assert.deepEqual(new Set(ids), new Set([named, image, asked, rest[1]!, rest[2]!, middle].map(({ id }) => id)))
})

test('HS24 a damaged record is not offered, and its parts count as missing until they came again', async t => {
  const test = await scene(t)
  const { by, desk, held } = test
  const [part, shared] = [randomPart(300), randomPart(300)]
  const record = await saved(test, [part, shared])
  const unfit = await saved(test, [shared])
  await by.status('POST', `/snapshots/${unfit.id}/refused`, { code: 'RESTORE_FAILED', detail: 'it did not start' })
  assert.deepEqual(await by.missing([part, shared]), [])
  assert.equal(
    await by.status('POST', `/snapshots/${record.id}/refused`, { code: 'SNAPSHOT_REFUSED', detail: 'altered' }),
    204,
  )
  assert.deepEqual((await listed(test)).map(({ refused }) => refused?.split(':')[0]).sort(), [
    'RESTORE_FAILED',
    'SNAPSHOT_REFUSED',
  ])
  assert.deepEqual(new Set(await by.missing([part, shared])), new Set([part.part, shared.part]))
  assert.equal(await by.status('POST', '/snapshots', recordOf(desk, held, [shared])), 409)
  const good = { ...part, bytes: randomPart(200).bytes }
  assert.equal((await by.bring([good, shared])).status, 200)
  assert.deepEqual(await by.missing([part, shared]), [])
  const answer = await by.ask('POST', '/snapshots/parts/read', { parts: [part.part] })
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), framesOf([good]))
  assert.equal(await by.status('POST', '/snapshots', recordOf(desk, held, [good, shared])), 201)
})

test('HS2 what was recorded is there after a restart', async t => {
  const test = await scene(t)
  const part = randomPart(5_000)
  const record = await saved(test, [part])
  await test.restart()
  assert.equal((await test.by.json<StoredRecord>('GET', `/snapshots/${record.id}`)).manifest, record.manifest)
  const answer = await test.by.ask('POST', '/snapshots/parts/read', { parts: [part.part] })
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), framesOf([part]))
})

test('HS25 a backup holds records and parts; restored elsewhere every part is there, and one that rotted is named', async t => {
  const test = await scene(t)
  const parts = [randomPart(5_000), randomPart(70_000)]
  const record = await saved(test, parts)
  await test.hub.close()
  const backup = await backUp(t, test.folder)
  assert.deepEqual([backup.report.assets, backup.report.missing, backup.report.damaged], [2, [], []])
  const file = (await readdir(join(test.folder, 'assets'), { recursive: true })).find(name =>
    name.includes(parts[1]!.part),
  )
  await writeFile(join(test.folder, 'assets', file!), 'rotten')
  assert.equal((await backUp(t, test.folder)).report.damaged.length, 1)
  await restoreInto(test.folder, backup, true)
  await test.restart()
  const answer = await test.by.ask('POST', '/snapshots/parts/read', { parts: record.parts })
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), framesOf(parts))
  assert.equal((await test.by.json<StoredRecord>('GET', `/snapshots/${record.id}`)).manifest, record.manifest)
})
