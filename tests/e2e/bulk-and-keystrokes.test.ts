/** One session puts out as much as it can while another one is typed to: the shipped processes and real kernels. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSchema } from '@meshbook/core/api.ts'
import * as v from 'valibot'
import { clientOf, eventually, startMesh, temporaryFolder } from '../mesh-process.ts'
import { rssKiB } from '../rss.ts'

const megabytes = 50

test('CH20 CH21 50 MB of output of one session keep nobody from typing to another, in bounded memory', async t => {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  const client = await clientOf(mesh)
  const { items } = await client.get(
    '/projects',
    v.object({ items: v.array(v.object({ id: v.string(), name: v.string() })) }),
  )
  const about = { project: items[0]!.id, path: 'bulk.md', content: '# Bulk\n' }
  const { id } = await client.post('/documents', about, v.object({ id: v.string() }))
  const run = (session: string, code: string) =>
    client.post('/runs', { document: id, language: 'bash', session, code }, runSchema)
  const typing = await run('typed', 'while read -p "? " line; do echo "got $line"; done')
  const heard: string[] = []
  const listening = async () => {
    for await (const { event } of client.events(typing.id, 0, AbortSignal.timeout(110_000)))
      if (event.type === 'stdout') heard.push(event.text)
  }
  listening().catch(() => undefined)
  let typed = 0
  /** From the request until the answer's output is seen. */
  const keystroke = async (): Promise<number> => {
    await eventually(
      'it asks',
      async () => (await client.get(`/runs/${typing.id}`, runSchema)).status === 'waiting-for-input',
    )
    const word = `word${typed++}.`
    const began = performance.now()
    await client.send('POST', `/runs/${typing.id}/input`, { text: word })
    while (!heard.some(text => text.includes(`got ${word}`))) await new Promise(resolve => setTimeout(resolve, 1))
    return performance.now() - began
  }
  const measured = async (count: number) => {
    const times: number[] = []
    while (times.length < count) times.push(await keystroke())
    return times.sort((a, b) => a - b)
  }
  await measured(5)
  const idle = await measured(30)
  const before = rssKiB(mesh.pid)
  const began = performance.now()
  const bulk = await run('bulk', `head -c ${megabytes}000000 /dev/zero | tr '\\0' x | fold -w 100`)
  await eventually('it is under way', async () => (await client.get(`/runs/${bulk.id}`, runSchema)).seq > 5)
  const busy: number[] = []
  let mostKiB = 0
  let seconds = 0
  for (let ended = false; !ended; ) {
    busy.push(await keystroke())
    mostKiB = Math.max(mostKiB, rssKiB(mesh.pid) - before)
    const { status } = await client.get(`/runs/${bulk.id}`, runSchema)
    ended = status === 'completed'
    seconds = (performance.now() - began) / 1_000
    assert.notEqual(status, 'failed')
  }
  busy.sort((a, b) => a - b)
  const share = (times: readonly number[], of: number) =>
    times[Math.min(times.length - 1, Math.floor(times.length * of))]!
  const shown = (times: readonly number[]) =>
    `p50 ${share(times, 0.5).toFixed(1)} p99 ${share(times, 0.99).toFixed(1)} ms`
  t.diagnostic(
    `idle ${shown(idle)}; under load ${shown(busy)} (${busy.length}); ${(megabytes / seconds).toFixed(1)} MB/s; ${Math.round(mostKiB / 1024)} MiB more`,
  )
  assert.ok(share(busy, 0.5) < 20 * share(idle, 0.99) + 500, 'typing goes on')
  assert.ok(mostKiB < 400 * 1024, 'memory is bounded')
})
