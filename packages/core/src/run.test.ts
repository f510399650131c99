import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as v from 'valibot'
import { parseFence, parseSeq } from './ids.ts'
import { limits } from './limits.ts'
import {
  hasEnded,
  isTerminal,
  queued,
  type RunEvent,
  type RunInput,
  type RunState,
  runEventSchema,
  stepRun,
} from './run.ts'

const fence = parseFence
const stdout = (text = 'a'): RunEvent => ({ type: 'stdout', at: 5, text })
const started: RunEvent = { type: 'started', at: 1, device: 'dev', language: 'python', kernel: 'python' }
const completed: RunEvent = { type: 'completed', at: 9, durationMs: 8 }
const ask: RunEvent = { type: 'input-request', at: 6, id: 'i1', prompt: 'name?', password: false }
const event = (seq: number, event: RunEvent, of = 1): RunInput => ({
  type: 'event',
  fence: fence(of),
  seq: parseSeq(seq),
  event,
})
const lease = (of: number): RunInput => ({ type: 'leased', fence: fence(of) })

/** The state after all inputs; what is refused changes nothing. */
function play(inputs: readonly RunInput[], from: RunState = queued): RunState {
  return inputs.reduce((state, input) => {
    const next = stepRun(state, input)
    return 'refused' in next ? state : next
  }, from)
}

function refusal(state: RunState, input: RunInput): unknown {
  const next = stepRun(state, input)
  return 'refused' in next ? next : undefined
}

test('a run goes from the queue through its lease and its events to one end', () => {
  assert.equal(play([lease(1)]).status, 'leased')
  assert.deepEqual(play([lease(1), event(1, started)]), { status: 'running', seq: 1, fence: 1, startedAt: 1 })
  assert.deepEqual(play([lease(1), event(1, started), event(2, completed)]), {
    status: 'completed',
    seq: 2,
    fence: 1,
    endedAt: 9,
    durationMs: 8,
  })
})

test('a question makes it wait, and the answer lets it go on', () => {
  const waiting = play([lease(1), event(1, started), event(2, ask)])
  assert.deepEqual(waiting, {
    status: 'waiting-for-input',
    seq: 2,
    fence: 1,
    startedAt: 1,
    inputId: 'i1',
    prompt: 'name?',
    password: false,
  })
  assert.equal(play([event(3, stdout())], waiting).status, 'waiting-for-input')
  assert.equal(play([event(3, { type: 'input-answered', at: 7, id: 'i1' })], waiting).status, 'running')
})

test('I4 only the holder of the newest fence appends, and only a newer fence takes over', () => {
  const state = play([lease(1), event(1, started), lease(3)])
  assert.deepEqual(refusal(state, event(2, stdout(), 1)), { refused: 'stale-fence', newest: 3 })
  assert.deepEqual(refusal(state, event(2, stdout(), 2)), { refused: 'stale-fence', newest: 3 })
  assert.deepEqual(refusal(state, event(2, stdout(), 4)), { refused: 'stale-fence', newest: 3 })
  assert.deepEqual(refusal(state, lease(2)), { refused: 'stale-fence', newest: 3 })
  assert.deepEqual(refusal(state, lease(3)), { refused: 'duplicate' })
  assert.equal(play([event(2, stdout(), 3)], state).seq, 2)
})

test('I5 a gap is refused with the number that is expected, and nothing follows the end', () => {
  const running = play([lease(1), event(1, started)])
  assert.deepEqual(refusal(running, event(3, stdout())), { refused: 'gap', expected: 2 })
  const ended = play([event(2, completed)], running)
  assert.deepEqual(refusal(ended, event(3, stdout())), { refused: 'ended', status: 'completed' })
  assert.deepEqual(refusal(ended, lease(9)), { refused: 'ended', status: 'completed' })
  assert.deepEqual(refusal(ended, event(2, completed)), { refused: 'duplicate' })
  assert.deepEqual(refusal(queued, event(1, started)), { refused: 'not-leased' })
})

const anyEvent = fc.constantFrom<RunEvent>(
  started,
  stdout(),
  ask,
  { type: 'input-answered', at: 7, id: 'i1' },
  completed,
  { type: 'failed', at: 9, durationMs: 1, error: { name: 'E', message: '', traceback: [] } },
  { type: 'cancelled', at: 9, durationMs: 1, reason: 'user' },
)
const anyInput = fc.oneof(
  fc.integer({ min: 1, max: 3 }).map(lease),
  fc
    .tuple(fc.integer({ min: 1, max: 8 }), anyEvent, fc.integer({ min: 1, max: 3 }))
    .map(([seq, what, of]) => event(seq, what, of)),
)

test('I5 for any order of inputs: numbers have no gaps, the fence never falls, and there is one terminal event', () => {
  fc.assert(
    fc.property(fc.array(anyInput, { maxLength: 40 }), inputs => {
      let state = queued
      let ends = 0
      for (const input of inputs) {
        const next = stepRun(state, input)
        if ('refused' in next) continue
        if (input.type === 'event') assert.equal(next.seq, state.seq + 1)
        if ('fence' in state && 'fence' in next) assert.ok(next.fence >= state.fence)
        if (input.type === 'event' && isTerminal(input.event)) ends++
        assert.equal(hasEnded(next.status), ends === 1)
        state = next
      }
      assert.ok(ends <= 1)
    }),
    { numRuns: 3000 },
  )
})

test('I5 replaying a whole log a second time changes nothing', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 12 }), events => {
      const log = events.map((what, n) => event(n + 1, what))
      const state = play([lease(1), ...log])
      assert.deepEqual(play(log, state), state)
      for (const input of log.slice(0, state.seq)) assert.deepEqual(refusal(state, input), { refused: 'duplicate' })
    }),
  )
})

test('an event is checked on arrival: unknown types, missing fields and oversized text are refused', () => {
  for (const good of [
    started,
    stdout(),
    ask,
    completed,
    { type: 'display', at: 1, parts: [{ at: 'inline', mimeType: 'text/html', data: '<b>' }] },
  ])
    assert.ok(v.is(runEventSchema, good))
  for (const bad of [
    {},
    null,
    { type: 'exec' },
    { type: 'stdout', text: 'a' },
    { type: 'stdout', at: 1 },
    { type: 'stdout', at: 1.5, text: '' },
    { ...completed, durationMs: -1 },
    stdout('x'.repeat(limits.runEventBytes + 1)),
    { type: 'result', at: 1, parts: [{ at: 'asset', mimeType: 'image/png', asset: 'http://x', bytes: 1 }] },
    { type: 'result', at: 1, parts: [{ at: 'inline', mimeType: 'x', data: '' }] },
  ]) {
    assert.equal(v.is(runEventSchema, bad), false, JSON.stringify(bad)?.slice(0, 80))
  }
})
