import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ChannelCredit } from './channel-credit.ts'
import { ChannelQueue, type LaneName } from './channel-queue.ts'
import { limits } from './limits.ts'

const KiB = 1024

/** A socket that lets go of its frames when the test says so. A frame's lane and number stand in its first bytes. */
class SlowSocket {
  bufferedAmount = 0
  readonly held: { frame: Uint8Array; done: () => void }[] = []
  readonly sent: Uint8Array[] = []

  send(frame: Uint8Array, done: () => void): void {
    this.bufferedAmount += frame.byteLength
    this.held.push({ frame, done })
  }

  letGo(): boolean {
    const next = this.held.shift()
    if (!next) return false
    this.bufferedAmount -= next.frame.byteLength
    this.sent.push(next.frame)
    next.done()
    return true
  }

  drain(): void {
    while (this.letGo());
  }
}

const frameOf = (lane: number, number: number, bytes: number): Uint8Array => {
  const frame = new Uint8Array(Math.max(8, bytes))
  new DataView(frame.buffer).setUint32(0, lane)
  new DataView(frame.buffer).setUint32(4, number)
  return frame
}
const laneOf = (frame: Uint8Array) => new DataView(frame.buffer).getUint32(0)
const numberOf = (frame: Uint8Array) => new DataView(frame.buffer).getUint32(4)

test('CH21 control overtakes all that waits, and a stream with little to say overtakes the bulk', () => {
  const socket = new SlowSocket()
  const queue = new ChannelQueue(socket)
  for (let i = 0; i < 50; i++) queue.add('run', [frameOf(1, i, 250 * KiB)])
  queue.add(7, [frameOf(7, 0, 100)])
  queue.control(frameOf(0, 0, 50))
  const given = socket.held.length
  socket.drain()
  const order = socket.sent.map(laneOf)
  assert.equal(order.indexOf(0), given - 1, 'at once, behind what the socket had')
  assert.ok(order.indexOf(7) <= given, 'next')
  assert.equal(socket.sent.length, 52)
})

test('CH21 somebody who never stops typing does not stop the bulk', () => {
  const socket = new SlowSocket()
  const queue = new ChannelQueue(socket)
  for (let i = 0; i < 20; i++) queue.add('run', [frameOf(1, i, 200 * KiB)])
  let typed = 0
  for (let turn = 0; turn < 4_000 && socket.sent.filter(frame => laneOf(frame) === 1).length < 20; turn++) {
    while (queue.backlogOf(2) < 8 * KiB) queue.add(2, [frameOf(2, typed++, 1 * KiB)])
    socket.letGo()
  }
  assert.equal(socket.sent.filter(frame => laneOf(frame) === 1).length, 20)
})

test('CH20 a stream without credit holds up nobody but itself, and goes on with what it is given', () => {
  const socket = new SlowSocket()
  const queue = new ChannelQueue(socket)
  queue.limitStreams(100 * KiB)
  for (let i = 0; i < 10; i++) queue.add(1, [frameOf(1, i, 30 * KiB)])
  queue.add(2, [frameOf(2, 0, 50 * KiB)])
  socket.drain()
  const ofFirst = () => socket.sent.filter(frame => laneOf(frame) === 1).length
  assert.equal(ofFirst(), 4)
  assert.equal(socket.sent.filter(frame => laneOf(frame) === 2).length, 1)
  assert.equal(queue.backlogOf(1), 180 * KiB)
  queue.credit(1, 90 * KiB)
  socket.drain()
  assert.equal(ofFirst(), 7)
  queue.end(1)
  socket.drain()
  assert.equal(ofFirst(), 10, 'what waits of a stream that has ended is sent: nobody gives it credit any more')
  assert.equal(queue.bytes, 0)
})

type Act =
  | { act: 'add'; lane: number; frames: number; bytes: number }
  | { act: 'go' }
  | { act: 'credit'; lane: number; bytes: number }
const acts = fc.array(
  fc.oneof(
    fc.record<Act>({
      act: fc.constant('add'),
      lane: fc.integer({ min: 1, max: 6 }),
      frames: fc.integer({ min: 1, max: 6 }),
      bytes: fc.oneof(fc.integer({ min: 8, max: 4 * KiB }), fc.constant(limits.channelChunkBytes)),
    } as never),
    fc.constant<Act>({ act: 'go' }),
    fc.record<Act>({
      act: fc.constant('credit'),
      lane: fc.integer({ min: 1, max: 6 }),
      bytes: fc.nat(512 * KiB),
    } as never),
  ),
  { maxLength: 200 },
)

test('CH20 CH21 CH22 whatever comes in whatever order: nothing is lost or turned round, and every bound is kept', async () => {
  await fc.assert(
    fc.asyncProperty(acts, async sequence => {
      const socket = new SlowSocket()
      const queue = new ChannelQueue(socket)
      const window = 300 * KiB
      queue.limitStreams(window)
      const added = new Map<number, number>()
      const underWay = new Map<number, number>()
      const left = new Map<number, number[]>()
      const note = (frames: Uint8Array[]) => {
        for (const frame of frames) {
          const lane = laneOf(frame)
          underWay.set(lane, (underWay.get(lane) ?? 0) + frame.byteLength)
          assert.ok(underWay.get(lane)! <= window + limits.channelChunkBytes, 'more than its credit and one frame')
          left.get(lane)![0]!--
          if (left.get(lane)![0] === 0) left.get(lane)!.shift()
          const midway = [...left].filter(
            ([name, [rest]]) =>
              rest !== undefined && rest < (sizes.get(name) ?? []).at(-(left.get(name) ?? []).length)!,
          )
          assert.ok(midway.length <= 3, 'too many payloads at once')
        }
      }
      const sizes = new Map<number, number[]>()
      let seen = 0
      const look = () => {
        const all = [...socket.sent, ...socket.held.map(({ frame }) => frame)]
        note(all.slice(seen))
        seen = all.length
        assert.ok(socket.bufferedAmount < limits.channelAheadBytes + limits.channelChunkBytes)
      }
      for (const step of sequence as Act[]) {
        if (step.act === 'go') socket.letGo()
        else if (step.act === 'credit') {
          const bytes = Math.min(step.bytes, underWay.get(step.lane) ?? 0)
          underWay.set(step.lane, (underWay.get(step.lane) ?? 0) - bytes)
          queue.credit(step.lane, bytes)
        } else {
          const first = added.get(step.lane) ?? 0
          added.set(step.lane, first + step.frames)
          left.set(step.lane, [...(left.get(step.lane) ?? []), step.frames])
          sizes.set(step.lane, [...(sizes.get(step.lane) ?? []), step.frames])
          queue.add(
            step.lane,
            Array.from({ length: step.frames }, (_, i) => frameOf(step.lane, first + i, step.bytes)),
          )
        }
        look()
      }
      for (const lane of added.keys()) queue.end(lane)
      socket.drain()
      for (const [lane, count] of added) {
        const numbers = socket.sent.filter(frame => laneOf(frame) === lane).map(numberOf)
        assert.deepEqual(
          numbers,
          Array.from({ length: count }, (_, i) => i),
        )
      }
      assert.equal(queue.bytes, 0)
    }),
    { numRuns: 300 },
  )
})

test('CH20 what was taken of a stream is given back, but not while the stream is held', () => {
  const given: [LaneName, number][] = []
  const credit = new ChannelCredit((stream, bytes) => given.push([stream, bytes]))
  const quarter = limits.streamCreditBytes / 4
  credit.took(1, quarter - 1)
  assert.deepEqual(given, [])
  credit.took(1, 1)
  credit.hold(2)
  credit.took(2, 3 * quarter)
  assert.deepEqual(given, [[1, quarter]])
  credit.release(2)
  assert.deepEqual(given[1], [2, 3 * quarter])
})
