/**
 * Saved sessions at the hub: parts that devices bring and fetch, records over them, who may see what of them, and what goes
 * when. It opens no part and restores nothing.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now, OrgId, ProjectId, RandomBytes, SessionId, SnapshotId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { partHead, partHeadBytes } from '@meshbook/core/part-frames.ts'
import type { PartId, SnapshotInfo, SnapshotRecord, StoredRecord } from '@meshbook/core/snapshot.ts'
import type { Place } from '../auth/access.ts'
import type { Audit, AuditSource } from '../auth/audit.ts'
import type { Principal } from '../auth/principal.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { PartRow } from '../store/snapshot-parts.ts'
import type { FoundSnapshot, SnapshotCaps, StoredSnapshot } from '../store/snapshots.ts'
import { takeParts } from './part-intake.ts'

export interface SnapshotsPorts {
  store: HubStore
  /** Of assets: parts have names of their own among them. */
  objects: ObjectStore
  audit: Audit
  limits: Limits
  now: Now
  random: RandomBytes
  sessionsChanged(org: OrgId): void
  log: { info(detail: object, message: string): void }
}

type Source = AuditSource & { who: Principal }

/** Bytes that are sent, and how many there are. */
export interface PartStream {
  bytes: number
  chunks: AsyncIterable<Uint8Array>
}

export class Snapshots {
  readonly #ports: SnapshotsPorts

  constructor(ports: SnapshotsPorts) {
    this.#ports = ports
  }

  async missing(who: Principal, parts: PartId[]): Promise<PartId[]> {
    const { store, now } = this.#ports
    return store.call('askParts', { org: deviceOrg(who), parts, now: now() })
  }

  take(who: Principal, source: AsyncIterable<Uint8Array>): Promise<{ parts: number; bytes: number }> {
    return takeParts(this.#ports, deviceOrg(who), source)
  }

  /** The first of them, as many as go into one answer (HS6). */
  async read(who: Principal, parts: readonly PartId[]): Promise<PartStream> {
    const { store, objects, limits } = this.#ports
    const found = new Map((await store.query('findParts', { org: deviceOrg(who), parts })).map(row => [row.part, row]))
    const rows: PartRow[] = []
    let bytes = 0
    for (const part of new Set(parts)) {
      const row = found.get(part)
      if (!row) throw new MeshError('NOT_FOUND', { detail: `part ${part.slice(0, 12)}` })
      if (rows.length > 0 && bytes + row.bytes > limits.snapshotRequestBytes) break
      rows.push(row)
      bytes += row.bytes + partHeadBytes
    }
    return { bytes, chunks: framesOf(objects, rows) }
  }

  /** A record of a device, which was found to be allowed to run in the session's project (HS10). */
  async add(who: Principal, record: SnapshotRecord): Promise<StoredSnapshot> {
    const { store, now, sessionsChanged } = this.#ports
    const org = deviceOrg(who)
    if (record.device !== who.credential.id)
      throw new MeshError('FORBIDDEN', { detail: 'a device brings what it saved itself' })
    if (new Set(record.parts).size !== record.parts.length || !record.parts.includes(record.manifest))
      throw new MeshError('BAD_REQUEST', { detail: 'parts are each named once, the manifest among them' })
    const stored = await store.call('storeSnapshot', { org, record, caps: this.#caps(), now: now() })
    if ('created' in stored && stored.created) sessionsChanged(stored.sessionOrg)
    return stored
  }

  list(org: OrgId, of: { session?: SessionId | undefined; project?: ProjectId | undefined }): Promise<SnapshotInfo[]> {
    return this.#ports.store.query('listSnapshots', { org, ...of })
  }

  /** The whole record for a device that could open it; what is said of it for everybody else (HS14). */
  async get(who: Principal, id: SnapshotId): Promise<StoredRecord | SnapshotInfo> {
    const { store, now } = this.#ports
    const found = await this.#find(id)
    if (who.credential.kind !== 'device' || found.org !== who.org) return found.info
    const record = await store.call('useSnapshot', { org: found.org, id, now: now() })
    if (!record) throw gone(id)
    return record
  }

  async rename(who: Principal, place: Place, id: SnapshotId, name: string | null): Promise<SnapshotInfo> {
    const { store, limits, sessionsChanged } = this.#ports
    const { org } = await this.#changeable(who, place, id)
    const named = await store.call('nameSnapshot', { org, id, name, most: limits.namedSnapshotsPerSession })
    if (!named) throw gone(id)
    sessionsChanged(named.sessionOrg)
    return named.info
  }

  async delete(source: Source, place: Place, id: SnapshotId): Promise<void> {
    const { audit, sessionsChanged } = this.#ports
    const { org, sessionOrg, info } = await this.#changeable(source.who, place, id)
    const detail = { session: info.session, name: info.name, asOf: info.asOf.at }
    const note = audit.note('snapshot-deleted', source, { org: sessionOrg, target: id, detail })
    const deleted = await audit.call('deleteSnapshot', { org, id }, note)
    if (!deleted) throw gone(id)
    sessionsChanged(sessionOrg)
  }

  /** Damaged or foreign: only a device that could open it can tell (HS24). */
  async refused(who: Principal, id: SnapshotId, { code, detail }: { code: string; detail: string }): Promise<void> {
    const { store, limits, sessionsChanged } = this.#ports
    const org = deviceOrg(who)
    const damaged = code === 'SNAPSHOT_REFUSED'
    const why = `${code}: ${detail}`.slice(0, limits.problemTextChars)
    const refused = await store.call('refuseSnapshot', { org, id, why, damaged })
    if (!refused) throw gone(id)
    sessionsChanged(refused.sessionOrg)
  }

  /** What nothing holds any more goes; the bytes go with the next collection of objects (HS20–HS23). */
  async collect(): Promise<number> {
    const { store, limits, now, log, sessionsChanged } = this.#ports
    let parts = 0
    for (const org of await store.query('listOrgs')) {
      const swept = await store.call('sweepSnapshots', { org, caps: this.#caps() })
      for (const changed of swept.orgs) sessionsChanged(changed)
      const most = limits.assetCollectRows
      const before = now() - limits.snapshotPartGraceMs
      for (let count = most; count === most; parts += count)
        count = await store.call('sweepParts', { org, before, most, now: now() })
    }
    if (parts > 0) log.info({ parts }, 'parts of saved sessions that no record names were deleted')
    return parts
  }

  /** Whoever may run there, and whose it is: the device's owner, or the project's. */
  async #changeable(who: Principal, { rights }: Place, id: SnapshotId): Promise<FoundSnapshot> {
    const found = await this.#find(id)
    if (found.org === who.org || rights.has('own')) return found
    throw new MeshError('FORBIDDEN', { detail: 'it is of a device of somebody else' })
  }

  async #find(id: SnapshotId): Promise<FoundSnapshot> {
    const found = await this.#ports.store.query('findSnapshot', { id })
    if (!found) throw gone(id)
    return found
  }

  #caps(): SnapshotCaps {
    const { limits, now } = this.#ports
    return {
      bytes: limits.snapshotBytes,
      keptPerSession: limits.snapshotsKeptPerSession,
      namedPerSession: limits.namedSnapshotsPerSession,
      usedSince: now() - limits.snapshotTransferMs,
    }
  }
}

/** Parts are for devices of the org that brought them: others could not open them anyway (HS1). */
function deviceOrg(who: Principal): OrgId {
  if (who.credential.kind === 'device') return who.org
  throw new MeshError('FORBIDDEN', { detail: 'parts of saved sessions are for devices alone' })
}

async function* framesOf(objects: ObjectStore, rows: readonly PartRow[]): AsyncGenerator<Uint8Array> {
  for (const { part, bytes, object } of rows) {
    yield partHead(part, bytes)
    yield* await objects.get(object)
  }
}

function gone(id: SnapshotId): MeshError {
  return new MeshError('NOT_FOUND', { detail: `saved session ${id}` })
}
