import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeFrame, encodeFrame } from './frames.ts'
import { limits } from './limits.ts'

test('a frame is varuint type, varuint stream, payload: literal bytes', () => {
  assert.deepEqual([...encodeFrame({ type: 5, stream: 300, payload: Uint8Array.of(1, 2) })], [5, 0xac, 0x02, 1, 2])
  assert.deepEqual({ ...decodeFrame(Uint8Array.of(1, 0)), payload: [] }, { type: 1, stream: 0, payload: [] })
})

test('any frame is read back as it was written', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.uint8Array({ maxLength: 200 }), (type, stream, payload) => {
      const frame = decodeFrame(encodeFrame({ type, stream, payload }))
      assert.deepEqual({ ...frame, payload: [...frame.payload] }, { type, stream, payload: [...payload] })
    }),
  )
})

test('any bytes are a frame or refused as BAD_MESSAGE, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
      try {
        const { type, stream } = decodeFrame(bytes)
        assert.ok(Number.isSafeInteger(type) && Number.isSafeInteger(stream))
      } catch (error) {
        assert.equal((error as { code: string }).code, 'BAD_MESSAGE')
      }
    }),
    { numRuns: 3000 },
  )
  for (const bytes of [[], [1], [0xff], Array(20).fill(0xff)])
    assert.throws(() => decodeFrame(Uint8Array.from(bytes)), { code: 'BAD_MESSAGE' })
})

test('S12 a frame over the limit is refused before it is read', () => {
  assert.throws(() => decodeFrame(new Uint8Array(limits.channelFrameBytes + 1)), { code: 'TOO_LARGE' })
  assert.equal(decodeFrame(new Uint8Array(limits.channelFrameBytes)).payload.length, limits.channelFrameBytes - 2)
})
