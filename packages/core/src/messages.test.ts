import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeFrame, encodeFrame } from './frames.ts'
import { newId, parseFence, parseRunId, parseSeq, systemRandom } from './ids.ts'
import { limits } from './limits.ts'
import {
  type DownMessage,
  encodeMessage,
  encodeSync,
  frameTypes,
  parseDown,
  parseUp,
  type UpMessage,
} from './messages.ts'

const session = newId('session', 1, systemRandom)
const head = newId('head', 1, systemRandom)
const project = newId('project', 1, systemRandom)
const document = newId('document', 1, systemRandom)
const run = parseRunId('exec-1')
const fence = parseFence(1)
const metrics = { cpu: 0.5, memoryBytes: 1, memoryFreeBytes: 1, gpus: [] }
const heads = [{ session, head, fence }]

const ups: UpMessage[] = [
  { type: 'HEARTBEAT', metrics, heads },
  { type: 'RUNTIME_UP', session, head, fence, language: 'python', kernel: 'python' },
  { type: 'RUNTIME_DOWN', session, head, fence, reason: 'idle' },
  {
    type: 'CLAIM',
    request: { document, language: 'python', code: '1', cell: { by: 'index', index: 0 } },
    author: { client: 1, clock: 0 },
  },
  { type: 'RUN_EVENT', run, fence, first: parseSeq(1), events: [{ type: 'stdout', at: 1, text: 'a' }] },
  { type: 'MRP_RESPONSE', id: 1, ok: true, result: { a: 1 } },
  { type: 'MRP_RESPONSE', id: 1, ok: false, code: 'TIMEOUT' },
  { type: 'OPEN', stream: 1, project, document },
  { type: 'BYE', reason: 'sleep' },
]
const downs: DownMessage[] = [
  { type: 'RUN_ACK', run, fence, seq: 0 },
  { type: 'RUN_ACK', run, fence, seq: 3, refused: 'STALE_FENCE' },
  { type: 'RUN_REQUEST', run, answer: 'wait', reason: 'busy' },
  { type: 'RUN_INPUT', run, id: 'i1', text: 'x' },
  { type: 'RUN_CANCEL', run, reason: 'user' },
  { type: 'MRP_REQUEST', id: 1, session, method: 'complete', params: { code: 'a', cursor: 1 } },
  { type: 'CLOSE', stream: 1, code: 'EPOCH', reason: 'new epoch' },
  { type: 'DEVICE_LIST', devices: [] },
  { type: 'REVOKED' },
]
const badMessage = { code: 'BAD_MESSAGE' }
const json = (type: number, body: unknown) => ({
  type,
  stream: 0,
  payload: new TextEncoder().encode(JSON.stringify(body)),
})

test('every message is read back as it was sent, on stream 0', () => {
  for (const message of ups) assert.deepEqual(parseUp(decodeFrame(encodeMessage(message))), message)
  for (const message of downs) assert.deepEqual(parseDown(decodeFrame(encodeMessage(message))), message)
  assert.equal(decodeFrame(encodeMessage(ups[0]!)).stream, 0)
})

test('no two messages share a number', () => {
  const numbers = Object.values(frameTypes)
  assert.equal(new Set(numbers).size, numbers.length)
})

test('a message in the wrong direction, of unknown type or with another type inside is refused', () => {
  assert.throws(() => parseDown(decodeFrame(encodeMessage({ type: 'BYE', reason: 'stop' }))), badMessage)
  assert.throws(() => parseUp(decodeFrame(encodeMessage({ type: 'REVOKED' }))), badMessage)
  assert.throws(() => parseUp(json(9999, {})), badMessage)
  assert.throws(() => parseUp(json(frameTypes.BYE, { type: 'HEARTBEAT', metrics, heads })), badMessage)
  assert.throws(() => parseUp(decodeFrame(encodeSync(1, Uint8Array.of(0, 0)))), badMessage)
})

test('what is not JSON, not UTF-8 or not the right shape is refused with the place that is wrong', () => {
  const payload = (bytes: number[]) => ({ type: frameTypes.BYE, stream: 0, payload: Uint8Array.from(bytes) })
  assert.throws(() => parseUp(payload([])), badMessage)
  assert.throws(() => parseUp(payload([0xff, 0xfe])), badMessage)
  assert.throws(
    () => parseUp(json(frameTypes.HEARTBEAT, { type: 'HEARTBEAT', metrics: { ...metrics, cpu: -1 }, heads })),
    /metrics\.cpu/,
  )
})

test('I10 caps are part of the shape: code, batches, input and names', () => {
  const claim = (code: string) =>
    json(frameTypes.CLAIM, {
      type: 'CLAIM',
      request: { document, language: 'python', code },
      author: { client: 1, clock: 0 },
    })
  assert.throws(() => parseUp(claim('x'.repeat(limits.cellCodeBytes + 1))), badMessage)
  const events = Array.from({ length: limits.runEventBatch + 1 }, () => ({ type: 'stdout', at: 1, text: '' }))
  assert.throws(
    () => parseUp(json(frameTypes.RUN_EVENT, { type: 'RUN_EVENT', run, fence, first: 1, events })),
    badMessage,
  )
  assert.throws(
    () => parseUp(json(frameTypes.RUN_EVENT, { type: 'RUN_EVENT', run, fence, first: 1, events: [] })),
    badMessage,
  )
  assert.throws(
    () =>
      parseDown(
        json(frameTypes.RUN_INPUT, { type: 'RUN_INPUT', run, id: 'i', text: 'x'.repeat(limits.inputBytes + 1) }),
      ),
    badMessage,
  )
})

test('S14 a message that smuggles __proto__ changes no prototype, and unknown fields are dropped', () => {
  const payload = new TextEncoder().encode('{"type":"BYE","reason":"stop","__proto__":{"polluted":1},"extra":1}')
  const message = parseUp({ type: frameTypes.BYE, stream: 0, payload })
  assert.deepEqual(message, { type: 'BYE', reason: 'stop' })
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
})

test('any JSON in any frame is a message or BAD_MESSAGE, never another error', () => {
  fc.assert(
    fc.property(fc.constantFrom(...Object.values(frameTypes)), fc.jsonValue(), fc.boolean(), (type, body, typed) => {
      const name = Object.entries(frameTypes).find(([, number]) => number === type)![0]
      const value =
        typed && typeof body === 'object' && body !== null && !Array.isArray(body) ? { ...body, type: name } : body
      for (const parse of [parseUp, parseDown]) {
        try {
          parse(decodeFrame(encodeFrame(json(type, value))))
        } catch (error) {
          assert.equal((error as { code: string }).code, 'BAD_MESSAGE')
        }
      }
    }),
    { numRuns: 2000 },
  )
})
