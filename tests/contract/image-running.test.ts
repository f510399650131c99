import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunEvent } from '@meshbook/core/run.ts'
import { capture, device, openOn } from './image-bed.ts'
import { hasText, log, order, when } from './kernel.ts'
import { PartsInMemory } from './parts-in-memory.ts'

const textOf = (events: readonly RunEvent[]) =>
  events.flatMap(event => (event.type === 'stdout' ? [event.text] : [])).join('')

for (const { kernel, program } of [
  { kernel: 'python', program: 'import time\nfor i in range(60):\n    print(i, flush=True); time.sleep(0.1)' },
  {
    kernel: 'javascript',
    program: 'for (let i = 0; i < 60; i++) { console.log(i); await new Promise(r => setTimeout(r, 100)) }',
  },
  { kernel: 'bash', program: 'for i in $(seq 0 59); do echo $i; sleep 0.1; done' },
])
  test(`SN13: ${kernel} is saved in the middle of a run, which goes on here, and elsewhere to its end`, async t => {
    const [a, b] = [await device(t, kernel), await device(t, kernel)]
    const parts = new PartsInMemory()
    const session = await a.sessions.start(a.spec)
    const run = await order(session, program)
    await when(session, run, hasText('5'))
    const saved = await capture(a, session, parts, true)
    t.diagnostic(`stood still for ${saved.pauseMs.toFixed(1)} ms`)
    assert.equal(saved.during?.run, run)
    const whole = (await log(session, run)).map(({ event }) => event)
    const numbers = Array.from({ length: 60 }, (_, index) => `${index}`)
    assert.deepEqual(textOf(whole).trim().split(/\s+/), numbers)
    const { seq, kernelEvents } = saved.during!
    const known = whole.slice(0, seq)
    await session.shutdown()
    const from = await openOn(b, saved, parts)
    const resume = {
      order: { run, fence: b.spec.fence, code: program, cellName: 'demo' },
      seq,
      fromSeq: seq,
      kernelEvents,
    }
    const again = await b.sessions.start(b.spec, { from, notice: 'restored', resume })
    try {
      const rest: RunEvent[] = []
      for await (const { event } of again.events(run, seq, AbortSignal.timeout(60_000))) rest.push(event)
      assert.deepEqual(
        textOf([...known, ...rest])
          .trim()
          .split(/\s+/),
        numbers,
      )
      assert.equal(rest.at(-1)?.type, 'completed')
    } finally {
      await again.shutdown()
    }
  })
