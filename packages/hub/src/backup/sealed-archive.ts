/**
 * The layers of a backup file: tar, zstd, age. Both directions stream, and hold a few chunks at a time. What the entries
 * mean is not known here.
 */
import { createReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { ReadableStream as NodeStream } from 'node:stream/web'
import { createZstdCompress, createZstdDecompress } from 'node:zlib'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Decrypter, Encrypter } from 'age-encryption'
import { createTarDecoder, createTarPacker, type ParsedTarEntry, type TarPackController } from 'modern-tar'
import { storageError } from '../store/storage-error.ts'

const magic = 'age-encryption.org/v1\n'

/** Read as it is asked for, unlike what `Readable.toWeb` makes, which reads ahead without a bound in bytes. */
function streamOf(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  return NodeStream.from(chunks) as ReadableStream<Uint8Array>
}

export class ArchiveWriter {
  readonly #tar: TarPackController
  readonly #at: Date

  constructor(tar: TarPackController, at: number) {
    this.#tar = tar
    this.#at = new Date(at)
  }

  /** `size` is exactly how much the chunks bring. */
  async add(name: string, size: number, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    const writer = this.#tar.add({ name, size, mode: 0o600, mtime: this.#at }).getWriter()
    for await (const chunk of chunks) await writer.write(chunk)
    await writer.close()
  }
}

/** Writes what `fill` adds, sealed, to the file; resolves with the size of the file. The file is not synced yet. */
export async function sealArchive(
  file: FileHandle,
  encrypter: Encrypter,
  at: number,
  fill: (archive: ArchiveWriter) => Promise<void>,
): Promise<number> {
  const { readable, controller } = createTarPacker()
  const zstd = createZstdCompress()
  const outcomes = await Promise.allSettled([
    fillTar(controller, at, fill),
    pipeline(readable, zstd),
    writeSealed(file, encrypter, streamOf(zstd)),
  ])
  const failures = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [storageError(outcome.reason)] : []))
  if (failures.length > 0) throw failures.find(failure => failure instanceof MeshError) ?? failures[0]
  return (outcomes[2] as PromiseFulfilledResult<number>).value
}

async function fillTar(
  tar: TarPackController,
  at: number,
  fill: (archive: ArchiveWriter) => Promise<void>,
): Promise<void> {
  try {
    await fill(new ArchiveWriter(tar, at))
    tar.finalize()
  } catch (thrown) {
    tar.error(thrown)
    throw thrown
  }
}

async function writeSealed(file: FileHandle, encrypter: Encrypter, plain: ReadableStream<Uint8Array>): Promise<number> {
  let bytes = 0
  for await (const chunk of await encrypter.encrypt(plain)) {
    await file.writeFile(chunk)
    bytes += chunk.byteLength
  }
  return bytes
}

export interface ArchiveEntry {
  name: string
  size: number
  body: AsyncIterable<Uint8Array>
}

/**
 * The entries of a sealed file in their order; the body of each is read before the next one is taken. That the file is
 * whole and unaltered is known only when the last entry has been followed by the end.
 */
export async function* openArchive(
  path: string,
  decrypter: Decrypter,
  onProgress: (bytes: number) => void,
): AsyncGenerator<ArchiveEntry> {
  await mustBeSealed(path)
  const plain = await unseal(path, decrypter, onProgress)
  const zstd = createZstdDecompress()
  const unpacking = pipeline(plain, zstd)
  // Its failure also ends the entries below, where it is told.
  unpacking.catch(() => undefined)
  const entries: ReadableStream<ParsedTarEntry> = streamOf(zstd).pipeThrough(createTarDecoder({ strict: true }))
  try {
    for await (const { header, body } of entries) {
      if (header.type !== 'file')
        throw new MeshError('BACKUP_DAMAGED', { detail: 'it holds something that is no file' })
      yield { name: header.name, size: header.size, body: orDamage(body) }
    }
    await unpacking
  } catch (thrown) {
    throw asDamage(thrown)
  }
}

async function* orDamage(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (thrown) {
    throw asDamage(thrown)
  }
}

async function mustBeSealed(path: string): Promise<void> {
  const file = await open(path, 'r').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') throw new MeshError('NOT_FOUND', { detail: path })
    throw new MeshError('BACKUP_DAMAGED', { detail: `${path} cannot be read: ${thrown.message}`, cause: thrown })
  })
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(magic.length), 0, magic.length, 0)
    if (buffer.toString('latin1', 0, bytesRead) !== magic)
      throw new MeshError('BACKUP_DAMAGED', { detail: `${path} does not begin as a sealed file does` })
  } catch (thrown) {
    throw asDamage(thrown)
  } finally {
    await file.close()
  }
}

async function unseal(
  path: string,
  decrypter: Decrypter,
  onProgress: (bytes: number) => void,
): Promise<ReadableStream<Uint8Array>> {
  try {
    return await decrypter.decrypt(streamOf(counted(path, onProgress)))
  } catch (thrown) {
    if (thrown instanceof Error && /no identity matched/.test(thrown.message))
      throw new MeshError('WRONG_RECOVERY_KEY', { detail: path })
    throw asDamage(thrown)
  }
}

async function* counted(path: string, onProgress: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    onProgress(bytes)
    yield chunk
  }
}

/** What the reader did with an entry keeps its own code; whatever the layers say means that the file is not whole. */
function asDamage(thrown: unknown): unknown {
  const known = storageError(thrown)
  if (known instanceof MeshError) return known
  const detail = thrown instanceof Error ? thrown.message : String(thrown)
  return new MeshError('BACKUP_DAMAGED', { detail, cause: thrown })
}
