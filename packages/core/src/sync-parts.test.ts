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

test('CH22 parts of several streams that come mixed are each their own payload', () => {
  const joiner = new SyncJoiner()
  const payloads = [1, 2, 3].map(stream => ({ stream, bytes: bytesOf(2 * chunk + stream) }))
  const frames = payloads.map(({ stream, bytes }) => splitSync(stream, bytes).map(decodeFrame))
  const whole = new Map<number, Uint8Array>()
  for (let turn = 0; turn < 3; turn++)
    for (const parts of frames) {
      const bytes = joiner.add(parts[turn]!)
      if (bytes) whole.set(parts[turn]!.stream, bytes)
    }
  for (const { stream, bytes } of payloads) assert.deepEqual(whole.get(stream), bytes)
})

test('CH22 unfinished payloads of all streams together have a cap, and that of a closed stream is given up (I10)', () => {
  const joiner = new SyncJoiner()
  const payload = bytesOf(chunk)
  const most = Math.floor(limits.syncFrameBytes / chunk)
  const fill = (stream: number) => {
    for (let i = 0; i < most; i++) joiner.add({ type: frameTypes.SYNC_PART, stream, payload })
  }
  for (let stream = 1; stream <= 4; stream++) fill(stream)
  const refused = (error: unknown) => error instanceof MeshError && error.code === 'SLOW_DOWN'
  assert.throws(() => fill(5), refused)
  joiner.forget(1)
  joiner.forget(5)
  fill(6)
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
