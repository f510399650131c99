/** Objects as files below one folder. A file is complete and on the disk before it has its name (OB1). */
import { randomUUID } from 'node:crypto'
import { copyFile, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { storageError } from '../store/storage-error.ts'
import {
  type ByteRange,
  checkObjectName,
  checkPrefix,
  type ObjectDigest,
  type ObjectEntry,
  type ObjectPage,
  type ObjectStore,
  verified,
} from './object-store.ts'

/** Where files wait for their name; no object may be called so. */
const incoming = 'incoming'
const codeOf = (thrown: unknown): string | undefined => (thrown as NodeJS.ErrnoException | undefined)?.code

export class FileObjectStore implements ObjectStore {
  readonly #folder: string
  /** Folders whose own entries this process has brought to the disk. */
  readonly #durable = new Set<string>()

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Makes the folder and removes what a crash left half written. */
  static async open(folder: string): Promise<FileObjectStore> {
    const waiting = join(folder, incoming)
    await mkdir(waiting, { recursive: true, mode: 0o700 })
    for (const name of await readdir(waiting)) await rm(join(waiting, name))
    return new FileObjectStore(folder)
  }

  async put(name: string, source: AsyncIterable<Uint8Array>, digest: ObjectDigest): Promise<void> {
    const path = this.#pathOf(name)
    const temporary = join(this.#folder, incoming, randomUUID())
    try {
      await writeFile(temporary, verified(source, digest))
      await this.#publish(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw storageError(error)
    }
  }

  async adopt(name: string, file: string, digest: ObjectDigest): Promise<void> {
    const path = this.#pathOf(name)
    try {
      for await (const _ of verified(chunksOf(file), digest));
      await this.#move(file, path)
    } catch (error) {
      throw storageError(error)
    }
  }

  async #move(file: string, path: string): Promise<void> {
    try {
      await this.#publish(file, path)
    } catch (error) {
      if (codeOf(error) !== 'EXDEV') throw error
      const temporary = join(this.#folder, incoming, randomUUID())
      await copyFile(file, temporary)
      await syncPath(temporary)
      await this.#publish(temporary, path)
      await rm(file)
    }
  }

  async get(name: string, range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
    const path = this.#pathOf(name)
    const file = await open(path, 'r').catch((error: unknown) => {
      throw codeOf(error) === 'ENOENT' ? new MeshError('NOT_FOUND', { detail: name }) : storageError(error)
    })
    return file.createReadStream({ ...range, autoClose: true })
  }

  async head(name: string): Promise<{ bytes: number } | undefined> {
    const found = await stat(this.#pathOf(name)).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined
      throw storageError(error)
    })
    return found?.isFile() ? { bytes: found.size } : undefined
  }

  async list(prefix: string, { after = '', most }: { after?: string; most: number }): Promise<ObjectPage> {
    checkPrefix(prefix)
    const objects: ObjectEntry[] = []
    for await (const entry of this.#walk('', prefix, after)) {
      if (objects.length === most) return { objects, next: objects.at(-1)!.name }
      objects.push(entry)
    }
    return { objects }
  }

  async delete(name: string): Promise<void> {
    await unlink(this.#pathOf(name)).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw storageError(error)
    })
  }

  #pathOf(name: string): string {
    checkObjectName(name)
    if (name === incoming || name.startsWith(`${incoming}/`)) throw new MeshError('BAD_PATH', { detail: name })
    return join(this.#folder, name)
  }

  /** Folders are ordered as if they ended in `/`, so that whole names come in their order. */
  async *#walk(folder: string, prefix: string, after: string): AsyncGenerator<ObjectEntry> {
    const entries = await readdir(join(this.#folder, folder), { withFileTypes: true })
    const names = entries
      .filter(entry => folder !== '' || entry.name !== incoming)
      .map(entry => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`)
      .sort((a, b) => (a < b ? -1 : 1))
    for (const name of names) {
      if (!name.endsWith('/')) {
        if (name.startsWith(prefix) && name > after) yield* this.#entry(name)
      } else if (mayHold(name, prefix) && !(after > name && !after.startsWith(name)))
        yield* this.#walk(name, prefix, after)
    }
  }

  /** A file that goes while the list is made is not in it. */
  async *#entry(name: string): AsyncGenerator<ObjectEntry> {
    const found = await stat(join(this.#folder, name)).catch(() => undefined)
    if (found?.isFile()) yield { name, bytes: found.size }
  }

  async #publish(temporary: string, path: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await rename(temporary, path)
    await syncPath(dirname(path))
    for (let folder = dirname(path); folder !== this.#folder && !this.#durable.has(folder); folder = dirname(folder)) {
      await syncPath(dirname(folder))
      this.#durable.add(folder)
    }
  }
}

function mayHold(folder: string, prefix: string): boolean {
  return folder.startsWith(prefix) || prefix.startsWith(folder)
}

/** One buffer for all chunks: each is looked at before the next is read, and hashing a large file makes no garbage. */
async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const buffer = Buffer.allocUnsafe(chunkBytes)
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, chunkBytes, null)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}
const chunkBytes = 256 * 1024

async function writeFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    for await (const chunk of chunks) await file.writeFile(chunk)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
