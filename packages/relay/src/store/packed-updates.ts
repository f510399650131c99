/** Several updates as one piece of bytes: between threads, and in a row of the log. */
import { concatBytes } from '../bytes.ts'

/** Many small blobs as two, because each one that crosses a thread has its price. */
export interface PackedUpdates {
  bytes: Uint8Array
  lengths: Uint32Array
}

export function packUpdates(updates: readonly Uint8Array[]): PackedUpdates {
  return { bytes: concatBytes(updates), lengths: Uint32Array.from(updates, update => update.byteLength) }
}

/** Each in a buffer of its own, for who keeps them. */
export function unpackUpdates(packed: PackedUpdates): Uint8Array[] {
  return viewUpdates(packed).map(update => update.slice())
}

/** As windows on the packed bytes, for who only passes them on. */
export function viewUpdates({ bytes, lengths }: PackedUpdates): Uint8Array[] {
  const updates: Uint8Array[] = []
  let offset = 0
  for (const length of lengths) {
    updates.push(bytes.subarray(offset, offset + length))
    offset += length
  }
  return updates
}

/** How many there are, the length of each, then their bytes one after the other; numbers are 32 bits, little-endian. */
export function rowOfUpdates(updates: readonly Uint8Array[]): Uint8Array {
  const head = new DataView(new ArrayBuffer(4 * (updates.length + 1)))
  head.setUint32(0, updates.length, true)
  for (const [i, update] of updates.entries()) head.setUint32(4 * (i + 1), update.byteLength, true)
  return concatBytes([new Uint8Array(head.buffer), ...updates])
}

export function updatesOfRow(row: Uint8Array): Uint8Array[] {
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength)
  const count = view.getUint32(0, true)
  const lengths = Uint32Array.from({ length: count }, (_, i) => view.getUint32(4 * (i + 1), true))
  return unpackUpdates({ bytes: row.subarray(4 * (count + 1)), lengths })
}
