/** Saved sessions from one device to another through a real hub, which has nothing that it could read. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { SnapshotInfo } from '@meshbook/core/snapshot.ts'
import { temporaryFolder } from '@meshbook/device/testing/temporary-folder.ts'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import { holdingDevice, keepSession, never, newestOf, openSessions, pairedDevice, restored } from './sealed-sessions.ts'

async function scene(t: TestContext, given: { mostUploadBytes?: () => number } = {}) {
  const test = await startTestHub(t)
  const hub = { url: test.hub.url, json: test.json }
  const { device, held } = await holdingDevice(t, hub, test.project.id)
  const lap = await pairedDevice(hub, 'Lap')
  const key = randomBytes(32)
  const open = async (of: typeof device, more = {}) => {
    const folder = await temporaryFolder()
    const opened = await openSessions({ folder, device: of, key, url: test.hub.url, ...more })
    t.after(opened.close)
    return { folder, ...opened }
  }
  const here = await open(device, given)
  const listed = async () =>
    (await test.json<{ items: SnapshotInfo[] }>('GET', `/snapshots?session=${held.session}`)).items
  return { test, held, key, open, lap, listed, desk: here.places, deskFolder: here.folder }
}

async function filesIn(folder: string): Promise<string[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true })
  return all.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
}

/** A bit of every file under this name differs from now on. */
async function alter(folder: string, part: string): Promise<void> {
  for (const file of await filesIn(folder)) {
    if (!file.includes(part)) continue
    const bytes = await readFile(file)
    bytes[20] = bytes[20]! ^ 1
    await writeFile(file, bytes)
  }
}

test('SN70 SN71 SN75 what one device saved another opens, bit for bit, and the hub has nothing of it in the open', async t => {
  const { test, held, open, lap, listed, desk } = await scene(t)
  const secret = Buffer.from('password = "correct horse"'.repeat(10_000))
  const contents = [
    secret,
    randomBytes(5_000_000),
    Buffer.alloc(0),
    ...Array.from({ length: 40 }, () => randomBytes(90_000)),
  ]
  const record = await keepSession(desk, held, contents)
  await desk.upload(record, never)
  await desk.upload(record, never)
  assert.deepEqual(
    (await listed()).map(({ id, bytes }) => [id, bytes]),
    [[record.id, record.bytes]],
  )
  assert.deepEqual(
    (await desk.kept()).map(({ atHub }) => atHub),
    [true],
  )
  const { places } = await open(lap)
  const progress: number[] = []
  const found = await places.find(record.id, never)
  await places.examine(found, newestOf(record), never)
  await places.fetch(found, { signal: never, progress: done => void progress.push(done) })
  assert.ok(progress.length > 2 && progress.every((done, i) => done >= (progress[i - 1] ?? 0)))
  assert.deepEqual(await restored(places, record), contents)
  for (const file of await filesIn(join(test.folder, 'assets')))
    assert.equal((await readFile(file)).includes('correct horse'), false)
})

test('SN70 SN72 a save that shares parts with one before sends only what is new', async t => {
  const { test, held, desk, listed } = await scene(t)
  const base = randomBytes(3_000_000)
  const first = await keepSession(desk, held, [base, Buffer.from('one')])
  await desk.upload(first, never)
  const before = (await filesIn(join(test.folder, 'assets'))).length
  const second = await keepSession(desk, held, [base, Buffer.from('two')])
  assert.ok(second.addedBytes < 3_000, `${second.addedBytes}`)
  await desk.upload(second, never)
  assert.equal((await filesIn(join(test.folder, 'assets'))).length, before + 2)
  assert.deepEqual(
    (await listed()).map(({ addedBytes }) => addedBytes),
    [second.addedBytes, first.addedBytes],
  )
  await desk.superseded(second.id)
  assert.equal((await desk.kept()).length, 2)
})

test('SN74 beyond what may be sent on a metered network the record stays here, and goes later', async t => {
  let most = 1_000
  const { held, desk, listed } = await scene(t, { mostUploadBytes: () => most })
  const record = await keepSession(desk, held, [randomBytes(50_000)])
  await assert.rejects(desk.upload(record, never), { code: 'UNREACHABLE' })
  assert.deepEqual(await listed(), [])
  most = 100_000
  await desk.upload(record, never)
  assert.equal((await listed()).length, 1)
})

test('SN73 an upload ends with its signal, and a hub that is gone is told at once enough', async t => {
  const { test, held, desk } = await scene(t)
  const record = await keepSession(desk, held, [randomBytes(8_000_000)])
  await assert.rejects(desk.upload(record, AbortSignal.timeout(1)))
  await test.hub.close()
  await assert.rejects(desk.upload(record, never), { code: 'UNREACHABLE' })
})

test('SN75 SN76 HS24 what is damaged at the hub is refused, offered no more, and mended by the next save', async t => {
  const { test, held, open, lap, listed, desk } = await scene(t)
  const base = randomBytes(200_000)
  const record = await keepSession(desk, held, [base])
  await desk.upload(record, never)
  await alter(join(test.folder, 'assets'), record.parts[0]!)
  const { places, folder } = await open(lap)
  await assert.rejects(restored(places, record), { code: 'SNAPSHOT_REFUSED' })
  assert.match((await listed())[0]!.refused!, /^SNAPSHOT_REFUSED/)
  assert.deepEqual((await filesIn(join(folder, 'parts'))).length, 0)
  const next = await keepSession(desk, held, [base, Buffer.from('more')])
  await desk.upload(next, never)
  assert.deepEqual(await restored(places, next), [base, Buffer.from('more')])
})

test('SN3 what the disk of a device alters is fetched again', async t => {
  const { held, open, lap, listed, desk } = await scene(t)
  const record = await keepSession(desk, held, [randomBytes(200_000), Buffer.from('b')])
  await desk.upload(record, never)
  const { places, folder } = await open(lap)
  const whole = await restored(places, record)
  for (const part of record.parts) await alter(join(folder, 'parts'), part)
  assert.deepEqual(await restored(places, record), whole)
  assert.equal((await listed())[0]!.refused, undefined)
})

test('SN5 SN6 a record that the hub hands out as another is refused, without a word of damage', async t => {
  const { held, open, lap, listed, desk } = await scene(t)
  const older = await keepSession(desk, held, [Buffer.from('older')])
  const newer = await keepSession(desk, held, [Buffer.from('newer')], { asOf: { at: Date.now() + 5, run: null } })
  for (const record of [older, newer]) await desk.upload(record, never)
  const { places } = await open(lap)
  await restored(places, newer)
  await assert.rejects(places.examine(older, newestOf(older), never), { code: 'SNAPSHOT_UNFIT' })
  await assert.rejects(places.examine(older, newestOf(newer), never), { code: 'SNAPSHOT_REFUSED' })
  assert.deepEqual(
    (await listed()).map(({ refused }) => refused),
    [undefined, undefined],
  )
  await places.examine(older, { ...newestOf(older), newest: false }, never)
})
