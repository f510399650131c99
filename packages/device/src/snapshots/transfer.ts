/**
 * Saved sessions to the hub and from it: what is missing, in a few requests at a time, on from where it stood after any cut
 * (SN70–SN76). It knows nothing of sessions; what arrives is checked by the store before it is kept.
 */
import { asMeshError, isErrorCode, MeshError } from '@meshbook/core/errors.ts'
import type { Now, RandomBytes, SnapshotId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { missingPartsSchema } from '@meshbook/core/moves-api.ts'
import { type PartFrame, partHead, readPartFrames } from '@meshbook/core/part-frames.ts'
import { type PartId, type SnapshotRecord, snapshotRecordSchema } from '@meshbook/core/snapshot.ts'
import { backoffMs, retry, type Sleep } from '@meshbook/engine/backoff.ts'
import * as v from 'valibot'
import type { DeviceKey } from '../device-key.ts'
import type { SealedStore } from './store/sealed-store.ts'

export interface TransferPorts {
  /** Of the hub. */
  url: string
  key: Pick<DeviceKey, 'proof'>
  store: SealedStore
  now: Now
  random: RandomBytes
  sleep: Sleep
  limits: Limits
}

export interface UploadOptions {
  signal: AbortSignal
  progress?(done: number, total: number): void
  /** Beyond it nothing is sent and UNREACHABLE says so: for a metered network. */
  mostBytes?: number
}

export interface DownloadOptions {
  signal: AbortSignal
  progress?(done: number, total: number): void
}

/** What a request carries; a single part may be more. */
const batchBytes = 4 * 1024 * 1024
const requestsAtOnce = 3
/** Parts that are asked for in one request. */
const mostAsked = 500
/** Of one request in a row without anything arriving. */
const tries = 4
/** The hub may lose parts between the question and the record so often. */
const rounds = 4
/** The slowest network that a request waits for. */
const leastBytesPerMs = 32
const mostAnswerBytes = 4 * 1024 * 1024

export class SnapshotTransfer {
  readonly #ports: TransferPorts

  constructor(ports: TransferPorts) {
    this.#ports = ports
  }

  /** Resolves when the hub has the record with all its parts, which must be here. */
  async upload(record: SnapshotRecord, options: UploadOptions): Promise<void> {
    const { signal, mostBytes = Number.POSITIVE_INFINITY, progress } = options
    for (let round = 1; ; round++) {
      const missing = await this.#missing(record.parts, signal)
      const total = missing.reduce((sum, part) => sum + this.#ports.store.bytesOf(part), 0)
      if (total > mostBytes)
        throw new MeshError('UNREACHABLE', { detail: `${total} bytes wait for a network that is not metered` })
      progress?.(0, total)
      await this.#sendAll(missing, signal, sent => progress?.(sent, total))
      const answer = await this.#again(signal, () => this.#ask('', { json: record, signal, expect: [409] }))
      if (answer.ok) return
      const problem = await problemOf(answer)
      if (!problem.missing || round === rounds) throw problem.error
    }
  }

  /** Throws NOT_FOUND. */
  async record(id: SnapshotId, signal: AbortSignal): Promise<SnapshotRecord> {
    const told = await this.#again(signal, async () =>
      JSON.parse(await shortText(await this.#ask(`/${id}`, { signal }))),
    )
    const record = v.safeParse(snapshotRecordSchema, told)
    if (record.success) return record.output
    throw new MeshError('SNAPSHOT_REFUSED', { detail: 'the hub does not show its parts to this device' })
  }

  /** Those parts, taken by the store as they arrive; throws SNAPSHOT_REFUSED when one is not what its name says. */
  async download(record: SnapshotRecord, parts: readonly PartId[], options: DownloadOptions): Promise<void> {
    const { store } = this.#ports
    const waiting = [...parts]
    const stop = new AbortController()
    const signal = AbortSignal.any([options.signal, stop.signal])
    const here = record.parts.reduce((sum, part) => sum + store.bytesOf(part), 0)
    let done = here
    const arrived = (bytes: number): void => {
      done += bytes
      options.progress?.(Math.min(done, record.bytes), record.bytes)
    }
    const work = async (): Promise<void> => {
      for (let failures = 0; waiting.length > 0; ) {
        const asked = waiting.splice(0, Math.min(mostAsked, Math.ceil(waiting.length / requestsAtOnce)))
        const left = new Set(asked)
        try {
          await this.#fetch(record.id, left, arrived, signal)
          failures = 0
        } catch (thrown) {
          failures = left.size < asked.length ? 1 : failures + 1
          await this.#pause(thrown, failures, signal)
        } finally {
          waiting.push(...left)
        }
      }
    }
    await this.#together(work, stop)
  }

  /** So that it is not offered again. */
  async refused(id: SnapshotId, error: MeshError, signal: AbortSignal): Promise<void> {
    const { limits } = this.#ports
    const json = { code: error.code, detail: (error.detail ?? error.message).slice(0, limits.problemTextChars) }
    await this.#again(signal, async () => (await this.#ask(`/${id}/refused`, { json, signal })).body?.cancel())
  }

  async #missing(parts: readonly PartId[], signal: AbortSignal): Promise<PartId[]> {
    const most = this.#ports.limits.snapshotPartsPerRequest
    const missing: PartId[] = []
    for (let at = 0; at < parts.length; at += most) {
      const json = { parts: parts.slice(at, at + most) }
      const answer = await this.#again(signal, async () =>
        shortText(await this.#ask('/parts/missing', { json, signal })),
      )
      const told = v.safeParse(v.pipe(v.string(), v.parseJson(), missingPartsSchema), answer)
      if (!told.success) throw new MeshError('UNREACHABLE', { detail: 'the hub answered something else' })
      const asked = new Set(json.parts)
      missing.push(...told.output.missing.filter(part => asked.has(part)))
    }
    return missing
  }

  async #sendAll(parts: readonly PartId[], signal: AbortSignal, sent: (bytes: number) => void): Promise<void> {
    const batches = this.#batches(parts)
    const stop = new AbortController()
    const cut = AbortSignal.any([signal, stop.signal])
    let done = 0
    const work = async (): Promise<void> => {
      for (const batch of batches) {
        const body = await this.#bodyOf(batch)
        await this.#again(cut, async () => (await this.#ask('/parts', { body, signal: cut })).body?.cancel())
        done += body.byteLength
        sent(done)
      }
    }
    await this.#together(work, stop)
  }

  /** Each at least one part. */
  *#batches(parts: readonly PartId[]): Generator<PartId[]> {
    let batch: PartId[] = []
    let bytes = 0
    for (const part of parts) {
      const size = this.#ports.store.bytesOf(part)
      const isFull = bytes + size > batchBytes || batch.length === this.#ports.limits.snapshotPartsPerRequest
      if (batch.length > 0 && isFull) {
        yield batch
        batch = []
        bytes = 0
      }
      batch.push(part)
      bytes += size
    }
    if (batch.length > 0) yield batch
  }

  async #bodyOf(parts: readonly PartId[]): Promise<Buffer<ArrayBuffer>> {
    const pieces: Uint8Array[] = []
    for (const part of parts) {
      const sealed = await this.#ports.store.sealed(part)
      pieces.push(partHead(part, sealed.byteLength), sealed)
    }
    return Buffer.concat(pieces)
  }

  /** Several at once; the first that fails ends the others. */
  async #together(work: () => Promise<void>, stop: AbortController): Promise<void> {
    const all = Array.from({ length: requestsAtOnce }, () =>
      work().catch((thrown: unknown) => {
        stop.abort(thrown)
        throw thrown
      }),
    )
    const ended = await Promise.allSettled(all)
    if (ended.some(({ status }) => status === 'rejected')) throw stop.signal.reason
  }

  /** Takes out of `left` what has arrived; an answer may hold only the first of them. */
  async #fetch(
    id: SnapshotId,
    left: Set<PartId>,
    arrived: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, limits } = this.#ports
    const caps = { partBytes: limits.snapshotPartBytes, bytes: 2 * limits.snapshotRequestBytes, parts: left.size }
    const before = left.size
    const answer = await this.#ask('/parts/read', { json: { parts: [...left] }, signal, answers: caps.bytes })
    let group: PartFrame[] = []
    const take = async (): Promise<void> => {
      const frames = group
      group = []
      const bytes = frames.reduce((sum, frame) => sum + frame.bytes.byteLength, 0)
      const sizes = frames.map(({ part }) => part)
      if (frames.length > 0) await store.take(id, frames)
      for (const part of sizes) left.delete(part)
      arrived(bytes)
    }
    try {
      for await (const frame of readPartFrames(answer.body ?? new ReadableStream(), caps)) {
        if (!left.has(frame.part))
          throw new MeshError('SNAPSHOT_REFUSED', { detail: 'a part came that nobody asked for' })
        group.push(frame)
      }
    } catch (thrown) {
      // Frames that end in the middle are an answer that was cut.
      if (asMeshError(thrown).code !== 'BAD_REQUEST') throw thrown
      throw new MeshError('UNREACHABLE', { detail: 'an answer was cut', cause: thrown })
    } finally {
      // What came whole is kept, also of an answer that was cut.
      await take()
    }
    if (left.size === before) throw new MeshError('UNREACHABLE', { detail: 'the hub sent no part' })
  }

  #again<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    const tried = () => attempt().catch(thrown => Promise.reject(failureOf(thrown, signal)))
    return retry(tried, { ...this.#waits(), signal, sleep: this.#ports.sleep, attempts: tries })
  }

  /** Throws what does not pass, or has been tried often enough. */
  async #pause(thrown: unknown, failures: number, signal: AbortSignal): Promise<void> {
    const error = failureOf(thrown, signal)
    if (asMeshError(error).entry.retry !== 'backoff' || failures >= tries) throw error
    await this.#ports.sleep(backoffMs({ ...this.#waits(), attempt: failures }), signal)
  }

  #waits(): { minMs: number; maxMs: number; random: () => number } {
    const { limits, random } = this.#ports
    return { minMs: limits.reconnectMinMs, maxMs: limits.reconnectMaxMs, random: () => random(1)[0]! / 256 }
  }

  async #ask(
    path: string,
    given: {
      signal: AbortSignal
      json?: unknown
      body?: Buffer<ArrayBuffer>
      /** Other statuses that the caller understands. */
      expect?: number[]
      /** Bytes that the answer may have. */
      answers?: number
    },
  ): Promise<Response> {
    const { url: hub, key, now, random, limits } = this.#ports
    const url = new URL(`/api/v1/snapshots${path}`, hub)
    const body = given.json === undefined ? given.body : JSON.stringify(given.json)
    const type = given.json === undefined ? 'application/octet-stream' : 'application/json'
    const bytes = (given.body?.byteLength ?? 0) + (given.answers ?? 0)
    const late = AbortSignal.timeout(limits.requestMs + Math.ceil(bytes / leastBytesPerMs))
    const response = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: key.proof(url.host, now(), random),
        ...(body === undefined ? {} : { 'content-type': type }),
      },
      signal: AbortSignal.any([given.signal, late]),
      redirect: 'error',
      ...(body === undefined ? {} : { body }),
    })
    if (response.ok || given.expect?.includes(response.status)) return response
    throw (await problemOf(response)).error
  }
}

/** What the hub says is wrong, if it is the hub that answers. */
async function problemOf(response: Response): Promise<{ error: MeshError; missing: boolean }> {
  const told: unknown = await shortText(response)
    .then(JSON.parse)
    .catch(() => undefined)
  const { code, detail, missing } = (typeof told === 'object' && told !== null ? told : {}) as Record<string, unknown>
  const error =
    isErrorCode(code) && typeof detail === 'string'
      ? new MeshError(code, { detail })
      : new MeshError('UNREACHABLE', { detail: `the hub answered ${response.status}` })
  return { error, missing: Array.isArray(missing) }
}

async function shortText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > mostAnswerBytes) throw new MeshError('UNREACHABLE', { detail: 'the hub answered too much' })
  }
  return text
}

/** `fetch` throws these for a network that fails and for a time-out. */
function failureOf(thrown: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason
  const isNetwork = thrown instanceof TypeError || thrown instanceof DOMException || thrown instanceof SyntaxError
  if (isNetwork) return new MeshError('UNREACHABLE', { detail: 'the connection was cut', cause: thrown })
  return thrown
}
