/** Bytes and files of any length as compressed parts, and back. */
import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { compress, decompress, levels } from './compression.ts'
import { InFlight } from './in-flight.ts'
import type { Answers } from './part-calls.ts'
import { MalformedImage } from './wire-message.ts'

export const chunkBytes = 4 * 1024 * 1024
/** What random bytes grow by when they are compressed stays far below what a part may have more. */
const flights = 4
const fewBytes = 64 * 1024 * 1024

type Put = Pick<Answers, 'put'>
type Get = Pick<Answers, 'get'>

/** Compressed as one, then cut. */
export async function putBytes(bytes: Buffer, { put }: Put, dictionary?: Buffer): Promise<string[]> {
  const small = await compress(bytes, levels.close, dictionary)
  const parts: string[] = []
  for (let at = 0; at < small.length; at += chunkBytes) parts.push(await put(small.subarray(at, at + chunkBytes)))
  return parts
}

export async function getBytes(parts: readonly string[], { get }: Get, dictionary?: Buffer): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let total = 0
  for (const part of parts) {
    const piece = await get(part)
    total += piece.length
    if (total > fewBytes) throw new MalformedImage('a list is longer than any may be')
    pieces.push(piece)
  }
  return decompress(Buffer.concat(pieces), 4 * fewBytes, dictionary)
}

/** Cut, then each compressed, so that what did not change is the same part. Exactly `bytes` of the file. */
export async function putFile(
  path: string,
  bytes: number,
  { put }: Put,
): Promise<{ parts: string[]; sha256: string; storedBytes: number }> {
  const file = openSync(path, 'r')
  const hash = createHash('sha256')
  const parts: string[] = []
  const flight = new InFlight(flights)
  let storedBytes = 0
  try {
    for (let at = 0, index = 0; at < bytes; at += chunkBytes, index++) {
      const chunk = Buffer.alloc(Math.min(chunkBytes, bytes - at))
      readFully(file, chunk, at)
      hash.update(chunk)
      await flight.add(async () => {
        const small = await compress(chunk, levels.fast)
        storedBytes += small.length
        parts[index] = await put(small)
      })
    }
    await flight.end()
  } finally {
    closeSync(file)
  }
  return { parts, sha256: hash.digest('hex'), storedBytes }
}

export async function* getChunks(parts: readonly string[], { get }: Get): AsyncGenerator<Buffer> {
  for (const part of parts) yield await decompress(await get(part), chunkBytes)
}

export function readFully(file: number, into: Buffer, at: number): void {
  for (let done = 0; done < into.length; ) {
    const read = readSync(file, into, done, into.length - done, at + done)
    if (read === 0) throw new MalformedImage('a file is shorter than it was')
    done += read
  }
}
