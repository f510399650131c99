import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from './errors.ts'
import { decodeFrame } from './frames.ts'
import { limits } from './limits.ts'
import { frameTypes, SyncJoiner, splitSync } from './messages.ts'

const bytesOf = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 31) % 251)
const chunk = limits.channelChunkBytes

test('a sync payload of any size is the same after splitting and joining, in frames that the channel takes', () => {
  const joiner = new SyncJoiner()
  for (const length of [0, 1, chunk, chunk + 1, 3 * chunk, 3 * chunk + 7]) {
    const frames = splitSync(5, bytesOf(length))
    assert.equal(frames.length, Math.max(1, Math.ceil(length / chunk)))
    assert.ok(frames.every(frame => frame.byteLength < limits.channelFrameBytes))
    const joined = frames.map(frame => joiner.add(decodeFrame(frame)))
    assert.ok(joined.slice(0, -1).every(part => part === undefined))
    assert.deepEqual(joined.at(-1), bytesOf(length))
  }
})

test('parts of two streams that are mixed are refused', () => {
  const joiner = new SyncJoiner()
  joiner.add({ type: frameTypes.SYNC_PART, stream: 1, payload: bytesOf(1) })
  assert.throws(
    () => joiner.add({ type: frameTypes.SYNC, stream: 2, payload: bytesOf(1) }),
    (error: unknown) => error instanceof MeshError && error.code === 'BAD_MESSAGE',
  )
})

test('a payload that never ends is refused at the cap (I10)', () => {
  const joiner = new SyncJoiner()
  const part = { type: frameTypes.SYNC_PART, stream: 1, payload: bytesOf(chunk) }
  const most = Math.floor(limits.syncFrameBytes / chunk)
  for (let i = 0; i < most; i++) joiner.add(part)
  assert.throws(
    () => joiner.add(part),
    (error: unknown) => error instanceof MeshError && error.code === 'TOO_LARGE',
  )
})
