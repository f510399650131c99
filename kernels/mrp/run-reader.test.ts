import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentAtStart, RunReader, type Told } from './run-reader.ts'

function read(...events: [string, unknown][]): { told: Told[]; reader: RunReader } {
  const reader = new RunReader('ours')
  const told = events.flatMap(([event, data]) =>
    reader.read({ event, data: typeof data === 'string' ? data : JSON.stringify(data), cut: false }),
  )
  return { told, reader }
}

const texts = (told: Told[]) => told.flatMap(each => (each.tell === 'text' ? [`${each.kind}:${each.text}`] : []))
const displays = (told: Told[]) =>
  told.flatMap(each => (each.tell === 'event' && each.event.type === 'display' ? [each.event.parts] : []))

test('MK3 text is told once, whether it comes by content, by accumulated, by both, or in the result alone', () => {
  const outcome = { success: true, stdout: 'ab', stderr: '' }
  const both = read(
    ['stdout', { content: 'a', accumulated: 'a' }],
    ['stdout', { content: 'b', accumulated: 'ab' }],
    ['result', outcome],
  )
  const one = read(['stdout', { content: 'a' }], ['stdout', { content: 'b' }], ['result', outcome])
  const accumulated = read(['stdout', { accumulated: 'a' }], ['stdout', { accumulated: 'ab' }], ['result', outcome])
  for (const { told } of [both, one, accumulated]) assert.deepEqual(texts(told), ['stdout:a', 'stdout:b'])
  assert.deepEqual(texts(read(['result', { ...outcome, stderr: 'e' }]).told), ['stdout:ab', 'stderr:e'])
})

test('MK2 the id that the runtime tells, by either name, is the run’s from then on', () => {
  assert.equal(read(['start', { execId: 'a' }]).reader.id, 'a')
  assert.equal(read(['stdin_request', { prompt: '', exec_id: 'b' }]).reader.id, 'b')
  assert.equal(read(['start', {}]).reader.id, 'ours')
})

test('MK3 a display is told once: by its event, or by the result where there was none', () => {
  const data = { 'text/plain': 'p', 'image/png': 'AA==' }
  const parts = [
    { mimeType: 'image/png', data: 'AA==', base64: true },
    { mimeType: 'text/plain', data: 'p' },
  ]
  const result = { success: true, displayData: [{ data, metadata: {} }] }
  assert.deepEqual(displays(read(['display', { data }], ['result', result]).told), [parts])
  assert.deepEqual(displays(read(['result', result]).told), [parts])
  const one = read(['display', { mimeType: 'text/html', data: '<b>x</b>' }]).told
  assert.deepEqual(displays(one), [[{ mimeType: 'text/html', data: '<b>x</b>' }]])
})

test('MK3 assets are told by their path, never by the address they name (I6)', () => {
  const asset = { path: 'f.png', url: 'http://elsewhere/f.png', mimeType: 'image/png' }
  const wanted = [{ tell: 'asset', path: 'f.png', mimeType: 'image/png' }]
  assert.deepEqual(read(['asset', asset]).told, wanted)
  assert.deepEqual(read(['result', { success: true, assets: [asset] }]).told, wanted)
})

test('MK3 what says nothing tells nothing: pings, unknown events, and what is no JSON or of another shape', () => {
  const nonsense: [string, unknown][] = [
    ['ping', {}],
    ['novelty', { content: 'x' }],
    ['stdout', 'no json'],
    ['stdout', [1]],
    ['stdout', { content: 7 }],
    ['display', { data: 7 }],
    ['message', 'x'],
  ]
  const { told, reader } = read(...nonsense)
  assert.deepEqual([told, reader.ending, reader.isDone], [[], undefined, false])
})

test('MK4 result, error and done end a run; a result that says success: false failed', () => {
  assert.deepEqual(read(['result', { success: true }]).reader.ending, { type: 'completed' })
  assert.deepEqual(read(['done', {}]).reader.ending, { type: 'completed' })
  const failed = { type: 'failed', error: { name: 'ValueError', message: 'bad', traceback: ['a', 'b'] } }
  const error = { type: 'ValueError', message: 'bad', traceback: 'a\nb' }
  assert.deepEqual(read(['error', error], ['done', {}]).reader.ending, failed)
  assert.deepEqual(read(['result', { success: false, error }]).reader.ending, failed)
  assert.deepEqual(read(['error', {}]).reader.ending?.type, 'failed')
})

test('MK7 of an event that is too long the content is read where it is whole; else that is said', () => {
  const reader = new RunReader('r')
  const data = '{"content": "a\\"\\u00e9\\n", "accumulated": "xxxxx'
  assert.deepEqual(texts(reader.read({ event: 'stdout', data, cut: true })), ['stdout:a"é\n'])
  assert.equal(contentAtStart('{"content": "abc\\'), undefined)
  assert.match(texts(reader.read({ event: 'stdout', data: '{"content": "abc', cut: true }))[0]!, /was left out/)
  reader.read({ event: 'result', data: '{"success": false, "stdout": "', cut: true })
  assert.equal(reader.ending?.type, 'failed')
})
