/** Several updates as one piece of bytes: between threads, and in a row of the log. */
import { concatBytes } from '../bytes.ts'

/** Many small blobs as two, because each one that crosses a thread has its price. */
export interface PackedUpdates {
  bytes: Uint8Array
  lengths: number[]
}

export function packUpdates(updates: readonly Uint8Array[]): PackedUpdates {
  return { bytes: concatBytes(updates), lengths: updates.map(update => update.byteLength) }
}

export function unpackUpdates({ bytes, lengths }: PackedUpdates): Uint8Array[] {
  let offset = 0
  return lengths.map(length => {
    const start = offset
    offset += length
    return bytes.slice(start, offset)
  })
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
  const lengths = Array.from({ length: count }, (_, i) => view.getUint32(4 * (i + 1), true))
  return unpackUpdates({ bytes: row.subarray(4 * (count + 1)), lengths })
}
