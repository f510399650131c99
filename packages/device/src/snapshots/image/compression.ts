/** Zstandard, off the thread that asks, with a cap on what comes out. */
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import { MalformedImage } from './wire-message.ts'

const compressAsync = promisify(zstdCompress)
const decompressAsync = promisify(zstdDecompress)
const {
  ZSTD_c_compressionLevel: level,
  ZSTD_c_checksumFlag: checksum,
  ZSTD_c_windowLog: window,
  ZSTD_d_windowLogMax: windowMax,
} = constants
const leastWindow = 18
const mostWindow = 27

export const levels = { fast: 1, close: 3 } as const

export function compress(bytes: Uint8Array, how: number, dictionary?: Buffer): Promise<Buffer> {
  const params = {
    [level]: how,
    [checksum]: 1,
    ...(dictionary && { [window]: windowFor(bytes.length + dictionary.length) }),
  }
  return compressAsync(bytes, { params, ...(dictionary && { dictionary }) })
}

export async function decompress(bytes: Uint8Array, mostBytes: number, dictionary?: Buffer): Promise<Buffer> {
  const params = { [windowMax]: mostWindow }
  try {
    return await decompressAsync(bytes, { params, maxOutputLength: mostBytes, ...(dictionary && { dictionary }) })
  } catch {
    throw new MalformedImage('a part cannot be decompressed')
  }
}

/** What is farther away than the window would not be found again. */
function windowFor(bytes: number): number {
  return Math.min(mostWindow, Math.max(leastWindow, Math.ceil(Math.log2(bytes + 1))))
}
