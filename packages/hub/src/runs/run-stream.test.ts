import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import { newId, parseRunId, systemRandom } from '@meshbook/core/ids.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { eventStream } from '@meshbook/relay/serve/sse.ts'
import type { HubStore } from '../store/hub-store.ts'
import { completed, started, stdout, TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'
import { RunFeeds } from './run-feeds.ts'
import { readRun } from './run-stream.ts'

interface Seen {
  seq: number
  event: RunEvent
}

/** Reads a run's stream as EventSource does: it may be cut anywhere, and only whole events count. */
async function read(
  test: TestHub,
  id: string,
  from: number,
  cutAfter: number,
): Promise<{ seen: Seen[]; ended: boolean }> {
  const cut = new AbortController()
  const seen: Seen[] = []
  let text = ''
  let received = 0
  try {
    const response = await fetch(`${test.hub.url}/api/v1/runs/${id}/events`, {
      headers: { authorization: `Bearer ${test.token}`, ...(from > 0 ? { 'last-event-id': String(from) } : {}) },
      signal: cut.signal,
    })
    if (response.status === 204) return { seen, ended: true }
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      const blocks = text.split('\n\n')
      text = blocks.pop()!
      for (const block of blocks) {
        const match = /^id: (\d+)\ndata: (.*)$/.exec(block)
        if (!match) continue
        const event = JSON.parse(match[2]!) as RunEvent
        seen.push({ seq: Number(match[1]), event })
      }
      received += chunk.length
      if (received > cutAfter) cut.abort()
    }
    return { seen, ended: true }
  } catch (error) {
    if (!cut.signal.aborted) throw error
    return { seen, ended: false }
  }
}

async function runWithDevice(t: Parameters<typeof startTestHub>[0]) {
  const test = await startTestHub(t)
  const desk = new TestDevice()
  await test.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  const { id: document } = await test.document('a.md')
  await test.json<Run>('POST', '/runs', { id: 'r', document, language: 'python', code: '1' })
  return { test, desk, lease: (await desk.next('LEASE')).lease }
}

test('viewers that are cut at random resume by Last-Event-ID and see each event once, in order (I5)', async t => {
  const { test, desk, lease } = await runWithDevice(t)
  const total = 400
  const writing = (async () => {
    await desk.emit(lease, 1, [started])
    for (let seq = 2; seq < total; seq += 19) {
      const count = Math.min(19, total - seq)
      await desk.emit(
        lease,
        seq,
        Array.from({ length: count }, (_, i) => stdout(`line ${seq + i}\n`)),
      )
    }
    await desk.emit(lease, total, [completed])
  })()
  const viewers = [1, 2, 3, 4, 5].map(async seed => {
    const all: Seen[] = []
    let state = seed * 7919
    let connections = 0
    for (let ended = false; !ended; connections++) {
      state = (state * 48271) % 2147483647
      const part = await read(
        test,
        'r',
        all.at(-1)?.seq ?? 0,
        connections > 40 ? Number.POSITIVE_INFINITY : state % 4_000,
      )
      all.push(...part.seen)
      ended = part.ended
    }
    return { all, connections }
  })
  await writing
  for (const { all, connections } of await Promise.all(viewers)) {
    assert.ok(connections > 3, `${connections} connections`)
    assert.deepEqual(
      all.map(({ seq }) => seq),
      Array.from({ length: total }, (_, i) => i + 1),
    )
    for (const { seq, event } of all) if (event.type === 'stdout') assert.equal(event.text, `line ${seq}\n`)
  }
})

test('a stream shows what is in the log at once, then what comes, and ends after the terminal event', async t => {
  const { test, desk, lease } = await runWithDevice(t)
  await desk.emit(lease, 1, [started, stdout('early')])
  const reading = read(test, 'r', 0, Number.POSITIVE_INFINITY)
  await desk.emit(lease, 3, [stdout('live')])
  await desk.emit(lease, 4, [completed])
  const { seen, ended } = await reading
  assert.ok(ended)
  assert.deepEqual(
    seen.map(({ seq }) => seq),
    [1, 2, 3, 4],
  )
  const { seen: rest } = await read(test, 'r', 3, Number.POSITIVE_INFINITY)
  assert.deepEqual(
    rest.map(({ event }) => event.type),
    ['completed'],
  )
  const after = await test.api('GET', '/runs/r/events?after=4')
  assert.doesNotMatch(await after.text(), /data:/)
})

test('S24 a stream that is not read is not filled: one chunk waits, however much the run writes', async () => {
  let made = 0
  const { response } = eventStream(
    async () => {
      made++
      return 'x'.repeat(100_000)
    },
    () => undefined,
  )
  await new Promise(resolve => setTimeout(resolve, 50))
  assert.ok(made <= 2, `${made} chunks were made`)
  await response.body!.cancel()
})

test('a silent stream sends comments, so that a dead connection is noticed', async () => {
  const { response, end } = eventStream(
    signal => new Promise(resolve => signal.addEventListener('abort', () => resolve(undefined))),
    () => undefined,
    20,
  )
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  const texts = [(await reader.read()).value, (await reader.read()).value, (await reader.read()).value]
  assert.deepEqual(texts, [': open\n\n', ': beat\n\n', ': beat\n\n'])
  end()
  for (let done = false; !done; ) done = (await reader.read()).done
})

test('S8 a stream ends when the token it was opened with is revoked', async t => {
  const { test } = await runWithDevice(t)
  const { id, token } = await test.json<{ id: string; token: string }>('POST', '/tokens', {
    name: 'viewer',
    scopes: ['read'],
  })
  const response = await fetch(`${test.hub.url}/api/v1/events`, { headers: { authorization: `Bearer ${token}` } })
  let text = ''
  const reading = (async () => {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) text += chunk
  })()
  await until(() => text.includes('event: devices'))
  await test.json('DELETE', `/tokens/${id}`)
  await reading
  assert.match(text, /event: sessions/)
})

test('GET /events begins with the whole lists and then tells what happens', async t => {
  const { test, desk, lease } = await runWithDevice(t)
  const response = await test.api('GET', '/events')
  let text = ''
  const reading = (async () => {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) text += chunk
  })()
  const seen = (type: string) =>
    [...text.matchAll(new RegExp(`event: ${type}\\ndata: (.*)\\n`, 'g'))].map(([, data]) => JSON.parse(data!))
  await until(() => seen('storage').length > 0)
  assert.equal(seen('devices')[0].devices[0].id, desk.id)
  assert.equal(seen('sessions')[0].sessions[0].device, desk.id)
  await desk.emit(lease, 1, [started])
  await desk.emit(lease, 2, [completed])
  await until(() => seen('run').some(({ run }) => run.id === 'r' && run.status === 'completed'))
  await test.document('b.md')
  await until(() => seen('documents').length > 0)
  await test.hub.close()
  await reading
})

test('RU2 a viewer that keeps up is told what became durable without the log being read again; one that missed some reads', async () => {
  const pages: number[] = []
  const log = ['{"a":1}']
  const store = {
    query: async (_name: string, { after }: { after: number }) => {
      pages.push(after)
      const events = log.slice(after).map((text, i) => ({ seq: after + i + 1, text }))
      return { events, seq: log.length, ended: false }
    },
  } as unknown as HubStore
  const feeds = new RunFeeds()
  const [org, id] = [newId('org', 1, systemRandom), parseRunId('r')]
  const reader = (await readRun(store, feeds, org, id, 0))!
  const { signal } = new AbortController()
  const grow = (text: string, isTold: boolean): void => {
    log.push(text)
    feeds.grew(org, id, isTold ? { first: log.length, texts: [text], ended: false } : undefined)
  }
  assert.equal(await reader.next(signal), 'id: 1\ndata: {"a":1}\n\n')
  grow('{"a":2}', true)
  grow('{"a":3}', true)
  assert.equal(await reader.next(signal), 'id: 2\ndata: {"a":2}\n\nid: 3\ndata: {"a":3}\n\n')
  assert.deepEqual(pages, [0])
  grow('{"a":4}', true)
  grow('{"a":5}', false)
  assert.equal(await reader.next(signal), 'id: 4\ndata: {"a":4}\n\nid: 5\ndata: {"a":5}\n\n')
  assert.deepEqual(pages, [0, 3])
  reader.stop()
})

test('RU1 a run that a device can have at once is leased by the time that the request is answered', async t => {
  const { test } = await runWithDevice(t)
  const { id: document } = await test.document('b.md')
  const run = await test.json<Run>('POST', '/runs', {
    id: 'at-once',
    document,
    session: 's',
    language: 'python',
    code: '1',
  })
  assert.deepEqual([run.status, run.deviceName], ['leased', 'Desk'])
})
