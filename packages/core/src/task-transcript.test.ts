import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type GateId, parseRunId, parseSeq } from './ids.ts'
import { limits } from './limits.ts'
import type { NumberedEvent, RunEvent } from './run.ts'
import type { TaskEvent } from './task-events.ts'
import {
  addToTranscript,
  noTranscript,
  type ToolItem,
  type Transcript,
  type TranscriptItem,
} from './task-transcript.ts'

const usage = { inputTokens: 1, outputTokens: 2, cacheReadTokens: 0, cacheWriteTokens: 0 }
const commit = 'a'.repeat(40)
const task = (event: TaskEvent): RunEvent => ({ type: 'task', at: 1, event })
const numbered = (events: readonly RunEvent[]): NumberedEvent[] =>
  events.map((event, n) => ({ seq: parseSeq(n + 1), event }))
const seen = (...events: RunEvent[]): Transcript => addToTranscript(noTranscript, numbered(events))
const ended = (turn: number, blocks: object[], more = {}): RunEvent =>
  task({ type: 'turn-ended', turn, blocks: JSON.stringify(blocks), usage, microUsd: 5, stop: 'done', ...more })
const began = (turn: number): RunEvent => task({ type: 'turn-began', turn, model: 'm' })
const said = (turn: number, text: string, as: 'text' | 'thinking' = 'text'): RunEvent =>
  task({ type: 'said', turn, as, text })
const heard = (id: string, text: string): RunEvent => task({ type: 'heard', id, by: 'me', text })
const kinds = ({ items }: Transcript): string[] => items.map(({ kind }) => kind)
const only = <K extends TranscriptItem['kind']>({ items }: Transcript, kind: K) =>
  items.filter((item): item is Extract<TranscriptItem, { kind: K }> => item.kind === kind)

test('pieces of an answer grow, and give way to the whole answer in their place and under their key', () => {
  const live = seen(began(1), said(1, 'hm', 'thinking'), said(1, 'I lo'), said(1, 'ok'))
  assert.deepEqual(
    only(live, 'said').map(({ as, text, state }) => [as, text, state]),
    [
      ['thinking', 'hm', 'coming'],
      ['text', 'I look', 'coming'],
    ],
  )
  const blocks = [
    { type: 'thinking', text: 'hm.' },
    { type: 'text', text: 'I look.' },
    { type: 'tool-call', id: 'c1', tool: 'shell', input: '{"command":"ls"}' },
  ]
  const whole = addToTranscript(live, [{ seq: parseSeq(5), event: ended(1, blocks) }])
  assert.deepEqual(
    only(whole, 'said').map(({ key, text, state }) => [key, text, state]),
    only(live, 'said').map(({ key }, n) => [key, ['hm.', 'I look.'][n], 'whole']),
  )
  assert.deepEqual(only(whole, 'tool')[0]!.state, 'wanted')
  assert.deepEqual([only(whole, 'turn')[0]!.state, only(whole, 'turn')[0]!.microUsd], ['ended', 5])
})

test('an answer that is asked for again leaves nothing of the one before', () => {
  const again = seen(began(1), said(1, 'one'), task({ type: 'notice', text: 'overloaded' }), began(1), said(1, 'two'))
  assert.deepEqual(kinds(again), ['notice', 'turn', 'said'])
  assert.deepEqual(
    only(again, 'said').map(({ text }) => text),
    ['two'],
  )
})

test('a worker that is replaced cuts what went on, and the next goes on with it', () => {
  const blocks = [{ type: 'tool-call', id: 'c', tool: 'shell', input: '{}' }]
  const toolBegan = task({ type: 'tool-began', turn: 1, call: 'c', tool: 'shell', shown: 'npm test' })
  const events = [
    began(1),
    ended(1, blocks),
    toolBegan,
    task({ type: 'tool-printed', call: 'c', text: 'x' }),
    task({ type: 'worker-replaced', reason: 'it was lost' }),
  ]
  const cut = seen(...events)
  assert.equal(only(cut, 'tool')[0]!.state, 'cut')
  const on = seen(...events, toolBegan, task({ type: 'tool-ended', call: 'c', ok: true, content: 'fine' }))
  assert.deepEqual(
    only(on, 'tool').map(({ state, output, shown }) => [state, output, shown]),
    [['ok', 'fine', 'npm test']],
  )
  const other = seen(began(2), said(2, 'half'), task({ type: 'worker-replaced', reason: 'gone' }), began(2))
  assert.deepEqual(kinds(other), ['replaced', 'turn'])
})

test('a message says at which turn it was heard', () => {
  const waiting = seen(heard('m1', 'do it'))
  assert.equal(only(waiting, 'message')[0]!.turn, undefined)
  const all = seen(heard('m1', 'do it'), began(1), ended(1, []), heard('m2', 'and'), heard('m3', 'more'), began(2))
  assert.deepEqual(
    only(all, 'message').map(({ turn }) => turn),
    [1, 2, 2],
  )
})

test('a call that is refused before it begins has its answer; the same name in a later answer is another call', () => {
  const call = { type: 'tool-call', id: 'c', tool: 'shell', input: '{}' }
  const refused = task({ type: 'tool-ended', call: 'c', ok: false, content: 'Refused by me.' })
  const two = seen(began(1), ended(1, [call]), refused, began(2), ended(2, [call]))
  assert.deepEqual(
    only(two, 'tool').map(({ state, output }) => [state, output]),
    [
      ['failed', 'Refused by me.'],
      ['wanted', ''],
    ],
  )
})

test('an answer that is kept as an asset, or cannot be read, stays as it came', () => {
  const asset = `sha256-${'a'.repeat(64)}`
  const more = { blocks: undefined, asset }
  const kept = seen(began(1), said(1, 'long'), ended(1, [], more))
  assert.deepEqual([only(kept, 'said')[0]!.state, only(kept, 'turn')[0]!.asset], ['whole', asset])
  assert.deepEqual(only(seen(began(1), said(1, 'x'), ended(1, [], { blocks: '{' })), 'said')[0]!.text, 'x')
})

test('a tool that works in a run of its own says which, also after its worker was replaced', () => {
  const began = task({ type: 'tool-began', turn: 1, call: 'c', tool: 'notebook_cell', shown: 'python in a.md' })
  const inRun = task({ type: 'tool-run', call: 'c', run: parseRunId('cell-1') })
  const replaced = task({ type: 'worker-replaced', reason: 'gone' })
  const ended = task({ type: 'tool-ended', call: 'c', ok: true, content: '42' })
  for (const events of [
    [began, inRun, ended],
    [began, inRun, replaced, began, inRun, ended],
  ])
    assert.deepEqual(
      only(seen(...events), 'tool').map(({ state, run }) => [state, run]),
      [['ok', 'cell-1']],
    )
})

test('of what a tool prints the end is kept', () => {
  const printed = (text: string) => task({ type: 'tool-printed', call: 'c', text })
  const most = limits.toolOutputBytes
  const began = task({ type: 'tool-began', turn: 1, call: 'c', tool: 'shell', shown: 'yes' })
  const { output } = only(seen(began, printed('a'.repeat(most)), printed('bb')), 'tool')[0]!
  assert.deepEqual([output.length, output.endsWith('abb')], [most, true])
})

test('gates and questions say how they were answered, and the end ends all', () => {
  const gate = 'gate_x' as GateId
  const opened: RunEvent = {
    type: 'gate-opened',
    at: 1,
    gate,
    nonce: 'n'.repeat(16),
    title: 'Allow shell?',
    shown: 'rm',
    expiresAt: 9,
  }
  const all = seen(
    opened,
    { type: 'gate-decided', at: 2, gate, decision: 'approved', by: 'me' },
    { type: 'input-request', at: 3, id: 'q', prompt: 'Which?', password: false },
    { type: 'input-answered', at: 4, id: 'q' },
    began(1),
    { type: 'cancelled', at: 5, durationMs: 4, reason: 'stopped by me' },
  )
  const [approval] = only(all, 'approval')
  assert.deepEqual([approval!.decision, approval!.by, approval!.decidedAt], ['approved', 'me', 2])
  assert.equal(only(all, 'question')[0]!.answered, true)
  assert.equal(only(all, 'turn')[0]!.state, 'cut')
  assert.deepEqual([all.ended, only(all, 'end')[0]!.reason], [true, 'stopped by me'])
})

const turn = fc.integer({ min: 1, max: 4 })
const call = fc.constantFrom('a', 'b', 'c')
const words = fc.constantFrom('', 'x', 'some words', '\n')
const blocks = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('text'), text: words }),
    fc.record({ type: fc.constant('thinking'), text: words }),
    fc.record({ type: fc.constant('tool-call'), id: call, tool: fc.constant('shell'), input: words }),
  ),
  { maxLength: 4 },
)
const anyTask = fc.oneof(
  fc.record({ type: fc.constant('heard'), id: call, by: fc.constant('me'), text: words }),
  fc.record({ type: fc.constant('turn-began'), turn, model: fc.constant('m') }),
  fc.record({ type: fc.constant('said'), turn, as: fc.constantFrom('text', 'thinking'), text: words }),
  fc
    .tuple(
      turn,
      fc.oneof(
        blocks.map(list => JSON.stringify(list)),
        fc.constant('{'),
        fc.constant(undefined),
      ),
    )
    .map(([turn, blocks]) => ({ type: 'turn-ended', turn, blocks, usage, microUsd: 1, stop: 'done' })),
  fc.record({ type: fc.constant('tool-began'), turn, call, tool: fc.constant('shell'), shown: words }),
  fc.record({ type: fc.constant('tool-printed'), call, text: words }),
  fc.record({ type: fc.constant('tool-ended'), call, ok: fc.boolean(), content: words }),
  fc.record({ type: fc.constant('paused'), by: fc.constant('me') }),
  fc.record({ type: fc.constant('unpaused'), by: fc.constant('me') }),
  fc.record({ type: fc.constant('worker-replaced'), reason: words }),
  fc.constant({ type: 'checkpoint', turn: 1, commit, files: 1, added: 1, removed: 1 }),
  fc.constant({ type: 'of a later version' }),
)
const anyEvents = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: anyTask.map(event => task(event as TaskEvent)) },
    {
      weight: 1,
      arbitrary: fc.constant<RunEvent>({ type: 'gate-decided', at: 1, gate: 'g' as GateId, decision: 'approved' }),
    },
    { weight: 1, arbitrary: fc.constant<RunEvent>({ type: 'completed', at: 1, durationMs: 1 }) },
  ),
  { maxLength: 40 },
)

test('events one by one, in any pieces, twice or all at once come to the same, and items that did not change stay', () => {
  fc.assert(
    fc.property(anyEvents, fc.infiniteStream(fc.integer({ min: 1, max: 5 })), (events, sizes) => {
      const all = numbered(events)
      const whole = addToTranscript(noTranscript, all)
      let one = noTranscript
      for (const event of all) {
        const next = addToTranscript(one, [event])
        for (const item of next.items) {
          const before = one.items.find(({ key }) => key === item.key)
          if (before && JSON.stringify(before) === JSON.stringify(item) && item.kind === 'tool')
            assert.equal((item as ToolItem).call, (before as ToolItem).call)
        }
        one = next
      }
      let pieces = noTranscript
      for (let at = 0; at < all.length; ) {
        const size = sizes.next().value as number
        // What was cut off is sent again.
        pieces = addToTranscript(pieces, all.slice(Math.max(0, at - 2), at + size))
        at += size
      }
      assert.deepEqual(one, whole)
      assert.deepEqual(pieces, whole)
      assert.equal(addToTranscript(whole, all), whole)
    }),
  )
})

test('after any of the events everything can be drawn: every item has a key of its own, and nothing goes on behind the end', () => {
  fc.assert(
    fc.property(anyEvents, events => {
      let now = noTranscript
      for (const event of numbered(events)) {
        now = addToTranscript(now, [event])
        const keys = now.items.map(({ key }) => key)
        assert.equal(new Set(keys).size, keys.length, keys.join(' '))
        const going = now.items.filter(item => item.kind === 'tool' && item.state === 'running')
        assert.ok(!now.ended || going.length === 0)
      }
    }),
  )
})
