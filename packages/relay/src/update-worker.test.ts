import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import { decodeFacts } from './facts-index.ts'
import { mergeInChunks } from './update-jobs.ts'
import { UpdateWorker } from './update-worker.ts'

function start(t: TestContext, changed: Partial<Record<keyof typeof limits, number>> = {}): UpdateWorker {
  const worker = new UpdateWorker({ ...limits, ...changed })
  t.after(() => worker.close())
  return worker
}

function typed(count: number): { doc: Y.Doc; updates: Uint8Array[] } {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const text = doc.getText('content')
  for (let i = 0; i < count; i++) text.insert((i * 31) % (text.length + 1), 'some words')
  return { doc, updates }
}

test('a job gives the same in the thread and at once (RL26)', async t => {
  const { doc, updates } = typed(3_000)
  const [inline, threaded] = [start(t, { updateInlineBytes: 100_000_000 }), start(t, { updateInlineBytes: 0 })]
  const stateVector = Y.encodeStateVectorFromUpdate(mergeInChunks(updates.slice(0, 500), 100))
  const update = Y.encodeStateAsUpdate(doc)
  for (const worker of [inline, threaded]) {
    const { data, facts } = await worker.run('compact', { pieces: updates, chunkUpdates: 100 })
    assert.deepEqual(Y.encodeStateVectorFromUpdate(data), Y.encodeStateVector(doc))
    assert.deepEqual([decodeFacts(facts)], await worker.run('facts', { pieces: [data] }))
    const diff = await worker.run('diff', { pieces: updates, chunkUpdates: 100, stateVector })
    const copy = new Y.Doc()
    Y.applyUpdate(copy, mergeInChunks(updates.slice(0, 500), 100))
    Y.applyUpdate(copy, diff)
    assert.ok(copy.getText('content').toString() === doc.getText('content').toString())
    assert.equal((await worker.run('inspect', { update, known: new Map() })).type, 'fine')
    assert.equal((await worker.run('facts', { pieces: updates })).length, 3_000)
  }
  assert.ok(!(inline.run('compact', { pieces: updates, chunkUpdates: 100 }) instanceof Promise))
  const later = threaded.run('diff', { pieces: updates, chunkUpdates: 100, stateVector })
  assert.ok(later instanceof Promise)
  await later
})

test('merging in chunks is no other document than merging at once', () => {
  const { updates } = typed(450)
  const [flat, chunked] = [Y.mergeUpdates(updates), mergeInChunks(updates, 20)].map(update => {
    const doc = new Y.Doc()
    Y.applyUpdate(doc, update)
    return doc.getText('content').toString()
  })
  assert.equal(flat, chunked)
  assert.deepEqual([...mergeInChunks([], 20)], [0, 0])
})

test('a check that takes too long is given up as hostile, and the next one has a new thread (RL26, S2)', async t => {
  const worker = start(t, { updateInlineBytes: 0, updateCheckMs: 0 })
  const { doc } = typed(2_000)
  const update = Y.encodeStateAsUpdate(doc)
  await assert.rejects(async () => worker.run('inspect', { update, known: new Map() }), isError('HOSTILE_UPDATE'))
  assert.ok((await worker.run('compact', { pieces: [update, update], chunkUpdates: 10 })).data.byteLength > 0)
  await assert.rejects(async () => worker.run('inspect', { update, known: new Map() }), isError('HOSTILE_UPDATE'))
})

test('an update of a million structs is checked without an object for each (RL26, S2)', async t => {
  const worker = start(t, { updateInlineBytes: 0, updateCheckMs: 60_000 })
  const structs = 4_000_000
  const encoder = encoding.createEncoder()
  for (const number of [1, structs, 1, 0]) encoding.writeVarUint(encoder, number)
  const head = encoding.toUint8Array(encoder)
  const bomb = new Uint8Array(head.length + structs * 2 + 1)
  bomb.set(head)
  for (let i = 0; i < structs; i++) bomb[head.length + i * 2 + 1] = 1
  const before = process.memoryUsage().rss
  const verdict = await worker.run('inspect', { update: bomb, known: new Map() })
  assert.deepEqual(verdict, { type: 'fine', facts: { structs: [[1, 0, structs]], deletes: new Map() } })
  assert.ok(process.memoryUsage().rss - before < 200 * 2 ** 20)
})

test('what cannot be read is an error of that job alone', async t => {
  const worker = start(t, { updateInlineBytes: 0 })
  await assert.rejects(async () => worker.run('facts', { pieces: [new Uint8Array([9, 9, 9])] }), isError('INTERNAL'))
  assert.deepEqual(await worker.run('facts', { pieces: [new Uint8Array([0, 0])] }), [
    { structs: [], deletes: new Map() },
  ])
})

test('jobs that are left when the worker closes are refused', async () => {
  const worker = new UpdateWorker({ ...limits, updateInlineBytes: 0 })
  const { updates } = typed(500)
  const jobs = Promise.allSettled(
    [1, 2, 3].map(async () => worker.run('compact', { pieces: updates, chunkUpdates: 100 })),
  )
  await worker.close()
  for (const result of await jobs) assert.ok(result.status === 'rejected' && isError('SHUTTING_DOWN')(result.reason))
})

const isError = (code: string) => (error: unknown) => error instanceof MeshError && error.code === code
