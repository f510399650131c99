import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import { addToTranscript, noTranscript } from '@meshbook/core/task-transcript.ts'
import fc from 'fast-check'
import { type FollowPorts, followTask, type Source } from './follow-task.ts'

class ScriptedSource implements Source {
  readyState = 1
  onopen: (() => void) | null = null
  onmessage: ((message: { data: string; lastEventId: string }) => void) | null = null
  onerror: (() => void) | null = null
  readonly after: number
  constructor(url: string) {
    this.after = Number(new URL(url, 'http://hub').searchParams.get('after'))
  }
  close(): void {
    this.readyState = 2
  }
}

function browser() {
  const opened: ScriptedSource[] = []
  const draws: (() => void)[] = []
  const later: (() => void)[] = []
  const ports: FollowPorts = {
    open: url => {
      const source = new ScriptedSource(url)
      opened.push(source)
      return source
    },
    soon: draw => void draws.push(draw),
    after: (_ms, work) => {
      later.push(work)
      return () => undefined
    },
    random: () => 0.5,
  }
  return { opened, draws, later, ports, draw: () => runAll(draws) }
}

function runAll(works: (() => void)[]): void {
  for (const work of works.splice(0)) work()
}

const log: RunEvent[] = [
  ...(
    [
      { type: 'heard', id: 'm', by: 'me', text: 'Mend it' },
      { type: 'turn-began', turn: 1, model: 'm' },
      ...Array.from({ length: 20 }, (_, n) => ({ type: 'said', turn: 1, as: 'text', text: `${n} ` }) as const),
    ] satisfies TaskEvent[]
  ).map((event): RunEvent => ({ type: 'task', at: 1, event })),
  { type: 'completed', at: 2, durationMs: 1 },
]
const whole = addToTranscript(
  noTranscript,
  log.map((event, n) => ({ seq: (n + 1) as never, event })),
)

test('TP1 wherever the stream is cut, and whatever is sent twice, the transcript is that of the log', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ size: fc.nat(8), again: fc.nat(3), closed: fc.boolean() })), cuts => {
      const b = browser()
      const followed = followTask('run', () => false, b.ports)
      const send = (source: ScriptedSource, from: number, to: number) => {
        for (let n = from; n < Math.min(to, log.length); n++)
          source.onmessage!({ data: JSON.stringify(log[n]), lastEventId: String(n + 1) })
      }
      for (const { size, again, closed } of cuts) {
        const source = b.opened.at(-1)!
        source.onopen!()
        const seen = Math.max(source.after, followed.transcript.value.seq)
        send(source, Math.max(0, seen - again), seen + size)
        b.draw()
        if (followed.state.value === 'ended') break
        // A browser connects again by itself, or not at all.
        if (closed) source.readyState = 2
        source.onerror!()
        assert.equal(followed.state.value, 'cut')
        if (closed) runAll(b.later)
        assert.ok(b.opened.at(-1)!.after <= followed.transcript.value.seq)
      }
      send(b.opened.at(-1)!, 0, log.length)
      b.draw()
      assert.deepEqual(followed.transcript.value, whole)
      assert.equal(followed.state.value, 'ended')
    }),
  )
})

test('TP1 many events between two pictures are drawn once', () => {
  const b = browser()
  followTask('run', () => false, b.ports)
  for (let n = 0; n < 10; n++) b.opened[0]!.onmessage!({ data: JSON.stringify(log[n]), lastEventId: String(n + 1) })
  assert.equal(b.draws.length, 1)
})

test('TP1 a log to which nothing comes is not asked for again', () => {
  const b = browser()
  const followed = followTask('run', () => true, b.ports)
  b.opened[0]!.readyState = 2
  b.opened[0]!.onerror!()
  assert.deepEqual([followed.state.value, b.later.length], ['ended', 0])
})
