import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Fence, RunId } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import { DisplayParts } from './display-parts.ts'
import type { KernelEvent } from './kernel-client.ts'
import { failure, Recorder } from './recorder.ts'
import { RunEntry } from './run-entry.ts'

async function recorder(t: TestContext, changed: Partial<Limits> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-recorder-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const all = { ...limits, ...changed }
  const entry = new RunEntry('', {
    t: 'order',
    number: 1,
    run: 'r' as RunId,
    fence: 1 as Fence,
    code: '',
    cellName: '',
  })
  const made = new Recorder(all, () => 1000, new DisplayParts(folder, all))
  let n = 0
  const convert = async (...events: KernelEvent[]) => {
    const records = await made.convert(
      entry,
      events.map(event => ({ run: 'r', n: ++n, event, bytes: 0 })),
    )
    for (const record of records) entry.add(record, 0)
    return records.flatMap(record => (record.t === 'event' ? [record.event] : []))
  }
  return { convert, entry, made, folder }
}

test('neighbouring text is joined, other text is not, and the number of the last event is kept', async t => {
  const { convert, entry } = await recorder(t)
  const texts = await convert(
    { type: 'stdout', text: 'a' },
    { type: 'stdout', text: 'b' },
    { type: 'stderr', text: 'c' },
    { type: 'stdout', text: 'd' },
  )
  assert.deepEqual(
    texts.map(event => [event.type, 'text' in event && event.text]),
    [
      ['stdout', 'ab'],
      ['stderr', 'c'],
      ['stdout', 'd'],
    ],
  )
  assert.deepEqual([entry.lastSeq, entry.lastN], [3, 4])
})

test('output above the cap is counted, said once, and the run goes on (I10)', async t => {
  const { convert, entry } = await recorder(t, { runOutputBytes: 10 })
  assert.deepEqual(
    (await convert({ type: 'stdout', text: '12345' })).map(({ type }) => type),
    ['stdout'],
  )
  assert.deepEqual(
    (await convert({ type: 'stdout', text: '123456' })).map(({ type }) => type),
    ['stderr'],
  )
  assert.deepEqual(await convert({ type: 'stdout', text: '1' }), [])
  assert.deepEqual([entry.isCapped, entry.seen.dropped], [true, 7])
  assert.deepEqual(
    (await convert({ type: 'completed' })).map(event => ('text' in event ? event.text : event.type)),
    ['[0.0 MB more were printed and not kept.]\n', 'completed'],
  )
})

test('an event that breaks the schema becomes a note, never a hole (I5)', async t => {
  const { convert, entry } = await recorder(t)
  const [note] = await convert({ type: 'display', id: 'x'.repeat(500), parts: [{ mimeType: 'not a type', data: 'x' }] })
  assert.deepEqual(note, { type: 'display', at: 1000, id: 'x'.repeat(200), parts: [] })
  const [long] = await convert({
    type: 'input-request',
    id: 'i',
    prompt: 'x'.repeat(limits.runEventBytes + 1),
    password: false,
  })
  assert.match(long?.type === 'stderr' ? long.text : '', /left out/)
  assert.equal(entry.lastSeq, 2)
})

test('a cancelled run ends as cancelled whatever its code makes of it', async t => {
  for (const end of [
    { type: 'completed' },
    { type: 'cancelled' },
    { type: 'failed', error: { name: 'E', message: '', traceback: [] } },
  ] as KernelEvent[]) {
    const { convert, entry } = await recorder(t)
    entry.cancelReason = 'enough'
    assert.deepEqual(await convert(end), [{ type: 'cancelled', at: 1000, durationMs: 0, reason: 'enough' }])
  }
})

test('a large part is stored under its hash, once, before its event is made', async t => {
  const { convert, folder } = await recorder(t, { displayInlineBytes: 4, displayBytes: 100 })
  const png = (length: number) => ({
    mimeType: 'image/png',
    data: Buffer.alloc(length, 7).toString('base64'),
    base64: true,
  })
  const [event] = await convert({
    type: 'result',
    parts: [png(5), png(5), png(4), png(101), { mimeType: 'text/plain', data: 'longer text' }],
  })
  assert.ok(event?.type === 'result')
  assert.deepEqual(
    event.parts.map(part => [part.at, part.mimeType]),
    [
      ['asset', 'image/png'],
      ['asset', 'image/png'],
      ['inline', 'image/png'],
      ['inline', 'text/plain'],
      ['inline', 'text/plain'],
    ],
  )
  assert.equal((await readdir(folder)).length, 1)
})

test('an end that Meshbook gives a run names the code of the catalogue', async t => {
  const { made, entry } = await recorder(t)
  const { event } = made.own(entry, failure(new MeshError('KERNEL_DIED', { detail: 'SIGKILL' })))
  assert.ok(event.type === 'failed' && event.error.code === 'KERNEL_DIED')
  assert.match(event.error.message, /SIGKILL/)
})
