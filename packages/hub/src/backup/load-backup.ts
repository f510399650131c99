/** Reads a sealed backup into a new, empty place, and believes nothing that does not agree with its manifest. */
import { createHash } from 'node:crypto'
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { SqliteTableWriter } from '@meshbook/relay/sql/sqlite-tables.ts'
import type { TableInfo, TableWriter } from '@meshbook/relay/sql/tables.ts'
import type { Schema } from '@meshbook/relay/sql/tx.ts'
import { hubSchemas } from '../store/open-store.ts'
import { type BlobName, type Blobs, blobOf, FileBlobs } from './blobs.ts'
import { type Format, type Manifest, type Part, parseFormat, parseManifest } from './manifest.ts'
import { decrypterFor } from './recovery-key.ts'
import { parseRows } from './row-text.ts'
import { type ArchiveEntry, openArchive } from './sealed-archive.ts'
import type { Progress } from './write-backup.ts'

export interface Loaded {
  format: Format
  manifest: Manifest
}

export interface LoadJob {
  file: string
  /** A recovery key, a file of them, or a passphrase. */
  key: string
  /** An empty folder. */
  into: string
  onProgress: Progress
}

/** Makes `hub.db` and `assets/` in the folder; when it throws, the folder holds nothing of use. */
export async function loadBackup(job: LoadJob): Promise<Loaded> {
  const decrypter = decrypterFor(job.key)
  const all = await stat(job.file).then(
    ({ size }) => size,
    () => 0,
  )
  const writer = new SqliteTableWriter(join(job.into, 'hub.db'))
  try {
    await mkdir(join(job.into, 'assets'), { mode: 0o700 })
    const loading = new Loading(writer, new FileBlobs(join(job.into, 'assets')))
    for await (const entry of openArchive(job.file, decrypter, bytes => job.onProgress('read', bytes, all)))
      await loading.take(entry)
    const loaded = await loading.end()
    await writer.finish()
    return loaded
  } finally {
    await writer.close()
  }
}

class Loading {
  readonly #writer: TableWriter
  readonly #blobs: Blobs
  /** What the rows name and has not come yet, by where it goes. */
  readonly #awaited = new Map<string, BlobName>()
  readonly #parts: Part[] = []
  readonly #assets = { count: 0, bytes: 0 }
  #format: Format | undefined
  #manifest: Manifest | undefined
  #tables = new Map<string, TableInfo>()

  constructor(writer: TableWriter, blobs: Blobs) {
    this.#writer = writer
    this.#blobs = blobs
  }

  async take(entry: ArchiveEntry): Promise<void> {
    if (this.#manifest) throw damaged('something follows the manifest')
    if (!this.#format) return this.#begin(entry)
    if (entry.name === 'manifest.json') {
      this.#manifest = parseManifest((await bytesOf(entry, limits.backupManifestBytes)).toString('utf8'))
      return
    }
    const blob = entry.name.startsWith('assets/') && this.#awaited.get(entry.name.slice('assets/'.length))
    if (blob) return this.#takeBlob(entry, blob)
    const [, name = ''] = /^tables\/(\w+)\/\d{6,}\.ndjson$/.exec(entry.name) ?? []
    const table = this.#tables.get(name)
    if (!table) throw damaged('it holds a file that no backup has')
    await this.#takePart(entry, table)
  }

  async #begin(entry: ArchiveEntry): Promise<void> {
    if (entry.name !== 'format.json') throw damaged('it does not begin as a backup does')
    const format = parseFormat((await bytesOf(entry, limits.backupManifestBytes)).toString('utf8'))
    const made = await this.#writer.prepare(await schemasAt(format.schemas))
    for (const { name, columns } of format.tables) {
      const known = new Set(made.find(table => table.name === name)?.columns)
      if (columns.length === 0 || !columns.every(column => known.has(column)))
        throw damaged(`its table ${name} is not one of that version`)
      this.#tables.set(name, { name, columns })
    }
    this.#format = format
  }

  async #takePart(entry: ArchiveEntry, table: TableInfo): Promise<void> {
    const bytes = await bytesOf(entry, limits.backupPartMaxBytes)
    const rows = parseRows(bytes.toString('utf8'), table.columns.length)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    this.#parts.push({ name: entry.name, rows: rows.length, bytes: bytes.byteLength, sha256 })
    for (const row of rows) {
      const blob = blobOf(table, row)
      if (blob) this.#awaited.set(blob.name, blob)
    }
    await this.#writer.write(table, rows)
  }

  async #takeBlob(entry: ArchiveEntry, { name, sha256 }: BlobName): Promise<void> {
    this.#awaited.delete(name)
    this.#assets.bytes += await this.#blobs.write(name, entry.body, sha256)
    this.#assets.count++
  }

  /** Everything that the manifest names is here, and nothing else. */
  async end(): Promise<Loaded> {
    if (!this.#format || !this.#manifest) throw damaged('its end is missing')
    const { parts, tables, assets } = this.#manifest
    if (JSON.stringify(parts) !== JSON.stringify(this.#parts)) throw damaged('a part is not what the manifest says')
    if (assets.count !== this.#assets.count || assets.bytes !== this.#assets.bytes)
      throw damaged('the assets are not those that the manifest counts')
    const known = new Set([...assets.missing, ...assets.damaged])
    for (const { asset } of this.#awaited.values())
      if (!known.has(asset)) throw damaged(`the asset ${asset} is missing`)
    for (const table of this.#tables.keys())
      if ((await this.#writer.count(table)) !== (tables[table] ?? 0)) throw damaged(`rows of ${table} are missing`)
    return { format: this.#format, manifest: this.#manifest }
  }
}

/** The tables as the Meshbook that made the backup had them; newer migrations run later, as for an older data folder. */
async function schemasAt(versions: Format['schemas']): Promise<Schema[]> {
  const known = new Map((await hubSchemas()).map(schema => [schema.name, schema]))
  return Object.entries(versions).map(([name, version]) => {
    const schema = known.get(name)
    if (!schema || version > schema.migrations.length)
      throw new MeshError('BACKUP_TOO_NEW', {
        detail: `its tables of "${name}" have version ${version}, this Meshbook knows ${schema?.migrations.length ?? 'none'}`,
      })
    return { name, migrations: schema.migrations.slice(0, version) }
  })
}

async function bytesOf({ name, size, body }: ArchiveEntry, capBytes: number): Promise<Buffer> {
  if (size > capBytes) throw damaged(`${name} is larger than it may be`)
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function damaged(detail: string): MeshError {
  return new MeshError('BACKUP_DAMAGED', { detail })
}
