import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Cutter, contentCutter, fixedCutter } from './cut.ts'

const sizes = { leastBytes: 256, usualBytes: 1024, mostBytes: 4096 }

/** The same for ever: no test depends on chance. */
function noise(length: number, seed = 1): Buffer {
  const key = Buffer.alloc(16, seed)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length))
}

function cut(cutter: Cutter, bytes: Buffer, step = bytes.length): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += step) pieces.push(...cutter.push(bytes.subarray(at, at + step)))
  return [...pieces, ...cutter.end()]
}

const texts = (pieces: Buffer[]) => pieces.map(piece => piece.toString('latin1'))

test('SN31 pieces together are the stream, however it comes, and are cut the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 1, max: 9000 }), (length, step) => {
      const bytes = noise(length)
      for (const make of [() => contentCutter(sizes), () => fixedCutter(1000)]) {
        const pieces = cut(make(), bytes, step)
        assert.deepEqual(Buffer.concat(pieces), bytes)
        assert.deepEqual(texts(pieces), texts(cut(make(), bytes)))
      }
    }),
    { numRuns: 60 },
  )
})

test('SN31 a piece is neither longer nor, but for the last, shorter than it may be', () => {
  const bytes = Buffer.concat([noise(200_000), Buffer.alloc(50_000), noise(50_000, 7)])
  const pieces = cut(contentCutter(sizes), bytes)
  assert.ok(pieces.every(({ length }) => length <= sizes.mostBytes))
  assert.ok(pieces.slice(0, -1).every(({ length }) => length > sizes.leastBytes))
  const usual = noise(200_000).length / cut(contentCutter(sizes), noise(200_000)).length
  assert.ok(usual > 700 && usual < 2000, `${usual} bytes are usual`)
})

test('SN31 what is inserted changes the pieces around it and no others', () => {
  const bytes = noise(400_000)
  const before = new Set(texts(cut(contentCutter(sizes), bytes)))
  for (const at of [0, 100_001, 399_999]) {
    const changed = Buffer.concat([bytes.subarray(0, at), Buffer.from('inserted'), bytes.subarray(at)])
    const fresh = texts(cut(contentCutter(sizes), changed)).filter(piece => !before.has(piece))
    assert.ok(fresh.length <= 3, `${fresh.length} pieces after an insertion at ${at}`)
  }
})

test('SN31 the same bytes are cut the same by every version', () => {
  const lengths = cut(contentCutter(sizes), noise(12_000)).map(({ length }) => length)
  assert.deepEqual(lengths, [1188, 1745, 1363, 1088, 1613, 1393, 298, 511, 1202, 1599])
})
