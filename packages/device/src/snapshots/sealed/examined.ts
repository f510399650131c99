/** Whether a record is what was asked for, before a byte of it is used (SN5, SN6). Pure. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Fence, SessionId } from '@meshbook/core/ids.ts'
import { type Rung, type SnapshotRecord, snapshotRecordSchema } from '@meshbook/core/snapshot.ts'
import * as v from 'valibot'

/** What was asked for. */
export interface Expected {
  rung: Pick<Rung, 'snapshot' | 'kind' | 'asOf'>
  /** Null for a copy into another session: then it may be of any session of this owner. */
  session: SessionId | null
  /** Of the lease; null for a copy, whose fence counts another session's holders. */
  fence: Fence | null
  /** The newest is wanted, not one that somebody chose or that others had to give way to. */
  newest: boolean
}

/** How far a session was seen to have come. */
export interface Seen {
  fence: number
  at: number
}

export const isNewer = (a: Seen, b: Seen): boolean => a.fence > b.fence || (a.fence === b.fence && a.at > b.at)

/**
 * Throws SNAPSHOT_REFUSED unless the record says that it is what was asked for; whether it is true its manifest tells.
 * Throws SNAPSHOT_UNFIT for an older state than this device knows of, where the newest was asked for.
 */
export function checkAsked(record: SnapshotRecord, expected: Expected, seen: Seen | undefined): void {
  const wrong = whyNot(record, expected)
  if (wrong !== undefined) throw new MeshError('SNAPSHOT_REFUSED', { detail: wrong })
  const { fence, asOf } = record
  // It is as good as it ever was for whoever chooses it.
  if (expected.newest && seen && isNewer(seen, { fence, at: asOf.at }))
    throw new MeshError('SNAPSHOT_UNFIT', { detail: 'this device knows of a newer state of the session' })
}

/** A record from wherever, in the form that a record has. */
export function understood(given: unknown): SnapshotRecord {
  const record = v.safeParse(snapshotRecordSchema, given)
  if (!record.success) throw new MeshError('SNAPSHOT_REFUSED', { detail: 'what is said of it is not understood' })
  if (!record.output.parts.includes(record.output.manifest))
    throw new MeshError('SNAPSHOT_REFUSED', { detail: 'it does not name its manifest' })
  return record.output
}

function whyNot(record: SnapshotRecord, { rung, session, fence }: Expected): string | undefined {
  const { asOf } = record
  if (record.id !== rung.snapshot) return 'it is another one than was asked for'
  if (session !== null && record.session !== session) return 'it is of another session'
  if (record.kind !== rung.kind) return 'it is of another kind than was asked for'
  const { during } = rung.asOf
  const isThen = asOf.at === rung.asOf.at && asOf.run === rung.asOf.run
  if (!isThen || asOf.during?.run !== during?.run || asOf.during?.seq !== during?.seq)
    return 'it is as of another moment than was asked for'
  if (fence !== null && record.fence > fence) return 'it is of a later holder of the session'
  return undefined
}
