import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFence, parseRunId, parseSeq } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { JournalEvent } from '../kernels/port.ts'
import type { RunSource } from './run-source.ts'
import { shared } from './shared-source.ts'

const out = (text: string): RunEvent => ({ type: 'stdout', at: 1, text })
const end: RunEvent = { type: 'completed', at: 1, durationMs: 0 }

/** A journal that counts its readings. */
function journal(events: readonly RunEvent[]): { source: RunSource; readings: number[]; open: () => number } {
  const readings: number[] = []
  let open = 0
  const source: RunSource = {
    async *events(after, signal) {
      readings.push(after)
      open++
      try {
        for (const [i, event] of events.entries()) {
          await new Promise(resolve => setImmediate(resolve))
          if (signal.aborted) return
          if (i >= after) yield { run: parseRunId('r'), fence: parseFence(1), seq: parseSeq(i + 1), event }
        }
      } finally {
        open--
      }
    },
    asset: () => Promise.reject(new Error('no asset')),
    forget: () => Promise.resolve(),
  }
  return { source, readings, open: () => open }
}

async function seqs(events: AsyncIterable<JournalEvent>, pause: () => Promise<unknown> = () => Promise.resolve()) {
  const seen: number[] = []
  for await (const { seq } of events) {
    seen.push(seq)
    await pause()
  }
  return seen
}

const go = new AbortController().signal
const upTo = (count: number, from = 1): number[] => Array.from({ length: count - from + 1 }, (_, i) => from + i)

test('I5 two who follow a run from its start see every event once, from one reading', async () => {
  const { source, readings } = journal([...Array.from({ length: 50 }, () => out('x')), end])
  const both = shared(source)
  const seen = await Promise.all([seqs(both.events(0, go)), seqs(both.events(0, go))])
  assert.deepEqual(seen, [upTo(51), upTo(51)])
  assert.deepEqual(readings, [0])
})

test('I5 one who is too slow goes on by itself: nobody waits for it, and it misses nothing', async () => {
  const long = 'x'.repeat(limits.streamCreditBytes / 4)
  const { source, readings } = journal([...Array.from({ length: 30 }, () => out(long)), end])
  const both = shared(source)
  let isFastDone = false
  const fast = seqs(both.events(0, go)).finally(() => {
    isFastDone = true
  })
  const slow = seqs(both.events(0, go), async () => {
    while (!isFastDone) await new Promise(resolve => setImmediate(resolve))
  })
  assert.deepEqual(await Promise.all([fast, slow]), [upTo(31), upTo(31)])
  assert.deepEqual(readings, [0, 1])
})

test('DV37 one who begins elsewhere or later gets all that is behind its place; the last one to go ends the reading', async () => {
  const { source, open } = journal([...Array.from({ length: 40 }, () => out('x')), end])
  const both = shared(source)
  const stop = new AbortController()
  const first = seqs(both.events(10, stop.signal), async () => new Promise(resolve => setImmediate(resolve)))
  const whole = seqs(both.events(0, go))
  assert.deepEqual(await whole, upTo(41))
  assert.deepEqual(await seqs(both.events(30, go)), upTo(41, 31))
  stop.abort()
  const seen = await first
  assert.deepEqual(seen, upTo(10 + seen.length, 11))
  for (let turns = 0; open() > 0 && turns < 100; turns++) await new Promise(resolve => setImmediate(resolve))
  assert.equal(open(), 0)
})
