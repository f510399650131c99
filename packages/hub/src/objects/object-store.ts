/** The port for blobs under names: files on this machine, or an S3-compatible store. It knows nothing of what is in them. */
import { createHash } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'

/** What the bytes of an object must be. */
export interface ObjectDigest {
  bytes: number
  /** 64 hex digits. */
  sha256: string
}

export interface ObjectEntry {
  name: string
  bytes: number
}

export interface ObjectPage {
  objects: ObjectEntry[]
  /** Where the next page begins; absent on the last one. */
  next?: string
}

/** Both ends are counted. */
export interface ByteRange {
  start: number
  end: number
}

export interface ObjectStore {
  /** Resolves when the object is durable under its name; throws BAD_REQUEST when the bytes are not what they should be (OB2). */
  put(name: string, source: AsyncIterable<Uint8Array>, digest: ObjectDigest): Promise<void>
  /** Takes in a local file that is whole and fsynced. It is gone afterwards; if it has the wrong bytes, it stays. */
  adopt(name: string, file: string, digest: ObjectDigest): Promise<void>
  /** Throws NOT_FOUND before the first byte. */
  get(name: string, range?: ByteRange): Promise<AsyncIterable<Uint8Array>>
  head(name: string): Promise<{ bytes: number } | undefined>
  /** Objects whose name begins with `prefix` and comes behind `after`, in the order of their names. */
  list(prefix: string, page: { after?: string; most: number }): Promise<ObjectPage>
  delete(name: string): Promise<void>
}

const longestName = 400

/** Names are made by us; one that is not plain never reaches a disk or a network (OB5, S11). */
export function checkObjectName(name: string): string {
  const plain = /^[a-z0-9_-][a-z0-9._-]*(\/[a-z0-9_-][a-z0-9._-]*)*$/
  if (name.length <= longestName && plain.test(name)) return name
  throw new MeshError('BAD_PATH', { detail: `the name of an object: ${JSON.stringify(name.slice(0, 80))}` })
}

/** A prefix may end anywhere in a name. */
export function checkPrefix(prefix: string): string {
  if (prefix !== '') checkObjectName(`${prefix}x`)
  return prefix
}

/** Passes the bytes on and throws BAD_REQUEST at the first that is too many, or at the end when they are not what they should be. */
export async function* verified(
  source: AsyncIterable<Uint8Array>,
  { bytes, sha256 }: ObjectDigest,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let count = 0
  for await (const chunk of source) {
    count += chunk.byteLength
    if (count > bytes)
      throw new MeshError('BAD_REQUEST', { detail: `there are more than the ${bytes} bytes announced` })
    hash.update(chunk)
    yield chunk
  }
  if (count < bytes) throw new MeshError('BAD_REQUEST', { detail: `${count} of ${bytes} bytes came` })
  if (hash.digest('hex') !== sha256)
    throw new MeshError('BAD_REQUEST', { detail: 'the bytes do not have the SHA-256 of their name' })
}

/** All bytes at once, under a cap. */
export async function collect(source: AsyncIterable<Uint8Array>, capBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of source) {
    bytes += chunk.byteLength
    if (bytes > capBytes) throw new MeshError('TOO_LARGE', { detail: `an object may have ${capBytes} bytes here` })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

export function digestOf(bytes: Uint8Array): ObjectDigest {
  return { bytes: bytes.byteLength, sha256: createHash('sha256').update(bytes).digest('hex') }
}
