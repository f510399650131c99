/** Files of any size, read and copied as streams: their name by content, never their bytes. Follows no link (S11). */
import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import { type AssetId, parseAssetId } from '@meshbook/core/ids.ts'
import { type FileStamp, sameStamp } from './disk.ts'
import { stampOf } from './node-disk.ts'
import { codeOf, orStorageError } from './storage-error.ts'

export interface Digest {
  asset: AssetId
  bytes: number
  stamp: FileStamp
}

export interface BigFiles {
  /** Undefined if there is no such file, or if it changed while it was read. TOO_LARGE above the cap. */
  digest(file: string, maxBytes: number, signal: AbortSignal): Promise<Digest | undefined>
  /** The same, while copying to a new durable file; what stands at `to` is replaced. */
  copy(from: string, to: string, maxBytes: number, signal: AbortSignal): Promise<Digest | undefined>
}

export interface TextFiles {
  /** A new durable file of what comes piece by piece; what stands at `to` is replaced. */
  write(to: string, pieces: AsyncIterable<Uint8Array>): Promise<Omit<Digest, 'stamp'>>
}

const chunkBytes = 1024 * 1024
const toRead = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const toWrite = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW

export class NodeBigFiles implements BigFiles, TextFiles {
  digest(file: string, maxBytes: number, signal: AbortSignal): Promise<Digest | undefined> {
    return orStorageError(file, () => readThrough(file, maxBytes, signal, undefined))
  }

  copy(from: string, to: string, maxBytes: number, signal: AbortSignal): Promise<Digest | undefined> {
    return orStorageError(to, async () => {
      const target = await open(to, toWrite, 0o644)
      try {
        const digest = await readThrough(from, maxBytes, signal, target)
        await target.sync()
        return digest
      } finally {
        await target.close()
      }
    })
  }

  write(to: string, pieces: AsyncIterable<Uint8Array>): Promise<Omit<Digest, 'stamp'>> {
    return orStorageError(to, async () => {
      const target = await open(to, toWrite, 0o644)
      const hash = createHash('sha256')
      let bytes = 0
      try {
        for await (const piece of pieces) {
          hash.update(piece)
          bytes += piece.byteLength
          await target.writeFile(piece)
        }
        await target.sync()
      } finally {
        await target.close()
      }
      return { asset: assetOf(hash), bytes }
    })
  }
}

const assetOf = (hash: Hash): AssetId => parseAssetId(`sha256-${hash.digest('hex')}`)

async function readThrough(
  file: string,
  maxBytes: number,
  signal: AbortSignal,
  target: FileHandle | undefined,
): Promise<Digest | undefined> {
  const handle = await open(file, toRead).catch(thrown => {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EMLINK'].includes(codeOf(thrown) ?? '')) return undefined
    throw thrown
  })
  if (!handle) return undefined
  try {
    const before = await handle.stat({ bigint: true })
    if (!before.isFile()) return undefined
    if (before.size > maxBytes)
      throw new MeshError('TOO_LARGE', { detail: `${file} has ${before.size} bytes; a file may have ${maxBytes}` })
    const asset = await hashOf(handle, Number(before.size), signal, target)
    const stamp = stampOf(await handle.stat({ bigint: true }))
    return asset && sameStamp(stamp, stampOf(before)) ? { asset, bytes: Number(before.size), stamp } : undefined
  } finally {
    await handle.close()
  }
}

/** Undefined if it is not as long as it said. */
async function hashOf(
  handle: FileHandle,
  size: number,
  signal: AbortSignal,
  target: FileHandle | undefined,
): Promise<AssetId | undefined> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(chunkBytes)
  let bytes = 0
  for (;;) {
    signal.throwIfAborted()
    const { bytesRead } = await handle.read(buffer, 0, chunkBytes, bytes)
    if (bytesRead === 0) break
    bytes += bytesRead
    if (bytes > size) return undefined
    hash.update(buffer.subarray(0, bytesRead))
    await target?.writeFile(buffer.subarray(0, bytesRead))
  }
  return bytes === size ? assetOf(hash) : undefined
}
