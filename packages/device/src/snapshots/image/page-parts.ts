/**
 * The form in which pages of memory are stored: runs of pages by process and address, each either as they are or as
 * what differs from the page of the capture before (XOR). Pure; a part is compressed by whoever stores it.
 *
 * A part: `MBP1`, u32 number of runs, u32 capture of the chain, u32 number in it (both 0 in a whole capture, so that the
 * next whole one has the same parts where nothing changed); a run: u16 process, u16 kind, u32 count, f64 first page; then the pages.
 */
import { pageBytes } from './criu-images.ts'
import { MalformedImage } from './wire-message.ts'

export const runKinds = { whole: 0, xor: 1 } as const
/** Of one part before it is compressed. */
export const partPages = 1000
const magic = 'MBP1'
const headBytes = 16
const runBytes = 16

export interface PartRun {
  process: number
  kind: number
  start: number
  count: number
}

/** Where a part belongs: one that stands in the place of another is not taken for it. */
export interface PartPlace {
  capture: number
  index: number
}

export function encodePart(runs: readonly PartRun[], pages: Buffer, place: PartPlace): Buffer {
  const head = Buffer.alloc(headBytes + runs.length * runBytes)
  head.write(magic, 'latin1')
  head.writeUInt32LE(runs.length, 4)
  head.writeUInt32LE(place.capture, 8)
  head.writeUInt32LE(place.index, 12)
  runs.forEach((run, index) => {
    const at = headBytes + index * runBytes
    head.writeUInt16LE(run.process, at)
    head.writeUInt16LE(run.kind, at + 2)
    head.writeUInt32LE(run.count, at + 4)
    head.writeDoubleLE(run.start, at + 8)
  })
  return Buffer.concat([head, pages])
}

export interface DecodedRun extends PartRun {
  bytes: Buffer
}

export function decodePart(part: Buffer, place: PartPlace): DecodedRun[] {
  if (part.length < headBytes || part.toString('latin1', 0, 4) !== magic)
    throw new MalformedImage('a part of pages is not one')
  if (part.readUInt32LE(8) !== place.capture || part.readUInt32LE(12) !== place.index)
    throw new MalformedImage('a part of pages stands in the place of another')
  const count = part.readUInt32LE(4)
  let at = headBytes + count * runBytes
  if (at > part.length) throw new MalformedImage('a part of pages is cut short')
  const runs: DecodedRun[] = []
  for (let index = 0; index < count; index++) {
    const head = headBytes + index * runBytes
    const pages = part.readUInt32LE(head + 4)
    const start = part.readDoubleLE(head + 8)
    const end = at + pages * pageBytes
    const kind = part.readUInt16LE(head + 2)
    if (end > part.length || !Number.isSafeInteger(start) || start < 0 || kind > runKinds.xor)
      throw new MalformedImage('a part of pages has a run that is not whole')
    runs.push({ process: part.readUInt16LE(head), kind, start, count: pages, bytes: part.subarray(at, end) })
    at = end
  }
  if (at !== part.length) throw new MalformedImage('a part of pages is longer than it says')
  return runs
}

/** Into `target`, which has the length of `other`; both may lie anywhere in memory. */
export function xorInto(target: Buffer, other: Buffer): void {
  const aligned = target.byteOffset % 4 === 0 && other.byteOffset % 4 === 0 && target.length % 4 === 0
  if (!aligned) {
    for (let at = 0; at < target.length; at++) target[at] = target[at]! ^ other[at]!
    return
  }
  const to = new Int32Array(target.buffer, target.byteOffset, target.length / 4)
  const from = new Int32Array(other.buffer, other.byteOffset, target.length / 4)
  for (let at = 0; at < to.length; at++) to[at] = to[at]! ^ from[at]!
}
