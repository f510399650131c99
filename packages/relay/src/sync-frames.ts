/**
 * The frames of document sync, both directions, as bytes and as values: the stock y-websocket protocol and the two
 * extensions. Browser-safe; shared by the relay and by clients.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import { syncFrame, syncStep } from '@meshbook/core/frames.ts'
import * as decoding from 'lib0/decoding'

export type SyncMessage =
  | { type: 'step1'; stateVector: Uint8Array }
  | { type: 'step2'; update: Uint8Array }
  | { type: 'update'; update: Uint8Array }
  | { type: 'awareness'; states: Uint8Array }
  | { type: 'query-awareness' }
  | { type: 'durable'; count: number }
  | { type: 'epoch'; epoch: number }
  /** Of a kind that this version does not know; it is skipped. */
  | { type: 'unknown' }

export function readSyncFrame(frame: Uint8Array): SyncMessage {
  try {
    return readMessage(decoding.createDecoder(frame))
  } catch (cause) {
    throw new MeshError('BAD_MESSAGE', { detail: 'a sync frame that ends too early', cause })
  }
}

function readMessage(decoder: decoding.Decoder): SyncMessage {
  switch (decoding.readVarUint(decoder)) {
    case syncFrame.sync:
      return readStep(decoder)
    case syncFrame.awareness:
      return { type: 'awareness', states: decoding.readVarUint8Array(decoder) }
    case syncFrame.queryAwareness:
      return { type: 'query-awareness' }
    case syncFrame.durable:
      return { type: 'durable', count: decoding.readVarUint(decoder) }
    case syncFrame.epoch:
      return { type: 'epoch', epoch: decoding.readVarUint(decoder) }
    default:
      return { type: 'unknown' }
  }
}

function readStep(decoder: decoding.Decoder): SyncMessage {
  switch (decoding.readVarUint(decoder)) {
    case syncStep.step1:
      return { type: 'step1', stateVector: decoding.readVarUint8Array(decoder) }
    case syncStep.step2:
      return { type: 'step2', update: decoding.readVarUint8Array(decoder) }
    case syncStep.update:
      return { type: 'update', update: decoding.readVarUint8Array(decoder) }
    default:
      return { type: 'unknown' }
  }
}

/** Of exactly the bytes it needs: an encoder that grows would copy every update twice. */
function frameOf(numbers: readonly number[], bytes?: Uint8Array): Uint8Array {
  const head = bytes ? [...numbers, bytes.byteLength] : numbers
  const length = head.reduce((sum, number) => sum + varUintBytes(number), 0)
  const frame = new Uint8Array(length + (bytes?.byteLength ?? 0))
  let at = 0
  for (const number of head) at = putVarUint(frame, at, number)
  if (bytes) frame.set(bytes, at)
  return frame
}

function varUintBytes(number: number): number {
  let count = 1
  for (let rest = number; rest > 0x7f; rest = Math.floor(rest / 0x80)) count++
  return count
}

/** Returns where the next byte goes. */
function putVarUint(frame: Uint8Array, at: number, number: number): number {
  let next = at
  let rest = number
  while (rest > 0x7f) {
    frame[next++] = (rest & 0x7f) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  frame[next++] = rest
  return next
}

export const step1Frame = (stateVector: Uint8Array) => frameOf([syncFrame.sync, syncStep.step1], stateVector)
export const step2Frame = (update: Uint8Array) => frameOf([syncFrame.sync, syncStep.step2], update)
export const updateFrame = (update: Uint8Array) => frameOf([syncFrame.sync, syncStep.update], update)
export const awarenessFrame = (states: Uint8Array) => frameOf([syncFrame.awareness], states)
export const queryAwarenessFrame = () => frameOf([syncFrame.queryAwareness])
export const durableFrame = (count: number) => frameOf([syncFrame.durable, count])
export const epochFrame = (epoch: number) => frameOf([syncFrame.epoch, epoch])
