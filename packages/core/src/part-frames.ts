/**
 * Rows of parts as they travel over HTTP (`moves-api.ts`): each a part's id (32 bytes), its length (4 bytes, most
 * significant first) and its bytes. The reader believes no length before it has looked at it. No I/O.
 */
import { MeshError } from './errors.ts'
import type { PartId } from './snapshot.ts'

const idBytes = 32
export const partHeadBytes = idBytes + 4
/** The version of the form, and the tag of nothing. */
export const leastPartBytes = 17

export interface PartFrame {
  part: PartId
  bytes: Uint8Array<ArrayBuffer>
}

export interface FrameCaps {
  /** Of one part. */
  partBytes: number
  /** Of all of them together. */
  bytes: number
  parts: number
}

export function partHead(part: PartId, length: number): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(partHeadBytes)
  for (let i = 0; i < idBytes; i++) head[i] = Number.parseInt(part.slice(2 * i, 2 * i + 2), 16)
  new DataView(head.buffer).setUint32(idBytes, length)
  return head
}

/** Throws TOO_LARGE at the first length beyond a cap, and BAD_REQUEST when the last part is cut. */
export async function* readPartFrames(source: AsyncIterable<Uint8Array>, caps: FrameCaps): AsyncGenerator<PartFrame> {
  let head = new Uint8Array(partHeadBytes)
  let filled = 0
  let frame: PartFrame | undefined
  let parts = 0
  let all = 0
  for await (const chunk of source) {
    for (let at = 0; at < chunk.byteLength; ) {
      const into: Uint8Array = frame ? frame.bytes : head
      const taken = Math.min(into.byteLength - filled, chunk.byteLength - at)
      into.set(chunk.subarray(at, at + taken), filled)
      at += taken
      filled += taken
      if (filled < into.byteLength) continue
      filled = 0
      if (frame) {
        yield frame
        frame = undefined
        continue
      }
      const length = new DataView(head.buffer).getUint32(idBytes)
      all += length
      checkCaps(length, all, ++parts, caps)
      frame = { part: hexOf(head), bytes: new Uint8Array(length) }
      head = new Uint8Array(partHeadBytes)
    }
  }
  if (frame || filled > 0) throw new MeshError('BAD_REQUEST', { detail: 'the last part is cut' })
}

function checkCaps(length: number, all: number, parts: number, caps: FrameCaps): void {
  if (length < leastPartBytes) throw new MeshError('BAD_REQUEST', { detail: 'a part is empty' })
  if (length > caps.partBytes) throw new MeshError('TOO_LARGE', { detail: `a part may have ${caps.partBytes} bytes` })
  if (all > caps.bytes) throw new MeshError('TOO_LARGE', { detail: `the parts may have ${caps.bytes} bytes together` })
  if (parts > caps.parts) throw new MeshError('TOO_LARGE', { detail: `there may be ${caps.parts} parts` })
}

function hexOf(head: Uint8Array): PartId {
  return Array.from(head.subarray(0, idBytes), byte => byte.toString(16).padStart(2, '0')).join('')
}
