/** How a piece of a file stands in a part: compressed where that makes it smaller, and in the first byte whether it is. */
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import { MeshError } from '@meshbook/core/errors.ts'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)
const form = { plain: 0, zstd: 1 } as const
const level = 1
/** Less is not worth the time that it takes to get it back. */
const worthShare = 0.97

export async function toPart(piece: Buffer): Promise<Buffer> {
  const packed = await compress(piece, { params: { [constants.ZSTD_c_compressionLevel]: level } })
  const isWorth = packed.length < piece.length * worthShare
  return Buffer.concat([Buffer.of(isWorth ? form.zstd : form.plain), isWorth ? packed : piece])
}

/** Throws SNAPSHOT_REFUSED unless it is a piece of just this length: nothing swells beyond what the plan says. */
export async function fromPart(part: Uint8Array, bytes: number): Promise<Buffer> {
  const content = part.subarray(1)
  const piece =
    part[0] === form.zstd
      ? await decompress(content, { maxOutputLength: Math.max(1, bytes) }).catch(() => undefined)
      : part[0] === form.plain
        ? Buffer.from(content.buffer, content.byteOffset, content.byteLength)
        : undefined
  if (piece?.length !== bytes)
    throw new MeshError('SNAPSHOT_REFUSED', { detail: 'a part of it is not what the plan says' })
  return piece
}
