import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type GateId, parseSeq } from '@meshbook/core/ids.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import { addToTranscript, noTranscript } from '@meshbook/core/task-transcript.ts'
import { goingWords, TaskPrinter } from './task-lines.ts'

const usage = { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 }
const task = (event: TaskEvent): RunEvent => ({ type: 'task', at: 1, event })
const blocks = JSON.stringify([
  { type: 'text', text: 'I look at the test.' },
  { type: 'tool-call', id: 'c1', tool: 'shell', input: '{}' },
])
const gate = 'gate_1' as GateId
const log: RunEvent[] = [
  task({ type: 'heard', id: 'first', by: 'me', text: 'Mend it' }),
  task({ type: 'turn-began', turn: 1, model: 'claude' }),
  task({ type: 'said', turn: 1, as: 'text', text: 'I look' }),
  task({ type: 'said', turn: 1, as: 'text', text: ' at the test.' }),
  task({ type: 'turn-ended', turn: 1, blocks, usage, microUsd: 20_000, stop: 'tools' }),
  {
    type: 'gate-opened',
    at: 1,
    gate,
    nonce: 'n'.repeat(16),
    title: 'Allow shell?',
    shown: 'npm test',
    expiresAt: 9,
  },
  { type: 'gate-decided', at: 2, gate, decision: 'approved', by: 'me' },
  task({ type: 'tool-began', turn: 1, call: 'c1', tool: 'shell', shown: 'npm test' }),
  task({ type: 'tool-printed', call: 'c1', text: 'one\n' }),
  task({ type: 'tool-ended', call: 'c1', ok: false, content: 'one\n\u001b[31m2 failed\u001b[0m\n' }),
  { type: 'completed', at: 3, durationMs: 61_000 },
]

function print(sizes: number, full = false): string[] {
  const printer = new TaskPrinter({ full, colours: false })
  const lines: string[] = []
  let transcript = noTranscript
  for (let from = 0; from < log.length; from += sizes) {
    const part = log.slice(from, from + sizes).map((event, n) => ({ seq: parseSeq(from + n + 1), event }))
    transcript = addToTranscript(transcript, part)
    lines.push(...printer.next(transcript))
  }
  return lines
}

test('a transcript is printed once, in order, with its calls folded into a line', () => {
  assert.deepEqual(print(1), [
    '▸ me, heard at turn 1:',
    '  Mend it',
    '',
    '── Turn 1 · claude · $0.02',
    'I look at the test.',
    '? Allow shell?  Look and decide: meshbook gate approve gate_1',
    '  approved by me',
    '✖ shell  npm test  (2 lines)',
    '    2 failed',
    '✔ done after 61 s',
  ])
})

test('however its events come, the same lines are printed', () => {
  for (const size of [2, 3, 5, log.length]) assert.deepEqual([...print(size)].sort(), [...print(1)].sort())
})

test('in full the output of a tool is there, and nothing in it steers the terminal', () => {
  const lines = print(1, true)
  assert.ok(lines.includes('    one') && lines.includes('    2 failed'))
  assert.ok(!lines.join('\n').includes('\u001b'))
})

test('one line says what goes on', () => {
  const at = (count: number) =>
    addToTranscript(
      noTranscript,
      log.slice(0, count).map((event, n) => ({ seq: parseSeq(n + 1), event })),
    )
  assert.equal(goingWords(noTranscript, 0), 'waits for its worker')
  assert.equal(goingWords(at(6), 20_000), 'waits for you · $0.02')
  assert.equal(goingWords(at(8), 20_000), 'turn 1 · shell  npm test · $0.02')
})
