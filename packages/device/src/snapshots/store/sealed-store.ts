/**
 * What a device keeps of saved sessions: sealed parts as files, records in its database, which parts are held by whom. It
 * makes records of captures, hands out parts that were checked, and removes what nothing holds. What reaches a caller is
 * opened and found whole.
 */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Now, OrgId, SessionId, SnapshotId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { type PartId, type SnapshotRecord, snapshotRecordSchema } from '@meshbook/core/snapshot.ts'
import * as v from 'valibot'
import type { OwnerKeys } from '../../owner-key/owner-keys.ts'
import type { DeviceStore } from '../../store/device-store.ts'
import type { Capture, PartSink, PartSource, Plan } from '../port.ts'
import { checkAsked, type Expected, understood } from '../sealed/examined.ts'
import { type BoundFacts, planOf, writeManifest } from '../sealed/manifest.ts'
import { type PartKeys, partKeys } from '../sealed/part-keys.ts'
import type { PartSealer } from '../sealed/part-sealer.ts'
import { byAge, type KeptRecord, nextToGo, superfluous } from './kept-records.ts'
import { PartFiles, type StagedPart } from './part-files.ts'

export interface SealedStorePorts {
  folder: string
  org: OrgId
  store: DeviceStore
  ownerKey: Pick<OwnerKeys, 'current' | 'open'>
  sealer: PartSealer
  limits: Limits
  now: Now
}

interface HeldPart {
  bytes: number
  keyVersion: number
  /** That count on it; records are counted in `#naming`. */
  captures: number
}

interface NewPart extends StagedPart {
  keyVersion: number
  holders: Set<CaptureState>
}

/** What the caller says of a record; the rest follows from the parts. */
export type RecordFacts = Omit<BoundFacts, 'keyVersion'> & Pick<SnapshotRecord, 'name' | 'pauseMs'>

/** A capture that is under way. One of `finish` and `abandon` must be called. */
export interface SavingParts extends PartSink {
  /** The record, durable here with all its parts. */
  finish(facts: RecordFacts, capture: Pick<Capture, 'plan' | 'parts'>): Promise<SnapshotRecord>
  abandon(): Promise<void>
}

/** Room for what sealing adds (`PartSink.put`). */
const sealRoomBytes = 1024

export class SealedStore {
  readonly #ports: SealedStorePorts
  readonly #files: PartFiles
  readonly #held = new Map<PartId, HeldPart>()
  readonly #new = new Map<PartId, NewPart>()
  readonly #kept = new Map<SnapshotId, KeptRecord>()
  /** By how many kept records a part is named, also one that is not here yet. */
  readonly #naming = new Map<PartId, number>()
  readonly #keys = new Map<number, PartKeys>()
  #bytes = 0
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(ports: SealedStorePorts, files: PartFiles) {
    this.#ports = ports
    this.#files = files
  }

  /** Parts that no record names, as a crash leaves them, go. */
  static async open(ports: SealedStorePorts): Promise<SealedStore> {
    const files = await PartFiles.open(ports.folder)
    const store = new SealedStore(ports, files)
    await store.#load()
    return store
  }

  /** Of all parts that are here. */
  get bytes(): number {
    return this.#bytes
  }

  /** Newest first. */
  list(session: SessionId): SnapshotRecord[] {
    const kept = [...this.#kept.values()].filter(({ record, whole }) => whole && record.session === session)
    return kept.sort(byAge).map(({ record }) => record)
  }

  /** Whether all of it is here. */
  isWhole(id: SnapshotId): boolean {
    return this.#kept.get(id)?.whole === true
  }

  /** All that this device has, the oldest first. */
  all(): { record: SnapshotRecord; atHub: boolean }[] {
    const kept = [...this.#kept.values()].filter(({ whole }) => whole)
    return kept
      .sort(byAge)
      .reverse()
      .map(({ record, atHub }) => ({ record, atHub }))
  }

  find(id: SnapshotId): SnapshotRecord | undefined {
    return this.#kept.get(id)?.record
  }

  isAtHub(id: SnapshotId): boolean {
    return this.#kept.get(id)?.atHub === true
  }

  /** Throws OWNER_KEY_MISSING. */
  async begin(): Promise<SavingParts> {
    const current = await this.#ports.ownerKey.current()
    if (!current) throw new MeshError('OWNER_KEY_MISSING')
    const keys = await this.#keysOf(current.version)
    const taken = new Set<PartId>()
    const capture = { keys, version: current.version, taken, added: 0 }
    let over = false
    const end = async (): Promise<void> => {
      if (over) return
      over = true
      await this.#letGo(capture)
    }
    return {
      put: bytes => this.#put(capture, bytes),
      has: async part => this.#takeKnown(capture, part),
      finish: async (facts, parts) => {
        try {
          return await this.#finish(capture, facts, parts)
        } finally {
          await end()
        }
      },
      abandon: end,
    }
  }

  /** Only what the record names (SN8), each checked; throws SNAPSHOT_REFUSED or OWNER_KEY_MISSING. */
  source(record: SnapshotRecord): PartSource {
    const named = new Set(record.parts)
    return {
      get: async part => {
        if (!named.has(part)) throw new MeshError('SNAPSHOT_REFUSED', { detail: 'a part that is not of this record' })
        const keys = await this.#keysOf(record.keyVersion)
        const sealed = this.#held.has(part) ? await this.#files.read(part) : undefined
        if (!sealed) throw new MeshError('SNAPSHOT_REFUSED', { detail: `part ${part.slice(0, 12)} is not here` })
        return this.#ports.sealer.open(keys, part, sealed)
      },
    }
  }

  /** Throws SNAPSHOT_REFUSED for a record that says that it is another one than was asked for. */
  async checkAsked(record: SnapshotRecord, expected: Expected): Promise<void> {
    const { store, org } = this.#ports
    const seen = await store.query('seenOf', { org, session: record.session })
    checkAsked(understood(record), expected, seen ?? undefined)
  }

  /** The plan of a record that is as it was made (SN5). Its manifest must be here. */
  async plan(given: SnapshotRecord): Promise<Plan> {
    const record = understood(given)
    const plan = planOf(await this.source(record).get(record.manifest), record)
    await this.#noteSeen(record)
    return plan
  }

  async examine(record: SnapshotRecord, expected: Expected): Promise<Plan> {
    await this.checkAsked(understood(record), expected)
    return this.plan(record)
  }

  /** Until the returned function is called it is not removed (SN66). */
  async use(id: SnapshotId): Promise<() => void> {
    const kept = this.#kept.get(id)
    if (!kept) throw new MeshError('NOT_FOUND', { detail: `saved session ${id}` })
    kept.users++
    kept.usedAt = this.#ports.now()
    await this.#ports.store.call('markSaved', { org: this.#ports.org, id, usedAt: kept.usedAt })
    let over = false
    return () => {
      if (!over) kept.users--
      over = true
    }
  }

  async markAtHub(id: SnapshotId): Promise<void> {
    const kept = this.#kept.get(id)
    if (!kept) return
    kept.atHub = true
    await this.#ports.store.call('markSaved', { org: this.#ports.org, id, atHub: true })
    await this.#noteSeen(kept.record)
    await this.#makeRoom()
  }

  /** Holds the parts that are here, and those that `take` brings (SN64). The manifest must be among them before `arrived`. */
  async expect(given: SnapshotRecord): Promise<void> {
    const record = understood(given)
    await this.#alone(async () => {
      if (this.#kept.has(record.id)) return
      await this.#keep({ record, whole: false, atHub: true, usedAt: this.#ports.now(), users: 0 })
    })
  }

  missing(record: SnapshotRecord): PartId[] {
    return record.parts.filter(part => !this.#held.has(part))
  }

  /** Parts of an expected record as they come from elsewhere: all are checked before any is kept (SN75). */
  async take(id: SnapshotId, parts: readonly { part: PartId; bytes: Uint8Array<ArrayBuffer> }[]): Promise<void> {
    const kept = this.#kept.get(id)
    if (!kept) throw new MeshError('NOT_FOUND', { detail: `saved session ${id}` })
    const { keyVersion } = kept.record
    const keys = await this.#keysOf(keyVersion)
    const named = new Set(kept.record.parts)
    const staged: StagedPart[] = []
    try {
      for (const { part, bytes } of parts) {
        if (!named.has(part)) throw new MeshError('SNAPSHOT_REFUSED', { detail: 'a part that is not of this record' })
        const copy = new Uint8Array(bytes)
        await this.#ports.sealer.open(keys, part, bytes)
        staged.push(await this.#withRoom(() => this.#files.stage(part, copy)))
      }
      await this.#alone(async () => {
        if (!this.#kept.has(id)) throw new MeshError('NOT_FOUND', { detail: `saved session ${id} was removed` })
        await this.#files.commit(staged)
        for (const { part, bytes } of staged) this.#add(part, bytes, keyVersion)
      })
    } catch (thrown) {
      await this.#files.discard(staged)
      throw thrown
    }
  }

  /** All parts are here now. */
  async arrived(id: SnapshotId): Promise<void> {
    const kept = this.#kept.get(id)
    if (!kept || this.missing(kept.record).length > 0)
      throw new MeshError('SNAPSHOT_REFUSED', { detail: 'a part is missing' })
    kept.whole = true
    await this.#ports.store.call('markSaved', { org: this.#ports.org, id, whole: true })
    await this.#trim()
  }

  /** As it is sealed, for the hub. */
  async sealed(part: PartId): Promise<Uint8Array<ArrayBuffer>> {
    const sealed = await this.#files.read(part)
    if (!sealed) throw new MeshError('STORAGE_FAILED', { detail: `part ${part.slice(0, 12)} is not on the disk` })
    return sealed
  }

  /** The disk altered it: it counts as missing until it is taken again. */
  async forget(part: PartId): Promise<void> {
    await this.#alone(async () => {
      const held = this.#held.get(part)
      if (!held || held.captures > 0) return
      this.#held.delete(part)
      this.#bytes -= held.bytes
      await this.#files.remove([part])
    })
  }

  bytesOf(part: PartId): number {
    return this.#held.get(part)?.bytes ?? 0
  }

  async drop(id: SnapshotId): Promise<void> {
    await this.#alone(() => this.#drop(id))
  }

  async close(): Promise<void> {
    await this.#turn.catch(() => undefined)
  }

  async #load(): Promise<void> {
    const { store, org } = this.#ports
    const versions = new Map<PartId, number>()
    for (const { id, record: text, whole, atHub, usedAt } of await store.query('listSaved', { org })) {
      const record = recordIn(text)
      if (!record) {
        await store.call('dropSaved', { org, id })
        continue
      }
      this.#kept.set(id, { record, whole, atHub, usedAt, users: 0 })
      this.#nameParts(record.parts)
      for (const part of record.parts) versions.set(part, record.keyVersion)
    }
    const orphans: PartId[] = []
    for (const { part, bytes } of await this.#files.list()) {
      const version = versions.get(part)
      if (version === undefined) orphans.push(part)
      else this.#add(part, bytes, version)
    }
    await this.#files.remove(orphans)
    for (const { record, whole } of [...this.#kept.values()])
      if (whole && this.missing(record).length > 0) await this.#drop(record.id)
  }

  async #put(capture: CaptureState, given: Uint8Array): Promise<PartId> {
    const { limits, sealer } = this.#ports
    if (given.byteLength > limits.snapshotPartBytes - sealRoomBytes)
      throw new MeshError('SNAPSHOT_FAILED', { detail: `a part of ${given.byteLength} bytes is too large` })
    const { part, bytes } = await sealer.name(capture.keys, given)
    if (this.#takeKnown(capture, part)) return part
    const sealed = await sealer.seal(capture.keys, part, bytes)
    const staged = await this.#withRoom(() => this.#files.stage(part, sealed))
    if (this.#takeKnown(capture, part)) {
      await this.#files.discard([staged])
      return part
    }
    this.#new.set(part, { ...staged, keyVersion: capture.version, holders: new Set([capture]) })
    capture.added += staged.bytes
    return part
  }

  /** True for a part that is here under the present key: from then on it stays until the capture is over (SN65). */
  #takeKnown(capture: CaptureState, part: PartId): boolean {
    if (capture.taken.has(part)) return true
    const coming = this.#new.get(part)
    if (coming?.keyVersion === capture.version) {
      coming.holders.add(capture)
      return true
    }
    const held = this.#held.get(part)
    if (held?.keyVersion !== capture.version) return false
    held.captures++
    capture.taken.add(part)
    return true
  }

  async #finish(
    capture: CaptureState,
    facts: RecordFacts,
    made: Pick<Capture, 'plan' | 'parts'>,
  ): Promise<SnapshotRecord> {
    const { limits, now } = this.#ports
    const { name, pauseMs, ...rest } = facts
    const others = [...new Set(made.parts)]
    if (others.length + 1 > limits.snapshotParts)
      throw new MeshError('SNAPSHOT_FAILED', { detail: `it has more than ${limits.snapshotParts} parts` })
    if (!others.every(part => this.#takeKnown(capture, part)))
      throw new MeshError('SNAPSHOT_FAILED', { detail: 'a part that it names is not here' })
    const bound: BoundFacts = { ...rest, keyVersion: capture.version }
    const manifest = await this.#put(capture, writeManifest(bound, others, made.plan))
    const parts = [...others, manifest]
    const bytes = parts.reduce((sum, part) => sum + (this.#held.get(part) ?? this.#new.get(part))!.bytes, 0)
    if (bytes > limits.snapshotBytes)
      throw new MeshError('SNAPSHOT_FAILED', { detail: `it has more than ${limits.snapshotBytes} bytes` })
    const record = understood({ ...bound, name, pauseMs, bytes, addedBytes: capture.added, manifest, parts })
    await this.#alone(async () => {
      await this.#name(parts)
      await this.#keep({ record, whole: true, atHub: false, usedAt: now(), users: 0 })
    })
    await this.#trim()
    return record
  }

  /** Those that are new get their names. */
  async #name(parts: readonly PartId[]): Promise<void> {
    const staged = parts.flatMap(part => this.#new.get(part) ?? [])
    await this.#files.commit(staged)
    for (const { part, bytes, keyVersion, holders } of staged) {
      this.#new.delete(part)
      this.#add(part, bytes, keyVersion)
      for (const capture of holders) this.#takeKnown(capture, part)
    }
  }

  /** The capture is over: what only it held goes. */
  async #letGo(capture: CaptureState): Promise<void> {
    const unwanted: StagedPart[] = []
    for (const [part, coming] of this.#new) {
      coming.holders.delete(capture)
      if (coming.holders.size > 0) continue
      this.#new.delete(part)
      unwanted.push(coming)
    }
    await this.#files.discard(unwanted)
    await this.#alone(async () => {
      for (const part of capture.taken) this.#held.get(part)!.captures--
      await this.#removeFree(capture.taken)
    })
  }

  /** Durable when it resolves; the parts are. */
  async #keep(kept: KeptRecord): Promise<void> {
    const { store, org } = this.#ports
    const { record, whole, atHub, usedAt } = kept
    await store.call('keepSaved', { org, id: record.id, record: JSON.stringify(record), whole, atHub, usedAt })
    if (this.#kept.has(record.id)) return
    this.#kept.set(record.id, kept)
    this.#nameParts(record.parts)
  }

  /** The row first: a crash leaves parts without a record, never a record without parts. */
  async #drop(id: SnapshotId): Promise<void> {
    const kept = this.#kept.get(id)
    if (!kept) return
    await this.#ports.store.call('dropSaved', { org: this.#ports.org, id })
    this.#kept.delete(id)
    for (const part of kept.record.parts) {
      const left = this.#naming.get(part)! - 1
      if (left > 0) this.#naming.set(part, left)
      else this.#naming.delete(part)
    }
    await this.#removeFree(kept.record.parts)
  }

  #nameParts(parts: Iterable<PartId>): void {
    for (const part of parts) this.#naming.set(part, (this.#naming.get(part) ?? 0) + 1)
  }

  /** Those that nobody holds any more. */
  async #removeFree(parts: Iterable<PartId>): Promise<void> {
    const gone: PartId[] = []
    for (const part of parts) {
      const held = this.#held.get(part)
      if (!held || held.captures > 0 || this.#naming.has(part)) continue
      this.#held.delete(part)
      this.#bytes -= held.bytes
      gone.push(part)
    }
    await this.#files.remove(gone)
  }

  #add(part: PartId, bytes: number, keyVersion: number): void {
    if (this.#held.has(part)) return
    this.#held.set(part, { bytes, keyVersion, captures: 0 })
    this.#bytes += bytes
  }

  async #trim(): Promise<void> {
    for (const id of superfluous(this.#kept.values(), this.#ports.limits.snapshotsKeptPerSession)) await this.drop(id)
    await this.#makeRoom()
  }

  async #makeRoom(): Promise<void> {
    while (this.#bytes > this.#ports.limits.snapshotCacheBytes) {
      const id = nextToGo(this.#kept.values(), false)
      if (id === undefined) return
      await this.drop(id)
    }
  }

  /** On a full disk records go one by one until it succeeds (SN63). */
  async #withRoom<T>(write: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await write()
      } catch (thrown) {
        const id = asMeshError(thrown).code === 'DISK_FULL' ? nextToGo(this.#kept.values(), true) : undefined
        if (id === undefined) throw thrown
        await this.drop(id)
      }
    }
  }

  async #noteSeen({ session, fence, asOf }: SnapshotRecord): Promise<void> {
    await this.#ports.store.call('noteSeen', { org: this.#ports.org, session, fence, at: asOf.at })
  }

  async #keysOf(version: number): Promise<PartKeys> {
    const known = this.#keys.get(version)
    if (known) return known
    const key = await this.#ports.ownerKey.open(version)
    if (!key) throw new MeshError('OWNER_KEY_MISSING', { detail: `version ${version}` })
    const keys = partKeys(key)
    this.#keys.set(version, keys)
    return keys
  }

  /** Naming and removing files never meet. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work, work)
    this.#turn = done.catch(() => undefined)
    return done
  }
}

/** Undefined for one of a form that is not understood any more: it is of no use. */
function recordIn(text: string): SnapshotRecord | undefined {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), snapshotRecordSchema), text)
  return parsed.success ? parsed.output : undefined
}

interface CaptureState {
  keys: PartKeys
  version: number
  /** Parts with a name that it holds. */
  taken: Set<PartId>
  /** Bytes that are new with it. */
  added: number
}
