/**
 * The Node side of the Julia kernel over exchanges written down byte for byte, as side/ takes and says them. Julia
 * itself runs in the contract of all kernels (tests/contract), where it is installed.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { bench, textOf } from '../child/test-bench.ts'

const child = join(import.meta.dirname, '../child/scripted-child.ts')

const start = (t: TestContext, transcript: string) =>
  bench(t, {
    kernel: 'Julia 1.11.1',
    version: '1.11.1',
    stdin: 'ended-pipe',
    env: process.env,
    command: (scratch, nonce) => [
      process.execPath,
      child,
      join(import.meta.dirname, 'transcripts', transcript),
      scratch,
      nonce,
    ],
  })

test('KN31 KN32 KN33 a cell is ordered, prints, has a result and ends; another fails with its traceback', async t => {
  const { run } = await start(t, 'cells.json')
  assert.deepEqual(await run('println("hi")\n1 + 1'), [
    { type: 'started' },
    { type: 'stdout', text: 'hi\n' },
    { type: 'result', parts: [{ mimeType: 'text/plain', data: '2' }] },
    { type: 'completed' },
  ])
  const events = await run('f()')
  assert.equal(textOf(events, 'stdout'), 'before\ufffd')
  assert.equal(textOf(events, 'stderr'), 'warning of it')
  assert.deepEqual(events.at(-1), {
    type: 'failed',
    error: { name: 'ErrorException', message: 'bad', traceback: ['at demo#1: f()', 'ErrorException: bad'] },
  })
})

test('KN24 KN21 a question is answered by an order, and cancelled by another', async t => {
  const { adapter, start: begin } = await start(t, 'input.json')
  const asking = begin('print("line\\nName? ")\nprintln("hi ", readline())')
  const request = await asking.when(event => event.type === 'input-request')
  assert.ok(request.type === 'input-request' && adapter.input(request.id, 'Ada'))
  assert.equal(request.prompt, 'Name? ', 'what stands in the last line')
  assert.equal(textOf(await asking.ended, 'stdout'), 'line\nName? hi Ada\n')
  const cancelled = begin('readline()')
  await cancelled.when(event => event.type === 'input-request')
  adapter.interrupt()
  assert.deepEqual((await cancelled.ended).at(-1), { type: 'cancelled' })
})

test('KN9 KN11 completion, documentation and variables are orders with a number; null is nothing found', async t => {
  const { adapter } = await start(t, 'questions.json')
  while (JSON.stringify(await adapter.complete('é; ans', 6)) === '{"from":6,"to":6,"items":[]}')
    await new Promise(resolve => setTimeout(resolve, 10))
  assert.deepEqual(await adapter.inspect('Base.sum([1])', 6), { found: true, text: 'sum(f, itr)' })
  assert.deepEqual(await adapter.variables(), { items: [], truncated: false })
})
