/**
 * Bytes on the wire. Two kinds of frame:
 * - the device channel: varuint message type, varuint stream id, payload (JSON for control, raw for SYNC);
 * - document sync: the stock y-websocket frames, whose first varuint is a `syncFrame` number.
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { MeshError } from './errors.ts'
import { limits } from './limits.ts'

/** First varuint of a frame on `/sync`. 0–3 are y-websocket's own; 100 and 101 only for subprotocol meshbook.v1. */
export const syncFrame = {
  sync: 0,
  awareness: 1,
  auth: 2,
  queryAwareness: 3,
  /** Hub to client: varuint count of this connection's update-carrying frames that are durable. */
  durable: 100,
  /** Hub to client at open, client to hub as its first frame when it knows one: varuint epoch. */
  epoch: 101,
} as const

/** Second varuint of a `syncFrame.sync` frame. */
export const syncStep = { step1: 0, step2: 1, update: 2 } as const

export const subprotocol = 'meshbook.v1'

export interface ChannelFrame {
  type: number
  stream: number
  payload: Uint8Array
}

export function encodeFrame(frame: ChannelFrame): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, frame.type)
  encoding.writeVarUint(encoder, frame.stream)
  encoding.writeUint8Array(encoder, frame.payload)
  return encoding.toUint8Array(encoder)
}

export function decodeFrame(bytes: Uint8Array): ChannelFrame {
  if (bytes.byteLength > limits.channelFrameBytes)
    throw new MeshError('TOO_LARGE', { detail: `a channel frame of ${bytes.byteLength} bytes` })
  const decoder = decoding.createDecoder(bytes)
  const type = readNumber(decoder)
  const stream = readNumber(decoder)
  return { type, stream, payload: decoding.readTailAsUint8Array(decoder) }
}

function readNumber(decoder: decoding.Decoder): number {
  try {
    const number = decoding.readVarUint(decoder)
    if (Number.isSafeInteger(number)) return number
  } catch (cause) {
    throw new MeshError('BAD_MESSAGE', { detail: 'a channel frame without type or stream', cause })
  }
  throw new MeshError('BAD_MESSAGE', { detail: 'a number in a channel frame is too large' })
}
