/**
 * Records on their way to the hub, one after the other: a newer one of the same session and kind takes the place of an
 * older one, what cannot go now goes later (SN44).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { asMeshError, type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import type { SnapshotId } from '@meshbook/core/ids.ts'
import type { SnapshotRecord } from '@meshbook/core/snapshot.ts'

export interface RecordUploadsPorts {
  upload(record: SnapshotRecord, signal: AbortSignal): Promise<void>
  /** It need not come to the hub any more. */
  superseded(snapshot: SnapshotId): Promise<void>
  /** It is at the hub. */
  arrived(record: SnapshotRecord): void
  /** The hub does not take it, or it cannot be sent as it is. */
  refused(record: SnapshotRecord, error: MeshError): void
  warn(detail: object, message: string): void
}

interface Waiting {
  record: SnapshotRecord
  stop: AbortController
  done: PromiseWithResolvers<void>
}

const firstRetryMs = 2_000
const mostRefused = 1_000
const longestRetryMs = 5 * 60_000
/** Passes by itself, or with the next connection. */
const passing = new Set<ErrorCode>([
  'UNREACHABLE',
  'TIMEOUT',
  'SLOW_DOWN',
  'TOO_MANY',
  'SHUTTING_DOWN',
  'UNAUTHENTICATED',
  'STORAGE_FAILED',
  'OWNER_KEY_MISSING',
  'INTERNAL',
])

export class RecordUploads {
  readonly #ports: RecordUploadsPorts
  /** In the order in which they go. */
  readonly #waiting = new Map<SnapshotId, Waiting>()
  readonly #refused = new Map<SnapshotId, MeshError>()
  readonly #closed = new AbortController()
  #connected = new AbortController()
  #isOnline = false
  #sending: Promise<void> | undefined

  constructor(ports: RecordUploadsPorts) {
    this.#ports = ports
  }

  /** Named ones go first: somebody waits for them. */
  add(record: SnapshotRecord): void {
    if (this.#closed.signal.aborted || this.#waiting.has(record.id)) return
    const older = [...this.#waiting.values()].filter(({ record: other }) => replaces(record, other))
    const done = Promise.withResolvers<void>()
    // Whoever waits for it is told; nobody has to.
    done.promise.catch(() => undefined)
    this.#waiting.set(record.id, { record, stop: new AbortController(), done })
    for (const each of older) this.#supersede(each)
    this.#go()
  }

  /** Resolves once it is at the hub; throws when it never will be. */
  async arrived(snapshot: SnapshotId, signal: AbortSignal): Promise<void> {
    const refused = this.#refused.get(snapshot)
    if (refused) throw refused
    const waiting = this.#waiting.get(snapshot)
    if (!waiting) return
    const stopped = Promise.withResolvers<never>()
    const stop = () => stopped.reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    await Promise.race([waiting.done.promise, stopped.promise]).finally(() => signal.removeEventListener('abort', stop))
  }

  /** On its way, or not taken by the hub. */
  isMissing(snapshot: SnapshotId): boolean {
    return this.#waiting.has(snapshot) || this.#refused.has(snapshot)
  }

  /** Resolves once nothing waits any more, or by the signal. */
  async settled(signal: AbortSignal): Promise<void> {
    while (this.#waiting.size > 0 && this.#isOnline && !signal.aborted)
      await this.arrived([...this.#waiting.keys()].at(-1)!, signal).catch(() => undefined)
  }

  online(): void {
    if (this.#isOnline) return
    this.#isOnline = true
    this.#connected = new AbortController()
    this.#go()
  }

  offline(): void {
    this.#isOnline = false
    this.#connected.abort(new MeshError('UNREACHABLE'))
  }

  async close(): Promise<void> {
    const reason = new MeshError('SHUTTING_DOWN')
    this.#closed.abort(reason)
    this.#connected.abort(reason)
    for (const { done } of this.#waiting.values()) done.reject(reason)
    await this.#sending
  }

  #supersede({ record, stop, done }: Waiting): void {
    this.#waiting.delete(record.id)
    const error = new MeshError('CONFLICT', { detail: 'a newer one has taken its place' })
    stop.abort(error)
    done.reject(error)
    this.#ports.superseded(record.id).catch(thrown => this.#warn(record, thrown))
  }

  #go(): void {
    if (this.#sending || !this.#isOnline || this.#closed.signal.aborted) return
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = undefined
      if (this.#waiting.size > 0) this.#go()
    })
  }

  async #sendAll(): Promise<void> {
    for (let failures = 0; this.#waiting.size > 0 && this.#isOnline && !this.#closed.signal.aborted; ) {
      const all = [...this.#waiting.values()]
      const next = all.find(({ record }) => record.name !== null) ?? all[0]!
      const isPassing = await this.#send(next)
      failures = isPassing ? failures + 1 : 0
      if (isPassing) await this.#rest(Math.min(longestRetryMs, firstRetryMs * 2 ** (failures - 1)))
    }
  }

  async #rest(ms: number): Promise<void> {
    const signal = AbortSignal.any([this.#closed.signal, this.#connected.signal])
    await sleep(ms, undefined, { ref: false, signal }).catch(() => undefined)
  }

  /** True when the same is to be tried again. */
  async #send(waiting: Waiting): Promise<boolean> {
    const { record, stop, done } = waiting
    const signal = AbortSignal.any([stop.signal, this.#connected.signal])
    try {
      await this.#ports.upload(record, signal)
    } catch (thrown) {
      if (signal.aborted) return false
      const error = asMeshError(thrown)
      this.#warn(record, thrown)
      if (passing.has(error.code)) return true
      this.#waiting.delete(record.id)
      this.#refuse(record.id, error)
      done.reject(error)
      this.#ports.refused(record, error)
      return false
    }
    // One that was replaced while its last answer was on its way is at the hub all the same.
    this.#waiting.delete(record.id)
    done.resolve()
    this.#ports.arrived(record)
    return false
  }

  /** Of the last ones that is known. */
  #refuse(snapshot: SnapshotId, error: MeshError): void {
    this.#refused.set(snapshot, error)
    for (const old of [...this.#refused.keys()].slice(0, -mostRefused)) this.#refused.delete(old)
  }

  #warn({ id, session }: SnapshotRecord, thrown: unknown): void {
    this.#ports.warn({ err: asMeshError(thrown), snapshot: id, session }, 'a saved session could not be sent')
  }
}

function replaces(newer: SnapshotRecord, older: SnapshotRecord): boolean {
  const isOrdinary = older.name === null
  return isOrdinary && newer.session === older.session && newer.head === older.head && newer.kind === older.kind
}
