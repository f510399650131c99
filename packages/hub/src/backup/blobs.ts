/**
 * The bytes that rows name, wherever a hub keeps them: assets under the names that the rows have for them, and snapshots
 * that are objects.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { TableInfo } from '@meshbook/relay/sql/tables.ts'
import type { SqlValue } from '@meshbook/relay/sql/tx.ts'
import { readSnapshot } from '../objects/object-snapshot-store.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import { isReference } from '../objects/snapshot-reference.ts'
import { storageError } from '../store/storage-error.ts'
import { syncFolder } from './whole-file.ts'

export interface Blobs {
  /** Throws NOT_FOUND before the first byte. */
  read(name: string): AsyncIterable<Uint8Array>
  /** Resolves with the size once it is durable; throws BACKUP_DAMAGED when the bytes have another SHA-256. */
  write(name: string, chunks: AsyncIterable<Uint8Array>, sha256: string): Promise<number>
}

export interface BlobName {
  asset: string
  /** SHA-256 of its bytes. */
  sha256: string
  /** Where its bytes are. */
  name: string
}

/** The bytes of a snapshot's row, wherever they are (BK9). `objects`: the store of snapshots, if there is one. */
export async function withSnapshot(
  { name: table, columns }: TableInfo,
  row: SqlValue[],
  objects: ObjectStore | undefined,
): Promise<SqlValue[]> {
  if (table !== 'relay_snapshots') return row
  const at = columns.indexOf('data')
  const data = row[at]
  if (!(data instanceof Uint8Array && isReference(data))) return row
  try {
    if (!objects) throw new MeshError('BAD_CONFIG', { detail: 'MESHBOOK_S3_ENDPOINT: it is in an object store' })
    return row.with(at, await readSnapshot(objects, data))
  } catch (thrown) {
    const { code, message } = asMeshError(thrown)
    const detail = `the snapshot of ${row[columns.indexOf('document_id')]}: ${message}`
    throw new MeshError(code === 'NOT_FOUND' ? 'STORAGE_FAILED' : code, { detail, cause: thrown })
  }
}

/** No name leads out of its folder (S11). */
export function isBlobName(text: string): boolean {
  return text.length <= 400 && /^[a-z0-9_-][a-z0-9._-]*(?:\/[a-z0-9_-][a-z0-9._-]*)*$/.test(text)
}

/** Tables whose rows name blobs. */
export const blobTables: readonly string[] = ['assets', 'snapshot_parts']

/** A row of another table names no blob. */
export function blobOf({ name: table, columns }: TableInfo, row: readonly SqlValue[]): BlobName | undefined {
  if (!blobTables.includes(table)) return undefined
  const value = (column: string): string => String(row[columns.indexOf(column)] ?? '')
  const asset = table === 'assets' ? value('asset_id') : `sha256-${value('sha256')}`
  const sha256 = asset.slice('sha256-'.length)
  const name = value('object') || `${sha256.slice(0, 2)}/${sha256}`
  if (!isBlobName(name)) throw new MeshError('BACKUP_DAMAGED', { detail: `the bytes of ${asset} have no plain name` })
  return { asset, sha256, name }
}

export class FileBlobs implements Blobs {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async *read(name: string): AsyncGenerator<Uint8Array> {
    try {
      yield* createReadStream(join(this.#folder, name)) as AsyncIterable<Uint8Array>
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') throw new MeshError('NOT_FOUND', { detail: name })
      throw storageError(thrown)
    }
  }

  async write(name: string, chunks: AsyncIterable<Uint8Array>, sha256: string): Promise<number> {
    const path = join(this.#folder, name)
    await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch(failed)
    const file = await open(path, 'wx', 0o600).catch(failed)
    const hash = createHash('sha256')
    let bytes = 0
    try {
      for await (const chunk of chunks) {
        hash.update(chunk)
        bytes += chunk.byteLength
        await file.writeFile(chunk).catch(failed)
      }
      await file.sync().catch(failed)
    } finally {
      await file.close()
    }
    if (hash.digest('hex') !== sha256)
      throw new MeshError('BACKUP_DAMAGED', { detail: `the asset ${sha256} is altered` })
    await syncFolder(dirname(path))
    return bytes
  }
}

/** Assets in a bucket, as a backup reads them. */
export class ObjectBlobs implements Pick<Blobs, 'read'> {
  readonly #objects: ObjectStore

  constructor(objects: ObjectStore) {
    this.#objects = objects
  }

  async *read(name: string): AsyncGenerator<Uint8Array> {
    yield* await this.#objects.get(name)
  }
}

function failed(thrown: unknown): never {
  throw storageError(thrown)
}
