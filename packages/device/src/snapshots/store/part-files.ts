/**
 * Sealed parts as files, named after the parts (SN60, SN61). What is written waits under a number and is not on the disk
 * for sure; `commit` brings many to the disk and then gives them their names. It knows nothing of keys and records.
 */
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { PartId } from '@meshbook/core/snapshot.ts'
import { syncFolder } from '../../projects/node-disk.ts'
import { codeOf, orStorageError } from '../../projects/storage-error.ts'

export interface StagedPart {
  part: PartId
  bytes: number
  /** Where it waits. */
  file: string
}

const filesAtOnce = 8

export class PartFiles {
  readonly #folder: string
  readonly #incoming: string
  #count = 0
  readonly #made = new Set<string>()

  private constructor(folder: string) {
    this.#folder = folder
    this.#incoming = join(folder, 'incoming')
  }

  /** What was left half done goes. */
  static async open(folder: string): Promise<PartFiles> {
    const files = new PartFiles(folder)
    await orStorageError(folder, async () => {
      await mkdir(files.#incoming, { recursive: true, mode: 0o700 })
      for (const name of await readdir(files.#incoming)) await rm(join(files.#incoming, name))
    })
    return files
  }

  async list(): Promise<{ part: PartId; bytes: number }[]> {
    const found: { part: PartId; bytes: number }[] = []
    const folders = (await readdir(this.#folder)).filter(name => /^[0-9a-f]{2}$/.test(name))
    for (const folder of folders) {
      const names = (await readdir(join(this.#folder, folder))).filter(
        name => /^[0-9a-f]{64}$/.test(name) && name.startsWith(folder),
      )
      for (const part of names) found.push({ part, bytes: (await stat(this.#pathOf(part))).size })
    }
    return found
  }

  async stage(part: PartId, sealed: Uint8Array): Promise<StagedPart> {
    const file = join(this.#incoming, String(++this.#count))
    await orStorageError(file, async () => {
      const handle = await open(file, 'wx', 0o600)
      try {
        await handle.writeFile(sealed)
      } catch (thrown) {
        await rm(file, { force: true })
        throw thrown
      } finally {
        await handle.close()
      }
    })
    return { part, bytes: sealed.byteLength, file }
  }

  /** Resolves when all have their names, durably. */
  async commit(staged: readonly StagedPart[]): Promise<void> {
    const folders = new Set<string>()
    await orStorageError(this.#folder, async () => {
      await forEach(staged, ({ file }) => syncFile(file))
      for (const { part, file } of staged) {
        folders.add(await this.#folderOf(part))
        await rename(file, this.#pathOf(part))
      }
      await forEach([...folders], syncFolder)
      if (folders.size > 0) await syncFolder(this.#folder)
    })
  }

  async discard(staged: readonly StagedPart[]): Promise<void> {
    await forEach(staged, ({ file }) => rm(file, { force: true }))
  }

  /** As it is sealed; undefined if it is not there. */
  async read(part: PartId): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const file = this.#pathOf(part)
    return readFile(file).catch((thrown: unknown) => {
      if (codeOf(thrown) === 'ENOENT') return undefined
      return orStorageError(file, () => Promise.reject(thrown))
    })
  }

  async remove(parts: readonly PartId[]): Promise<void> {
    await forEach(parts, part => rm(this.#pathOf(part), { force: true }))
  }

  #pathOf(part: PartId): string {
    return join(this.#folder, part.slice(0, 2), part)
  }

  async #folderOf(part: PartId): Promise<string> {
    const folder = join(this.#folder, part.slice(0, 2))
    if (!this.#made.has(folder)) await mkdir(folder, { recursive: true, mode: 0o700 })
    this.#made.add(folder)
    return folder
  }
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A few at a time. */
async function forEach<T>(all: readonly T[], act: (one: T) => Promise<unknown>): Promise<void> {
  const waiting = all.values()
  const work = async (): Promise<void> => {
    for (const one of waiting) await act(one)
  }
  await Promise.all(Array.from({ length: Math.min(filesAtOnce, all.length) }, work))
}
