/** Objects in a bucket of an S3-compatible store. Small ones go in one request, large ones in parts that are held one at a time. */
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import {
  type ByteRange,
  checkObjectName,
  checkPrefix,
  type ObjectDigest,
  type ObjectPage,
  type ObjectStore,
  verified,
} from './object-store.ts'
import { completionOf, errorCodeOf, listOf, tagOf } from './s3-answers.ts'
import { bodyOf, S3Client, type S3Ports } from './s3-client.ts'
import type { S3Config } from './s3-config.ts'
import { Slots } from './slots.ts'

type Bytes = Uint8Array<ArrayBuffer>

export class S3ObjectStore implements ObjectStore {
  readonly #client: S3Client
  readonly #ports: S3Ports
  readonly #prefix: string
  readonly #puts: Slots

  /** `room` keeps the objects of one use apart from others in the bucket. */
  constructor(config: S3Config, room: string, ports: S3Ports) {
    this.#prefix = `${config.prefix}${room}`
    this.#client = new S3Client({ ...config, prefix: this.#prefix }, ports)
    this.#ports = ports
    this.#puts = new Slots(ports.limits.objectPutsPerStore)
  }

  async put(name: string, source: AsyncIterable<Uint8Array>, digest: ObjectDigest): Promise<void> {
    checkObjectName(name)
    const bytes = verified(source, digest)
    await this.#puts.take(() =>
      digest.bytes <= this.#ports.limits.objectPartBytes
        ? this.#putWhole(name, bytes)
        : this.#putInParts(name, bytes, digest),
    )
  }

  async adopt(name: string, file: string, digest: ObjectDigest): Promise<void> {
    await this.put(name, createReadStream(file), digest)
    await rm(file)
  }

  async get(name: string, range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
    checkObjectName(name)
    const headers = range ? { range: `bytes=${range.start}-${range.end}` } : {}
    const response = await this.#client.ask({ method: 'GET', name, headers })
    const given = `bytes ${range?.start}-${range?.end}/`
    if (range && !response.headers.get('content-range')?.startsWith(given)) {
      await response.body?.cancel()
      throw new MeshError('STORAGE_FAILED', { detail: 'the object store does not answer with ranges' })
    }
    return bodyOf(response, this.#ports.limits.requestMs)
  }

  async head(name: string): Promise<{ bytes: number } | undefined> {
    checkObjectName(name)
    const response = await this.#client.ask({ method: 'HEAD', name, expect: [404] })
    if (response.status === 404) return undefined
    return { bytes: Number(response.headers.get('content-length') ?? 0) }
  }

  async list(prefix: string, { after, most }: { after?: string; most: number }): Promise<ObjectPage> {
    checkPrefix(prefix)
    const query = {
      'list-type': '2',
      prefix: `${this.#prefix}${prefix}`,
      'max-keys': String(Math.min(1_000, most)),
      ...(after === undefined ? {} : { 'start-after': `${this.#prefix}${after}` }),
    }
    const { objects, more } = listOf(await this.#client.text({ method: 'GET', query }), this.#prefix)
    const last = objects.at(-1)
    return more && last ? { objects, next: last.name } : { objects }
  }

  async delete(name: string): Promise<void> {
    checkObjectName(name)
    const response = await this.#client.ask({ method: 'DELETE', name, expect: [404] })
    await response.body?.cancel()
  }

  close(): void {
    this.#client.close()
  }

  async #putWhole(name: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const chunks: Uint8Array[] = []
    for await (const chunk of bytes) chunks.push(chunk)
    const response = await this.#client.ask({ method: 'PUT', name, body: Buffer.concat(chunks) })
    await response.body?.cancel()
  }

  async #putInParts(name: string, bytes: AsyncIterable<Uint8Array>, digest: ObjectDigest): Promise<void> {
    const uploadId = tagOf(await this.#client.text({ method: 'POST', name, query: { uploads: '' } }), 'UploadId')
    if (!uploadId) throw new MeshError('STORAGE_FAILED', { detail: 'the object store began no upload' })
    try {
      const tags: string[] = []
      for await (const part of partsOf(bytes, this.#ports.limits.objectPartBytes))
        tags.push(await this.#putPart(name, uploadId, tags.length + 1, part))
      await this.#complete(name, uploadId, tags, digest)
    } catch (error) {
      await this.#abort(name, uploadId, asMeshError(error))
      throw error
    }
  }

  async #putPart(name: string, uploadId: string, number: number, body: Bytes): Promise<string> {
    const query = { partNumber: String(number), uploadId }
    const response = await this.#client.ask({ method: 'PUT', name, query, body })
    await response.body?.cancel()
    return response.headers.get('etag') ?? ''
  }

  /** Such an answer may begin well and then tell of a failure. One that was lost is found out by looking. */
  async #complete(name: string, uploadId: string, tags: string[], digest: ObjectDigest): Promise<void> {
    const body = Buffer.from(completionOf(tags))
    try {
      const said = await this.#client.text({ method: 'POST', name, query: { uploadId }, body })
      const code = errorCodeOf(said)
      if (code !== '') throw new MeshError('STORAGE_FAILED', { detail: `the object store said ${code}` })
    } catch (error) {
      if (asMeshError(error).code !== 'NOT_FOUND' || (await this.head(name))?.bytes !== digest.bytes) throw error
    }
  }

  /** What cannot be aborted now is the bucket's lifecycle rule's to remove; the first error is the one to tell. */
  async #abort(name: string, uploadId: string, because: MeshError): Promise<void> {
    try {
      const aborted = await this.#client.ask({ method: 'DELETE', name, query: { uploadId }, expect: [404] })
      await aborted.body?.cancel()
    } catch (cause) {
      throw new MeshError(because.code, { detail: `${because.detail ?? ''}; its parts are left behind`, cause })
    }
  }
}

/** Chunks of any size as parts of one size; the last may be smaller. */
async function* partsOf(bytes: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Bytes> {
  let part = Buffer.allocUnsafe(size)
  let filled = 0
  for await (const chunk of bytes) {
    for (let at = 0; at < chunk.byteLength; ) {
      const taken = Math.min(size - filled, chunk.byteLength - at)
      part.set(chunk.subarray(at, at + taken), filled)
      at += taken
      filled += taken
      if (filled < size) continue
      yield part
      part = Buffer.allocUnsafe(size)
      filled = 0
    }
  }
  if (filled > 0) yield part.subarray(0, filled)
}
