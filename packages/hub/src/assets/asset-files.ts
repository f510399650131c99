/**
 * Blobs as files named by their SHA-256: `<folder>/ab/<hex>`. A file is complete and on the disk before it has its name.
 * Which org may see which blob is not known here.
 */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { AssetId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { storageError } from '../store/storage-error.ts'
import { sniffType } from './sniff-type.ts'

export interface AssetFacts {
  bytes: number
  mimeType: string
}

export class AssetFiles {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Makes the folder and removes uploads that a crash left behind. */
  static async open(folder: string): Promise<AssetFiles> {
    const incoming = join(folder, 'incoming')
    await mkdir(incoming, { recursive: true, mode: 0o700 })
    for (const name of await readdir(incoming)) await rm(join(incoming, name))
    return new AssetFiles(folder)
  }

  /** Takes the bytes while hashing them; throws BAD_REQUEST when they are not what the name says. */
  async write(
    asset: AssetId,
    chunks: AsyncIterable<Uint8Array>,
    capBytes: number = limits.assetBytes,
  ): Promise<AssetFacts> {
    const temporary = join(this.#folder, 'incoming', randomUUID())
    try {
      const facts = await receive(temporary, asset, chunks, capBytes)
      await this.#publish(temporary, asset)
      return facts
    } catch (error) {
      await rm(temporary, { force: true })
      throw storageError(error)
    }
  }

  /** Bytes `start` to `end`, both counted. */
  read(asset: AssetId, start: number, end: number): NodeJS.ReadableStream {
    return createReadStream(this.#pathOf(asset), { start, end })
  }

  async has(asset: AssetId): Promise<boolean> {
    const found = await stat(this.#pathOf(asset)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw storageError(error)
    })
    return found !== undefined
  }

  #pathOf(asset: AssetId): string {
    const hex = asset.slice('sha256-'.length)
    return join(this.#folder, hex.slice(0, 2), hex)
  }

  async #publish(temporary: string, asset: AssetId): Promise<void> {
    const path = this.#pathOf(asset)
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await rename(temporary, path)
    await syncFolder(dirname(path))
    await syncFolder(this.#folder)
  }
}

async function receive(
  path: string,
  asset: AssetId,
  chunks: AsyncIterable<Uint8Array>,
  capBytes: number,
): Promise<AssetFacts> {
  const file = await open(path, 'wx', 0o600)
  try {
    const facts = await copy(file, asset, chunks, capBytes)
    await file.sync()
    return facts
  } finally {
    await file.close()
  }
}

async function copy(
  file: FileHandle,
  asset: AssetId,
  chunks: AsyncIterable<Uint8Array>,
  capBytes: number,
): Promise<AssetFacts> {
  const hash = createHash('sha256')
  let bytes = 0
  let head: Uint8Array = new Uint8Array()
  for await (const chunk of chunks) {
    bytes += chunk.byteLength
    if (bytes > capBytes) throw new MeshError('TOO_LARGE', { detail: `an asset may have ${capBytes} bytes` })
    if (head.byteLength < 512) head = Buffer.concat([head, chunk.subarray(0, 512)])
    hash.update(chunk)
    await file.writeFile(chunk)
  }
  if (`sha256-${hash.digest('hex')}` !== asset)
    throw new MeshError('BAD_REQUEST', { detail: 'the bytes do not have the SHA-256 of their name' })
  return { bytes, mimeType: sniffType(head) }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
