import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NumberedEvent, RunEvent } from '@meshbook/core/run.ts'
import type { WorkflowEvent } from '@meshbook/core/workflow/workflow-events.ts'
import fc from 'fast-check'
import { addToRun, noRun, type ShownRun } from './shown-run.ts'
import {
  countWords,
  runStanding,
  spentWords,
  standingOf,
  standingShapes,
  standings,
  standingWords,
} from './step-words.ts'

const said: WorkflowEvent[] = [
  { type: 'began', name: 'demo', definition: 'a'.repeat(64), children: [], inputs: { n: 1 }, budget: 100 },
  { type: 'kept', path: 'before', outcome: 'succeeded', output: { value: 1 } },
  { type: 'attempt-began', path: 'ask', attempt: 1, group: 1, reserved: 30 },
  { type: 'printed', path: 'ask', text: 'one\ntwo\n' },
  {
    type: 'attempt-failed',
    path: 'ask',
    attempt: 1,
    error: { code: 'HTTP', message: 'it is away' },
    known: true,
    retryAt: 9,
    microUsd: 10,
  },
  { type: 'attempt-began', path: 'ask', attempt: 2, group: 2, reserved: 20 },
  { type: 'attempt-interrupted', path: 'ask', attempt: 2 },
  { type: 'attempt-began', path: 'ask', attempt: 3, group: 2, reserved: 20 },
  { type: 'step-ended', path: 'ask', outcome: 'succeeded', output: { value: 'yes' }, microUsd: 5 },
  { type: 'expanded', path: 'each', items: { value: [1, 2, 3] }, count: 3 },
  { type: 'scope-began', path: 'each[0]' },
  { type: 'step-ended', path: 'each[0].t', outcome: 'succeeded', output: { value: 1 } },
  { type: 'scope-ended', path: 'each[0]', outcome: 'succeeded', output: { value: 1 } },
  { type: 'scope-began', path: 'each[1]' },
  { type: 'step-ended', path: 'each[1].t', outcome: 'failed', error: { code: 'EXPRESSION', message: 'no' } },
  { type: 'scope-ended', path: 'each[1]', outcome: 'failed', error: { code: 'EXPRESSION', message: 'no' } },
  { type: 'notice', text: 'it costs more than was thought' },
]
const log = [...said.map((event, n): RunEvent => ({ type: 'workflow', at: n * 10, event }))].map(
  (event, n): NumberedEvent => ({ seq: (n + 1) as NumberedEvent['seq'], event }),
)
const whole = addToRun(noRun, log)

test('PO73 however the log comes in pieces, and whatever comes again, what is shown is that of the whole log', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ size: fc.nat(6), again: fc.nat(4) })), pieces => {
      let run: ShownRun = noRun
      for (const { size, again } of pieces) run = addToRun(run, log.slice(Math.max(0, run.seq - again), run.seq + size))
      assert.deepEqual(addToRun(run, log.slice(run.seq)), whole)
    }),
    { numRuns: 60 },
  )
})

test('PO72 attempts keep their errors and costs, lines are those that were printed, and the costs are those of the state', () => {
  const facts = whole.facts.get('ask')!
  assert.deepEqual(
    facts.attempts.map(({ number, how, microUsd, error }) => [number, how, microUsd, error?.code]),
    [
      [1, 'failed', 10, 'HTTP'],
      [2, 'interrupted', 20, undefined],
      [3, 'succeeded', 5, undefined],
    ],
  )
  assert.deepEqual(facts.lines, ['one', 'two'])
  assert.equal(facts.microUsd, 35)
  assert.equal(whole.state.spent, 35)
  assert.deepEqual(whole.notices, ['it costs more than was thought'])
})

test('PO71 a map says how many of its items ended, and what went wrong stays to be seen when it has ended', () => {
  assert.equal(countWords('map', whole.state.root.steps.each, whole.facts.get('each')), '2 of 3, 1 failed')
  const event: RunEvent = { type: 'workflow', at: 999, event: { type: 'step-ended', path: 'each', outcome: 'failed' } }
  const later = addToRun(whole, [{ seq: (whole.seq + 1) as NumberedEvent['seq'], event }])
  assert.equal(standingOf(undefined, later.facts.get('each[1].t'), later), 'failed')
  assert.equal(standingOf(later.state.root.steps.each, later.facts.get('each'), later), 'failed')
})

test('PO71 every standing has a word and a shape of its own; kept, pending and stopped are told apart', () => {
  assert.equal(new Set(standings.map(one => standingWords[one])).size, standings.length)
  assert.equal(new Set(standings.map(one => standingShapes[one])).size, standings.length)
  const at = (id: string, run = whole) => standingOf(run.state.root.steps[id], run.facts.get(id), run)
  assert.deepEqual([at('before'), at('ask'), at('each'), at('later')], ['kept', 'succeeded', 'running', 'pending'])
  const event: RunEvent = { type: 'workflow', at: 1_000, event: { type: 'ended', outcome: 'cancelled' } }
  const over = addToRun(whole, [{ seq: (whole.seq + 1) as NumberedEvent['seq'], event }])
  assert.deepEqual([at('each', over), at('later', over)], ['stopped', 'pending'])
})

test('PO70 a run says what it waits for before how it stands, and costs nothing in a word', () => {
  assert.deepEqual(runStanding({ status: 'running', waits: ['signal'] }), { word: 'Waits for a signal', tone: 'warn' })
  assert.deepEqual(runStanding({ status: 'failed', waits: ['gate'] }), { word: 'Failed', tone: 'bad' })
  assert.equal(spentWords({ spent: 0, held: 0, budget: null }), 'Nothing')
  assert.equal(spentWords({ spent: 120_000, held: 10_000, budget: 2_000_000 }), '$0.12 of $2.00, $0.01 held')
})
