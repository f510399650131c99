/** Cuts the files of a folder and hands the pieces out as parts, but for what is known to be there (SN31, SN32). */
import { createHash, hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { PartId } from '@meshbook/core/snapshot.ts'
import type { SavedFile } from '@meshbook/kernels/wire/saved-folder.ts'
import type { PartSink, Plan } from '../port.ts'
import { contentCutter } from './cut.ts'
import type { KnownParts, KnownPiece } from './known-parts.ts'
import { type FileRow, type ListedPart, planOf, writeListing } from './listing.ts'
import { toPart } from './part-bytes.ts'
import { listingSizes, type RowOfFiles, rowsOf } from './rows.ts'

const readBytes = 1 << 20
const inFlight = 4
const askedAtOnce = 64

export interface StoreOptions {
  folder: string
  files: readonly SavedFile[]
  sink: PartSink
  known: KnownParts
  limits: Limits
  signal: AbortSignal
}

export async function storeFiles(options: StoreOptions): Promise<{ plan: Plan; parts: PartId[] }> {
  const { files, limits, known } = options
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
  if (total > limits.snapshotBytes) throw tooLarge(`it takes ${total} bytes, more than ${limits.snapshotBytes}`)
  const rows: FileRow[] = []
  for (const row of rowsOf(files)) rows.push({ files: row.files, parts: listed(await storeRow(row, options)) })
  const text = Buffer.from(writeListing(rows), 'utf8')
  const cutter = contentCutter(listingSizes)
  const listing: KnownPiece[] = []
  for (const piece of [...cutter.push(text), ...cutter.end()]) listing.push(await storePiece(piece, options))
  known.note('listing', listing)
  const parts = [...new Set([...rows.flatMap(row => row.parts), ...listed(listing)].map(({ id }) => id))]
  // One more is the record's own manifest.
  if (parts.length >= limits.snapshotParts) throw tooLarge(`it has ${parts.length} parts`)
  return { plan: planOf(listed(listing), createHash('sha256').update(text).digest('hex')), parts }
}

function tooLarge(detail: string): MeshError {
  return new MeshError('SNAPSHOT_FAILED', { detail: `the session is too large to be saved: ${detail}` })
}

function listed(pieces: readonly KnownPiece[]): ListedPart[] {
  return pieces.map(([, id, bytes]) => ({ id, bytes }))
}

function keyOf({ cut, files }: RowOfFiles): string {
  const contents = files.map(({ bytes, sha256 }) => `${bytes} ${sha256}`)
  return createHash('sha256')
    .update([cut, ...contents].join('\n'))
    .digest('hex')
}

async function storeRow(row: RowOfFiles, options: StoreOptions): Promise<KnownPiece[]> {
  const { known, sink, signal } = options
  const key = keyOf(row)
  const before = known.row(key)
  const pieces = before && (await areThere(before, sink)) ? before : await cutAndStore(row, options)
  signal.throwIfAborted()
  known.note(key, pieces)
  return pieces
}

async function areThere(pieces: readonly KnownPiece[], sink: PartSink): Promise<boolean> {
  for (let at = 0; at < pieces.length; at += askedAtOnce) {
    const found = await Promise.all(pieces.slice(at, at + askedAtOnce).map(([, part]) => sink.has(part)))
    if (found.includes(false)) return false
  }
  return true
}

/** Pieces are stored some at a time, in any order, and listed in theirs. */
async function cutAndStore(row: RowOfFiles, options: StoreOptions): Promise<KnownPiece[]> {
  const { folder, signal } = options
  const cutter = row.cutter()
  const stored: Promise<KnownPiece>[] = []
  const running = new Set<Promise<unknown>>()
  const store = async (pieces: Buffer[]) => {
    for (const piece of pieces) {
      signal.throwIfAborted()
      while (running.size >= inFlight) await Promise.race(running)
      const done = storePiece(piece, options)
      stored.push(done)
      running.add(done)
      // Whoever waits for all of them meets the error.
      const leave = () => running.delete(done)
      done.then(leave, leave)
    }
  }
  try {
    for (const file of row.files) for await (const chunk of contentOf(folder, file)) await store(cutter.push(chunk))
    await store(cutter.end())
  } finally {
    await Promise.allSettled(stored)
  }
  return Promise.all(stored)
}

/** Throws unless the file is as its hash says: what was saved and what is stored are the same. */
async function* contentOf(folder: string, { name, bytes, sha256 }: SavedFile): AsyncGenerator<Buffer> {
  const path = join(folder, name)
  const digest = createHash('sha256')
  let read = 0
  const chunks: AsyncIterable<Buffer> | Buffer[] =
    bytes < readBytes ? [await readFile(path)] : createReadStream(path, { highWaterMark: readBytes })
  for await (const chunk of chunks) {
    digest.update(chunk)
    read += chunk.length
    yield chunk
  }
  if (read !== bytes || digest.digest('hex') !== sha256)
    throw new MeshError('SNAPSHOT_FAILED', { detail: `${name} changed while it was read` })
}

async function storePiece(piece: Buffer, { known, sink }: StoreOptions): Promise<KnownPiece> {
  const sha256 = hash('sha256', piece, 'hex')
  const part = known.part(sha256)
  if (part !== undefined && (await sink.has(part))) return [sha256, part, piece.length]
  return [sha256, await sink.put(await toPart(piece)), piece.length]
}
