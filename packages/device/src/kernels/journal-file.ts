/**
 * Records in a file: length and CRC-32 as 32 bits each, then JSON. A record that is cut off or damaged ends the file:
 * what follows it was never durable.
 */
import { open } from 'node:fs/promises'
import { crc32 } from 'node:zlib'

const headerBytes = 8
const chunkBytes = 256 * 1024

export function encodeRecord(record: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(record), 'utf8')
  const bytes = Buffer.allocUnsafe(headerBytes + body.length)
  bytes.writeUInt32BE(body.length, 0)
  bytes.writeUInt32BE(crc32(body), 4)
  body.copy(bytes, headerBytes)
  return bytes
}

export interface ReadRecord {
  record: unknown
  /** Where the record ends in the file. */
  end: number
}

/** The whole records from `start` (where a record begins) up to `limit`. */
export async function* readRecords(path: string, start: number, limit: number): AsyncGenerator<ReadRecord> {
  const file = await open(path, 'r')
  try {
    let rest = Buffer.alloc(0)
    let at = start
    for (let position = start; position < limit; ) {
      const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, limit - position))
      const { bytesRead } = await file.read(chunk, 0, chunk.length, position)
      if (bytesRead === 0) return
      position += bytesRead
      rest = Buffer.concat([rest, chunk.subarray(0, bytesRead)])
      for (;;) {
        const size = wholeSize(rest)
        if (size === undefined) break
        const record = decode(rest.subarray(0, size))
        if (record === undefined) return
        at += size
        rest = rest.subarray(size)
        yield { record, end: at }
      }
    }
  } finally {
    await file.close()
  }
}

function wholeSize(bytes: Buffer): number | undefined {
  if (bytes.length < headerBytes) return undefined
  const size = headerBytes + bytes.readUInt32BE(0)
  return bytes.length >= size ? size : undefined
}

function decode(bytes: Buffer): unknown {
  const body = bytes.subarray(headerBytes)
  // An empty body is what a file system leaves that grew the file but lost the data.
  if (body.length === 0 || crc32(body) !== bytes.readUInt32BE(4)) return undefined
  return JSON.parse(body.toString('utf8'))
}
