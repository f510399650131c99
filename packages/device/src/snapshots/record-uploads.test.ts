import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { newId, type SnapshotId, systemRandom } from '@meshbook/core/ids.ts'
import type { SnapshotKind, SnapshotRecord } from '@meshbook/core/snapshot.ts'
import { until } from '../testing/until.ts'
import { RecordUploads } from './record-uploads.ts'

const session = newId('session', 0, systemRandom)
const head = newId('head', 0, systemRandom)

function record(kind: SnapshotKind = 'image', name: string | null = null): SnapshotRecord {
  return { id: newId('snapshot', Date.now(), systemRandom), session, head, kind, name } as SnapshotRecord
}

function scene(t: TestContext, upload: (record: SnapshotRecord, signal: AbortSignal) => Promise<void>) {
  const arrived: SnapshotId[] = []
  const superseded: SnapshotId[] = []
  const refused: string[] = []
  const uploads = new RecordUploads({
    upload,
    superseded: async id => void superseded.push(id),
    arrived: ({ id }) => arrived.push(id),
    refused: (_, { code }) => refused.push(code),
    warn: () => undefined,
  })
  t.after(() => uploads.close())
  uploads.online()
  return { uploads, arrived, superseded, refused }
}

/** An upload that goes on until the test, or its signal, ends it. */
function held() {
  const gate = Promise.withResolvers<void>()
  const begun: SnapshotId[] = []
  const upload = async ({ id }: SnapshotRecord, signal: AbortSignal) => {
    begun.push(id)
    const ended = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    await Promise.race([gate.promise, ended])
  }
  return { gate, begun, upload }
}

test('SN44 a newer record of the same session and kind takes the place of the one on its way; others do not', async t => {
  const { gate, begun, upload } = held()
  const it = scene(t, upload)
  const [first, other, second] = [record(), record('portable'), record()]
  it.uploads.add(first)
  it.uploads.add(other)
  await until('it has begun', () => begun.length === 1)
  const waits = it.uploads.arrived(first.id, AbortSignal.timeout(5_000))
  it.uploads.add(second)
  await assert.rejects(waits, { code: 'CONFLICT' })
  gate.resolve()
  await until('both are there', () => it.arrived.length === 2)
  assert.deepEqual([it.superseded, it.arrived], [[first.id], [other.id, second.id]])
})

test('SN44 one with a name is never replaced, and goes first', async t => {
  const { gate, begun, upload } = held()
  const it = scene(t, upload)
  it.uploads.offline()
  const [plain, named, newer] = [record('portable'), record('image', 'mine'), record('image')]
  for (const each of [plain, named, newer]) it.uploads.add(each)
  it.uploads.online()
  gate.resolve()
  await until('all are there', () => it.arrived.length === 3)
  assert.deepEqual([begun[0], it.superseded], [named.id, []])
})

test('SN44 a cut ends what is on its way, and the next connection begins it again', async t => {
  const { gate, begun, upload } = held()
  const it = scene(t, upload)
  it.uploads.add(record())
  await until('it has begun', () => begun.length === 1)
  it.uploads.offline()
  await new Promise(resolve => setTimeout(resolve, 20))
  gate.resolve()
  it.uploads.online()
  await until('it is there', () => it.arrived.length === 1)
  assert.equal(begun.length, 2)
})

test('SN45 what the hub does not take is told to whoever waits, and not sent again', async t => {
  let tries = 0
  const it = scene(t, async () => {
    tries++
    throw new MeshError('TOO_LARGE')
  })
  const one = record()
  it.uploads.add(one)
  await assert.rejects(it.uploads.arrived(one.id, AbortSignal.timeout(5_000)), { code: 'TOO_LARGE' })
  await until('it is told', () => it.refused.length === 1)
  assert.deepEqual([tries, it.refused], [1, ['TOO_LARGE']])
})
