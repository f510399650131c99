import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunEvent } from '@meshbook/core/run.ts'
import { completed, started, stdout, TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'

const total = 60
const log: RunEvent[] = [started, ...Array.from({ length: total - 2 }, (_, i) => stdout(`line ${i + 2}\n`)), completed]

/** Where the connection of the device or the hub is cut, round by round. */
const cuts = [
  'before it sends',
  'after it sent',
  'after the answer',
  'with the hub',
  'with the hub, after it sent',
] as const

/** Reads what comes until the stream is cut from the other side. */
async function read(hub: TestHub, from: number, seen: number[]): Promise<'ended' | 'cut'> {
  try {
    const headers = { authorization: `Bearer ${hub.token}`, 'last-event-id': String(from) }
    const response = await fetch(`${hub.hub.url}/api/v1/runs/r/events`, { headers })
    if (response.status === 204) return 'ended'
    let text = ''
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      const blocks = text.split('\n\n')
      text = blocks.pop()!
      for (const block of blocks) if (block.startsWith('id: ')) seen.push(Number(/^id: (\d+)/.exec(block)![1]))
    }
    return seen.at(-1) === total ? 'ended' : 'cut'
  } catch {
    // The hub is away; the viewer comes back.
    return 'cut'
  }
}

test('RU50 RU51 I5 a device and a viewer that are cut at every point, hub restarts among them, miss and repeat nothing', async t => {
  const s = await startTestHub(t)
  const desk = new TestDevice()
  await s.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, s.hub, [s.project.id])
  const { id: document } = await s.document('a.md')
  await s.json('POST', '/runs', { id: 'r', document, language: 'python', code: '1' })
  const { lease } = await desk.next('LEASE')
  const { session, head, fence, run } = lease
  const seen: number[] = []
  let isOver = false
  const viewer = (async () => {
    while ((await read(s, seen.at(-1) ?? 0, seen)) === 'cut' && !isOver) await new Promise(go => setTimeout(go, 20))
  })()
  t.after(() => {
    isOver = true
  })
  let known = 0
  for (let round = 0; known < total; round++) {
    const cut = cuts[round % cuts.length]!
    const events = log.slice(known, known + 7)
    const message = { type: 'RUN_EVENT', run, fence, first: (known + 1) as never, events } as const
    if (cut.includes('after it sent')) desk.send(message)
    if (cut === 'after the answer') await desk.emit(lease, known + 1, events)
    if (cut.startsWith('with the hub')) await s.restart()
    else await desk.drop()
    const held = { heads: [{ session, head, fence }], runs: [{ run, fence, seq: known }] }
    const welcome = await desk.join(t, s.hub, [s.project.id], held)
    const next = welcome.runs[0]!.seq
    assert.ok(next >= known && next <= known + events.length, `the hub has ${next}, known were ${known}`)
    known = next
    if (cut === 'before it sends') known = (await desk.emit(lease, known + 1, log.slice(known, known + 3))).seq
    if (known === total - 1) known = (await desk.emit(lease, total, [completed])).seq
  }
  await viewer
  assert.deepEqual(
    seen,
    Array.from({ length: total }, (_, i) => i + 1),
  )
})
