/** Makes a backup: the rows of one moment and the assets they name, sealed into one file. */
import { createHash } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now, RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { TableInfo } from '@meshbook/relay/sql/tables.ts'
import type { SqlValue } from '@meshbook/relay/sql/tx.ts'
import { isKept } from '../store/backup-tables.ts'
import { storageError } from '../store/storage-error.ts'
import { version } from '../version.ts'
import { type BackupSource, type HubData, mustHoldHub, openSource } from './backup-source.ts'
import { type BlobName, blobOf, withSnapshot } from './blobs.ts'
import { type Format, formatVersion, type Manifest } from './manifest.ts'
import { encrypterFor, type Lock, storedRecipient } from './recovery-key.ts'
import { rowLine } from './row-text.ts'
import { type ArchiveWriter, sealArchive } from './sealed-archive.ts'
import { syncFolder } from './whole-file.ts'
import { exists, withWorkFolder } from './work-folder.ts'

/** What a command shows while it works. */
export type Progress = (
  phase: 'copy' | 'tables' | 'assets' | 'read' | 'documents' | 'move',
  done: number,
  all: number,
) => void

export interface BackupReport {
  file: string
  bytes: number
  madeAt: number
  rows: number
  documents: number
  assets: number
  /** Assets that rows name and that are not there, or are not what their name says. */
  missing: string[]
  damaged: string[]
}

export interface BackupJob extends HubData {
  file: string
  lock: Lock
  now: Now
  random: RandomBytes
  onProgress: Progress
}

export async function writeBackup(job: BackupJob): Promise<BackupReport> {
  if (await exists(job.file)) throw new MeshError('WOULD_OVERWRITE', { detail: job.file })
  if (!job.database) await mustHoldHub(job.dataFolder)
  const encrypter = encrypterFor(job.lock)
  return withWorkFolder(job.dataFolder, async work => {
    const source = await openSource(job, work)
    try {
      return await writeWholeArchive(job, encrypter, source)
    } finally {
      await source.close()
    }
  })
}

/** Under another name until it is whole: a file of the wanted name is always a backup. */
async function writeWholeArchive(
  job: BackupJob,
  encrypter: ReturnType<typeof encrypterFor>,
  source: BackupSource,
): Promise<BackupReport> {
  const temporary = `${job.file}.partial`
  const contents = new Contents(job, source)
  try {
    const file = await open(temporary, 'w', 0o600)
    let bytes: number
    try {
      bytes = await sealArchive(file, encrypter, contents.madeAt, archive => contents.fill(archive))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, job.file)
    await syncFolder(dirname(job.file))
    return { file: job.file, bytes, ...contents.report() }
  } catch (thrown) {
    await rm(temporary, { force: true })
    throw storageError(thrown)
  }
}

class Contents {
  readonly madeAt: number
  readonly #job: BackupJob
  readonly #source: BackupSource
  readonly #manifest: Manifest = {
    parts: [],
    tables: {},
    orgs: [],
    assets: { count: 0, bytes: 0, missing: [], damaged: [] },
  }

  constructor(job: BackupJob, source: BackupSource) {
    this.#job = job
    this.#source = source
    this.madeAt = job.now()
  }

  report(): Omit<BackupReport, 'file' | 'bytes'> {
    const { tables, assets } = this.#manifest
    return {
      madeAt: this.madeAt,
      rows: Object.values(tables).reduce((sum, rows) => sum + rows, 0),
      documents: tables.relay_documents ?? 0,
      assets: assets.count,
      missing: assets.missing,
      damaged: assets.damaged,
    }
  }

  async fill(archive: ArchiveWriter): Promise<void> {
    const tables = (await this.#source.reader.tables()).filter(({ name }) => isKept(name))
    await addText(archive, 'format.json', await this.#format(tables))
    const assets = new Map<string, BlobName>()
    for (const [index, table] of tables.entries()) {
      this.#job.onProgress('tables', index, tables.length)
      await this.#addTable(archive, table, assets)
    }
    await this.#source.endMoment()
    let done = 0
    for (const asset of assets.values()) {
      this.#job.onProgress('assets', done++, assets.size)
      await this.#addAsset(archive, asset)
    }
    await addText(archive, 'manifest.json', this.#manifest)
  }

  async #format(tables: TableInfo[]): Promise<Format> {
    return {
      format: formatVersion,
      version,
      madeAt: this.madeAt,
      schemas: await this.#source.reader.versions(),
      tables,
      recipient: await storedRecipient(this.#job.dataFolder),
    }
  }

  async #addTable(archive: ArchiveWriter, table: TableInfo, assets: Map<string, BlobName>): Promise<void> {
    let lines: string[] = []
    let chars = 0
    const flush = async (): Promise<void> => {
      if (lines.length > 0) await this.#addPart(archive, table.name, lines)
      lines = []
      chars = 0
    }
    this.#manifest.tables[table.name] = 0
    for await (const stored of this.#source.reader.rows(table)) {
      const row = await withSnapshot(table, stored, this.#source.snapshots)
      const line = rowLine(row)
      if (chars + line.length > limits.backupPartBytes) await flush()
      lines.push(line)
      chars += line.length
      this.#note(table, row, assets)
    }
    await flush()
  }

  #note(table: TableInfo, row: readonly SqlValue[], assets: Map<string, BlobName>): void {
    const blob = blobOf(table, row)
    if (blob) assets.set(blob.name, blob)
    const value = (column: string): string => String(row[table.columns.indexOf(column)])
    if (table.name === 'orgs') this.#manifest.orgs.push({ id: value('org_id'), name: value('name') })
  }

  async #addPart(archive: ArchiveWriter, table: string, lines: string[]): Promise<void> {
    const { parts, tables } = this.#manifest
    const bytes = Buffer.from(lines.join(''))
    if (bytes.byteLength > limits.backupPartMaxBytes) throw new MeshError('TOO_LARGE', { detail: `a row of ${table}` })
    const name = `tables/${table}/${String(parts.length + 1).padStart(6, '0')}.ndjson`
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    parts.push({ name, rows: lines.length, bytes: bytes.byteLength, sha256 })
    tables[table] = (tables[table] ?? 0) + lines.length
    await archive.add(name, bytes.byteLength, [bytes])
  }

  /** Read twice, so that what is in a backup is whole: a blob that has rotted is named, and not carried. */
  async #addAsset(archive: ArchiveWriter, { asset, name, sha256 }: BlobName): Promise<void> {
    const { assets } = this.#manifest
    const found = await measure(this.#source.blobs.read(name))
    if (!found) assets.missing.push(asset)
    else if (found.sha256 !== sha256) assets.damaged.push(asset)
    else {
      await archive.add(`assets/${name}`, found.bytes, this.#source.blobs.read(name))
      assets.count++
      assets.bytes += found.bytes
    }
  }
}

async function measure(chunks: AsyncIterable<Uint8Array>): Promise<{ sha256: string; bytes: number } | undefined> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const chunk of chunks) {
      hash.update(chunk)
      bytes += chunk.byteLength
    }
  } catch (thrown) {
    if (thrown instanceof MeshError && thrown.code === 'NOT_FOUND') return undefined
    throw thrown
  }
  return { sha256: hash.digest('hex'), bytes }
}

async function addText(archive: ArchiveWriter, name: string, value: unknown): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(value))
  await archive.add(name, bytes.byteLength, [bytes])
}
