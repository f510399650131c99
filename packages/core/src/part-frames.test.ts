import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MeshError } from './errors.ts'
import { type FrameCaps, partHead, partHeadBytes, readPartFrames } from './part-frames.ts'

const caps: FrameCaps = { partBytes: 400, bytes: 2_000, parts: 20 }

function rowOf(parts: readonly { part: string; bytes: Uint8Array }[]): Uint8Array {
  return Buffer.concat(parts.flatMap(({ part, bytes }) => [partHead(part, bytes.byteLength), bytes]))
}

async function* cut(bytes: Uint8Array, at: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0
  for (const to of [...at].sort((a, b) => a - b).concat(bytes.byteLength)) {
    yield bytes.subarray(from, to)
    from = to
  }
}

async function read(source: AsyncIterable<Uint8Array>, by: FrameCaps = caps) {
  const frames = []
  for await (const frame of readPartFrames(source, by)) frames.push({ part: frame.part, bytes: [...frame.bytes] })
  return frames
}

const partOf = fc.record({
  part: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Buffer.from(bytes).toString('hex')),
  bytes: fc.uint8Array({ minLength: 17, maxLength: 90 }),
})

test('frames come back as they were, wherever the network cuts them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(partOf, { maxLength: 12 }),
      fc.array(fc.nat(1_500), { maxLength: 9 }),
      async (parts, at) => {
        const row = rowOf(parts)
        const places = at.filter(place => place <= row.byteLength)
        assert.deepEqual(
          await read(cut(row, places)),
          parts.map(({ part, bytes }) => ({ part, bytes: [...bytes] })),
        )
      },
    ),
  )
})

test('I10 a length beyond a cap is refused before anything of it is kept, and a part that is cut or empty is refused', async () => {
  const part = 'ab'.repeat(32)
  const of = (length: number) => ({ part, bytes: new Uint8Array(length).fill(1) })
  const refused = async (row: Uint8Array, code: string, by = caps) =>
    assert.rejects(read(cut(row, []), by), (thrown: unknown) => thrown instanceof MeshError && thrown.code === code)
  await refused(partHead(part, 401), 'TOO_LARGE')
  await refused(partHead(part, 0xffff_ffff), 'TOO_LARGE')
  await refused(rowOf([of(20), of(20)]), 'TOO_LARGE', { ...caps, bytes: 39 })
  await refused(rowOf([of(20), of(20)]), 'TOO_LARGE', { ...caps, parts: 1 })
  await refused(rowOf([of(16)]), 'BAD_REQUEST')
  await refused(rowOf([of(20)]).subarray(0, partHeadBytes + 19), 'BAD_REQUEST')
  await refused(rowOf([of(20)]).subarray(0, 5), 'BAD_REQUEST')
  assert.deepEqual(await read(cut(new Uint8Array(), [])), [])
})
