import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '@meshbook/core/ids.ts'
import type { RunRequest } from '@meshbook/core/messages.ts'
import { codeHash } from '@meshbook/core/notebook/cell-hash.ts'
import * as Y from 'yjs'
import { ApiError } from '../api/api-error.ts'
import { ExecutionStore } from './execution-store.ts'
import { NotebookStore } from './notebook-store.ts'
import { Runner } from './runner.ts'

const cells = '```python\na\n```\n\n```python\nfails\n```\n\n```python\nc\n```\n\n```python\n\n```\n'
const atOnce = (run: () => void) => {
  const timer = setTimeout(run)
  return () => clearTimeout(timer)
}

/** A hub that ends each run at once: code with "fails" in it as an error, "refused" and "away" not at all. */
function mesh(text = cells, mayWrite = true) {
  const doc = new Y.Doc()
  doc.getText('content').insert(0, text)
  const store = new NotebookStore(doc, atOnce)
  const executions = new ExecutionStore(store)
  const asked: RunRequest[] = []
  const api = {
    startRun: async (request: RunRequest) => {
      if (request.code.includes('away')) throw new ApiError('UNREACHABLE')
      if (request.code.includes('refused')) throw new ApiError('NO_DEVICE', 'none has it')
      asked.push(request)
      const status = request.code.includes('fails') ? 'error' : 'completed'
      setTimeout(() => executions.update(request.id!, { status }))
    },
  }
  const runner = new Runner(store, executions, 'doc', { api, mayWrite, now: Date.now, random: systemRandom })
  return { store, executions, runner, asked, keys: store.order.value }
}

test('a run is asked for under one id in the document and at the hub, with the hash of exactly its code', async () => {
  const { executions, runner, asked, keys, store } = mesh()
  const run = await runner.run(keys[0]!)
  const entry = executions.read(run!)!
  assert.equal(asked[0]!.id, run)
  assert.equal(asked[0]!.codeHash, await codeHash('a'))
  assert.deepEqual([entry.status, entry.code, entry.requestedBy], ['requested', 'a', store.doc.clientID])
  assert.deepEqual((entry as unknown as { outputBy: string }).outputBy, 'monitor')
  assert.deepEqual(asked[0]!.cell, { by: 'anchor', anchor: entry.cell })
  assert.equal(executions.newest.value.get(keys[0]!), run)
})

test('RT30 what the notebook demands of a device, and what the user chose, go with the request', async () => {
  const { runner, asked, keys } = mesh(`---\nmeshbook: {runs-on: Studio, requires: [gpu]}\n---\n${cells}`)
  const cell = keys.at(-4)!
  await runner.run(cell)
  runner.on.value = 'dev_chosen'
  await runner.run(cell)
  assert.deepEqual(
    asked.map(({ runsOn, requires, on }) => [runsOn, requires, on]),
    [
      ['Studio', ['gpu'], undefined],
      ['Studio', ['gpu'], 'dev_chosen'],
    ],
  )
})

test('ME21 who may only read and run writes nothing into the document: the device does', async () => {
  const { executions, runner, asked, keys, store } = mesh(cells, false)
  const before = Y.encodeStateVector(store.doc)
  const run = await runner.run(keys[0]!)
  assert.deepEqual([asked[0]!.id, asked[0]!.code, asked[0]!.cell], [run, 'a', { by: 'index', index: 0 }])
  assert.equal(executions.read(run!), undefined)
  assert.deepEqual(Y.encodeStateVector(store.doc), before)
})

test('a list of cells runs in order and stops at the first that fails', async () => {
  const { runner, asked, keys } = mesh()
  await runner.runAll(keys)
  assert.deepEqual(
    asked.map(request => request.code),
    ['a', 'fails'],
  )
  assert.deepEqual(runner.waiting.value, [])
})

const failing = '```python\na\n```\n\n```python\nfails\n```\n\n```python\nc\n```\n\n```python\nd\n```\n'
const codes = (asked: readonly RunRequest[]) => asked.map(({ code }) => code.split('\n').at(-1))

test('NB11 what a failure dropped is said and can be gone on with', async () => {
  const { runner, asked, keys } = mesh(failing)
  await runner.runAll(keys)
  assert.deepEqual(runner.dropped.value, { after: keys[1], rest: [keys[2], keys[3]] })
  assert.equal(runner.progress.value, undefined)
  await runner.resume()
  assert.deepEqual(codes(asked), ['a', 'fails', 'c', 'd'])
  assert.equal(runner.dropped.value, undefined)
})

test('NB11 a list goes on after a failure where the notebook or the cell says so', async () => {
  for (const text of [
    `---\nmeshbook: {stop-on-error: false}\n---\n${failing}`,
    failing.replace('fails', '#| tags: [raises-exception]\nfails'),
  ]) {
    const { runner, asked, store } = mesh(text)
    await runner.runAll(store.order.value)
    assert.deepEqual(codes(asked), ['a', 'fails', 'c', 'd'])
  }
})

test('NB11 a refused run ends a list whatever the notebook says', async () => {
  const { runner, asked, store } = mesh(
    `---\nmeshbook: {stop-on-error: false}\n---\n${failing.replace('fails', 'refused')}`,
  )
  await runner.runAll(store.order.value)
  assert.deepEqual(codes(asked), ['a'])
  assert.equal(runner.dropped.value?.rest.length, 2)
})

test('NB10 a cell that is not to be evaluated is left out of a list, and runs alone', async () => {
  const { runner, asked, keys } = mesh(failing.replace('fails', '#| eval: false\nb'))
  await runner.runAll(keys)
  assert.deepEqual(codes(asked), ['a', 'c', 'd'])
  await runner.run(keys[1]!)
  assert.deepEqual(codes(asked), ['a', 'c', 'd', 'b'])
})

test('an empty cell is skipped, and what waits can be dropped', async () => {
  const { runner, asked, keys } = mesh()
  await runner.runAll([keys[3]!, keys[2]!])
  assert.deepEqual(
    asked.map(request => request.code),
    ['c'],
  )
  const all = runner.runAll([keys[0]!, keys[2]!])
  runner.stopWaiting()
  await all
  assert.deepEqual(
    asked.map(request => request.code),
    ['c', 'a'],
  )
})

test('a refused run says why at its cell and leaves no request behind that a device could take', async () => {
  const { store, executions, runner, keys } = mesh()
  const at = store.page.text.indexOf('a\n')
  store.write([{ from: at, to: at + 1, insert: 'refused' }])
  assert.equal(await runner.run(keys[0]!), undefined)
  assert.equal(runner.failures.value.get(keys[0]!)!.message, 'none has it')
  assert.deepEqual(
    [...executions.map.keys()].map(run => executions.read(run)!.status),
    ['refused'],
  )
  assert.equal(executions.running.value.size, 0)
})

test('a run that the hub did not answer says it in the past, for it is read when the hub is back', async () => {
  const { store, executions, runner, keys } = mesh()
  const at = store.page.text.indexOf('a\n')
  store.write([{ from: at, to: at + 1, insert: 'away' }])
  assert.equal(await runner.run(keys[0]!), undefined)
  const failure = runner.failures.value.get(keys[0]!)!
  assert.deepEqual([failure.away, failure.message], [true, 'Not run: the hub did not answer.'])
  const [run] = executions.map.keys()
  assert.deepEqual([executions.read(run!)!.status, executions.read(run!)!.reason], ['refused', failure.message])
  store.write([{ from: at, to: at + 4, insert: 'a' }])
  await runner.run(keys[0]!)
  assert.equal(runner.failures.value.size, 0)
})

test('a request of another person shows at the cell that it is anchored in, also when text is inserted above', () => {
  const { store, executions, keys } = mesh()
  const anchor = Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(store.text, store.find(keys[1]!)!.from))
  store.text.insert(0, 'Words above.\n\n')
  executions.map.set('foreign-1', {
    status: 'requested',
    code: 'fails',
    language: 'python',
    cell: anchor,
    requestedAt: 5,
  })
  assert.equal(executions.newest.value.get(keys[1]!), 'foreign-1')
  executions.map.set('broken', { status: 'nonsense', code: 1, language: null, cell: 'x' })
  assert.equal(executions.read('broken'), undefined)
})
