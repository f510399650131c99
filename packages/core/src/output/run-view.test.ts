import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '../limits.ts'
import type { MimePart, RunEvent } from '../run.ts'
import { RunView } from './run-view.ts'

const asset = `sha256-${'a'.repeat(64)}`
const image: MimePart = { at: 'asset', mimeType: 'image/png', asset, bytes: 1 }
const plain = (data: string): MimePart => ({ at: 'inline', mimeType: 'text/plain', data })

function viewOf(...events: RunEvent[]): RunView {
  const view = new RunView()
  for (const event of events) view.add(event)
  return view
}

test('output, result, error and question follow each other on lines of their own', () => {
  const view = viewOf(
    { type: 'started', at: 1, device: 'd', language: 'python', kernel: 'k' },
    { type: 'stdout', at: 2, text: 'half a line' },
    { type: 'result', at: 3, parts: [plain('42')] },
    { type: 'input-request', at: 4, id: 'i', prompt: 'Name: ', password: false },
    { type: 'input-answered', at: 5, id: 'i' },
    { type: 'failed', at: 6, durationMs: 5, error: { name: 'E', message: 'm', traceback: ['Traceback', 'E: m'] } },
  )
  assert.equal(view.text, 'half a line\n42\nName: \nTraceback\nE: m')
  const { startedAt, completedAt, durationMs, status, stdinRequest, error } = view.entry
  assert.deepEqual(
    { startedAt, completedAt, durationMs, status, stdinRequest },
    { startedAt: 1, completedAt: 6, durationMs: 5, status: 'error', stdinRequest: null },
  )
  assert.equal(error?.name, 'E')
})

test('a prompt that the program has printed itself is not repeated', () => {
  const view = viewOf(
    { type: 'stdout', at: 1, text: 'Name: ' },
    { type: 'input-request', at: 2, id: 'i', prompt: 'Name: ', password: false, printed: true },
    { type: 'input-answered', at: 3, id: 'i' },
    { type: 'stdout', at: 4, text: 'hi\n' },
  )
  assert.equal(view.text, 'Name: \nhi')
})

test('what is to be known of the kernel stands beside the output, not in it (JK3)', () => {
  const view = viewOf({ type: 'started', at: 1, device: 'd', language: 'python', kernel: 'k', notice: 'not the one' })
  assert.deepEqual([view.text, view.entry.notice], ['', 'not the one'])
})

test('a picture is shown as one, with its text as the description; an update replaces it', () => {
  const other = `sha256-${'b'.repeat(64)}`
  const first: RunEvent = { type: 'display', at: 1, id: 'd', parts: [image, plain('<Figure>')] }
  const view = viewOf(first)
  assert.deepEqual(view.images, [{ alt: 'image', asset }])
  assert.equal(view.text, '')
  view.add({ type: 'display', at: 2, id: 'd', update: true, parts: [{ ...image, asset: other }] })
  assert.deepEqual(view.images, [{ alt: 'image', asset: other }])
  assert.equal(view.entry.displayData?.length, 1)
})

test('clearing takes everything away, or waits for what comes next', () => {
  const view = viewOf(
    { type: 'stdout', at: 1, text: 'old\n' },
    { type: 'display', at: 1, parts: [image] },
    { type: 'clear', at: 2, wait: true },
  )
  assert.equal(view.text, 'old')
  view.add({ type: 'stdout', at: 3, text: 'new\n' })
  assert.equal(view.text, 'new')
  assert.deepEqual(view.images, [])
  view.add({ type: 'clear', at: 4, wait: false })
  assert.equal(view.text, '')
})

test('output without end is capped in text and in displays (I10)', () => {
  const view = new RunView()
  const line = `${'x'.repeat(99)}\n`.repeat(1_000)
  for (let i = 0; i < 100; i++) view.add({ type: 'stdout', at: 1, text: line })
  for (let i = 0; i < limits.displaysPerRun + 10; i++) view.add({ type: 'display', at: 1, parts: [image] })
  assert.ok(Buffer.byteLength(view.text) <= limits.documentOutputBytes)
  assert.ok(view.truncated)
  assert.equal(view.entry.displayData?.length, limits.displaysPerRun)
})

test('OU11 what is displayed is replaced in its place, in text and in the entry, wherever it was shown', () => {
  const show = (id: string, text: string, update?: boolean): RunEvent => ({
    type: 'display',
    at: 1,
    id,
    ...(update ? { update } : {}),
    parts: [plain(text)],
  })
  const view = viewOf(
    { type: 'stdout', at: 1, text: 'first\n' },
    show('bar', '10 %'),
    { type: 'stdout', at: 1, text: 'between\n' },
    show('bar', '10 %'),
    { type: 'result', at: 1, parts: [plain('42')] },
  )
  const text = () => view.text
  assert.equal(text(), 'first\n10 %\nbetween\n10 %\n42')
  for (let n = 11; n <= 100; n++) view.add(show('bar', `${n} %`, true))
  assert.equal(text(), 'first\n100 %\nbetween\n100 %\n42')
  assert.deepEqual(
    view.entry.displayData?.map(({ at, chars }) => text().slice(at, at! + chars!)),
    ['100 %', '100 %'],
  )
  const { result } = view.entry
  assert.equal(text().slice(result?.at, result!.at! + result!.chars!), '42')
})

test('OU11 clearing takes the displays along, and makes room for as many again', () => {
  const view = new RunView()
  for (let i = 0; i < 3 * limits.displaysPerRun; i++) {
    view.add({ type: 'display', at: 1, parts: [plain(`frame ${i}`)] })
    view.add({ type: 'clear', at: 1, wait: true })
  }
  view.add({ type: 'display', at: 1, parts: [plain('last')] })
  assert.equal(view.text, 'last')
  assert.equal(view.entry.displayData?.length, 1)
  view.add({ type: 'clear', at: 1, wait: false })
  assert.deepEqual(view.entry.displayData, [])
})

test('OU12 an update of what this run has not displayed is kept for the run that has', () => {
  const view = viewOf({ type: 'display', at: 1, id: 'earlier', update: true, parts: [plain('new')] })
  assert.equal(view.text, '')
  assert.deepEqual([...view.elsewhere], [['earlier', [plain('new')]]])
})

test('the text between many displays stays within the caps of a document (I10)', () => {
  const view = new RunView()
  const lines = `${'x'.repeat(99)}\n`.repeat(2_000)
  for (let i = 0; i < limits.displaysPerRun; i++) {
    view.add({ type: 'stdout', at: 1, text: lines })
    view.add({ type: 'display', at: 1, parts: [plain('shown')] })
  }
  assert.ok(Buffer.byteLength(view.text) < 2.2 * limits.documentOutputBytes, `${Buffer.byteLength(view.text)}`)
  assert.ok(view.truncated)
})

test('OU11 what an error clears leaves no empty line before it', () => {
  const view = viewOf(
    { type: 'stdout', at: 1, text: 'half a line' },
    { type: 'clear', at: 2, wait: true },
    { type: 'failed', at: 3, durationMs: 2, error: { name: 'E', message: 'm', traceback: ['E: m'] } },
  )
  assert.equal(view.text, 'E: m')
})
