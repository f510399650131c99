/** Which records go, as pure functions over what is kept: beyond so many of a session (SN62), and for room (SN63). */
import type { SnapshotId, SnapshotRecord } from '@meshbook/core/snapshot.ts'

export interface KeptRecord {
  record: SnapshotRecord
  /** All its parts are here. */
  whole: boolean
  atHub: boolean
  usedAt: number
  /** By how many it is being used now. */
  users: number
}

/** Newest first. */
export function byAge(a: KeptRecord, b: KeptRecord): number {
  return b.record.fence - a.record.fence || b.record.asOf.at - a.record.asOf.at || (a.record.id < b.record.id ? 1 : -1)
}

/** Of a session and kind, beyond the newest few. */
export function superfluous(kept: Iterable<KeptRecord>, most: number): SnapshotId[] {
  const groups = Map.groupBy(
    [...kept].filter(({ record }) => record.name === null),
    ({ record }) => `${record.session} ${record.kind}`,
  )
  return [...groups.values()].flatMap(group =>
    group
      .sort(byAge)
      .slice(most)
      .filter(({ users }) => users === 0)
      .map(({ record }) => record.id),
  )
}

/** What goes next for room: what the hub has, longest unused first; others only when the disk is full. */
export function nextToGo(kept: Iterable<KeptRecord>, diskFull: boolean): SnapshotId | undefined {
  const free = [...kept].filter(({ users, atHub }) => users === 0 && (atHub || diskFull))
  free.sort((a, b) => Number(b.atHub) - Number(a.atHub) || a.usedAt - b.usedAt)
  return free[0]?.record.id
}
