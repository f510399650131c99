/**
 * Writes the files of a saved session into an empty folder. Parts come some at a time and are written in order; a file
 * counts only with the hash that the list has for it (SN34).
 */
import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Limits } from '@meshbook/core/limits.ts'
import type { SavedFile } from '@meshbook/kernels/wire/saved-folder.ts'
import type { OpenOptions, PartSource, Plan } from '../port.ts'
import { bytesOfRow, type FileRow, type ListedPart, readListing, readPlan, refused } from './listing.ts'
import { fromPart } from './part-bytes.ts'

const inFlight = 4

export async function openFiles(plan: Plan, options: OpenOptions & { limits: Limits }): Promise<void> {
  const { source, folder, signal, progress, limits } = options
  const rows = await listingOf(plan, source, limits, signal)
  const total = rows.reduce((sum, row) => sum + bytesOfRow(row), 0)
  let done = 0
  progress(0, total)
  for (const { files, parts } of rows) {
    const writer = new RowWriter(folder, files)
    try {
      for await (const piece of piecesOf(parts, source, signal)) {
        await writer.write(piece)
        done += piece.length
        progress(done, total)
      }
      await writer.end()
    } finally {
      await writer.close()
    }
  }
}

async function listingOf(plan: Plan, source: PartSource, limits: Limits, signal: AbortSignal): Promise<FileRow[]> {
  const { listing, sha256 } = readPlan(plan)
  const pieces: Buffer[] = []
  for await (const piece of piecesOf(listing, source, signal)) pieces.push(piece)
  const text = Buffer.concat(pieces)
  if (createHash('sha256').update(text).digest('hex') !== sha256)
    throw refused('its list of parts is not as it was written')
  return readListing(text.toString('utf8'), limits)
}

/** In order, with the next ones on their way. */
async function* piecesOf(
  parts: readonly ListedPart[],
  source: PartSource,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const coming: Promise<Buffer>[] = []
  let next = 0
  try {
    while (next < parts.length || coming.length > 0) {
      signal.throwIfAborted()
      for (; next < parts.length && coming.length < inFlight; next++) coming.push(begun(pieceOf(parts[next]!, source)))
      const [first] = coming
      const piece = await first!
      coming.shift()
      yield piece
    }
  } finally {
    await Promise.allSettled(coming)
  }
}

/** Its error is met when it is its turn; until then it is no rejection that nobody minds. */
function begun<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined)
  return work
}

async function pieceOf({ id, bytes }: ListedPart, source: PartSource): Promise<Buffer> {
  return fromPart(await source.get(id), bytes)
}

interface BegunFile {
  about: SavedFile
  handle: FileHandle
  hash: Hash
  left: number
}

/** Files one behind the other. */
class RowWriter {
  readonly #folder: string
  readonly #waiting: SavedFile[]
  #file: BegunFile | undefined

  constructor(folder: string, files: readonly SavedFile[]) {
    this.#folder = folder
    this.#waiting = [...files]
  }

  async write(piece: Buffer): Promise<void> {
    for (let rest = piece; rest.length > 0; ) {
      const file = await this.#open()
      if (!file) throw refused('it has more bytes than its files')
      const own = rest.subarray(0, file.left)
      await file.handle.writeFile(own)
      file.hash.update(own)
      file.left -= own.length
      rest = rest.subarray(own.length)
    }
  }

  /** The file that is written now; an empty one is complete at once. */
  async #open(): Promise<BegunFile | undefined> {
    while (this.#file === undefined || this.#file.left === 0) {
      await this.#complete()
      const about = this.#waiting.shift()
      if (!about) return undefined
      const handle = await open(join(this.#folder, about.name), 'wx', 0o600)
      this.#file = { about, handle, hash: createHash('sha256'), left: about.bytes }
    }
    return this.#file
  }

  async #complete(): Promise<void> {
    const file = this.#file
    if (!file) return
    this.#file = undefined
    await file.handle.close()
    if (file.left > 0 || file.hash.digest('hex') !== file.about.sha256)
      throw refused(`${file.about.name} is not as it was saved`)
  }

  async end(): Promise<void> {
    if ((await this.#open()) !== undefined) throw refused('it has fewer bytes than its files')
  }

  async close(): Promise<void> {
    await this.#file?.handle.close()
  }
}
