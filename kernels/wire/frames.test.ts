import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeFrame, FrameReader, FrameTooLarge } from './frames.ts'

test('frames survive any cut of the stream (KN1)', () => {
  const messages = [{ a: 1 }, { text: 'ü€😀' }, {}, { long: 'x'.repeat(300) }]
  const bytes = Buffer.concat(messages.map(encodeFrame))
  for (let size = 1; size < bytes.length; size += 7) {
    const reader = new FrameReader(1000)
    const seen: unknown[] = []
    for (let at = 0; at < bytes.length; at += size) seen.push(...reader.push(bytes.subarray(at, at + size)))
    assert.deepEqual(seen, messages)
  }
})

test('a frame above the cap is refused before its body arrives (KN7)', () => {
  const reader = new FrameReader(10)
  assert.throws(() => [...reader.push(encodeFrame({ text: 'longer than ten' }).subarray(0, 4))], FrameTooLarge)
})

test('a body that is no JSON is refused (KN7)', () => {
  assert.throws(() => [...new FrameReader(10).push(Buffer.from([0, 0, 0, 1, 0x7b]))], SyntaxError)
})
