/** What everybody may see of how a session is saved, what it began with, and where it goes: beside its row. */
import type { DeviceId, OrgId, ProjectId, SessionId, SnapshotId } from '@meshbook/core/ids.ts'
import type { SessionInfo } from '@meshbook/core/messages.ts'
import type { SessionPolicy } from '@meshbook/core/moves-api.ts'
import type { AsOf, SnapshotKind } from '@meshbook/core/snapshot.ts'
import { acrossOrgs } from '@meshbook/relay/sql/org-scope.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import type { SessionRow } from './heads.ts'
import { liveStates, selectMoves } from './move-rows.ts'
import { type HeadRestore, runsBehind } from './saved-states.ts'

type Saved = NonNullable<SessionInfo['saved']>
type Restored = NonNullable<SessionInfo['restored']>
type Moving = NonNullable<SessionInfo['moving']>

/** What a device says of the saving of its head. */
export interface HeadSaving {
  state: 'saving' | 'saved' | 'failed' | 'off'
  detail?: string | undefined
}

interface HeadStates {
  session: SessionId
  device: DeviceId
  restore: string | null
  restored: string | null
  saving: string | null
}

interface NewestRecord {
  session: SessionId
  id: SnapshotId
  head: string
  kind: SnapshotKind
  asOf: string
  bytes: number
}

type Where = { org: OrgId; project?: ProjectId | undefined }

const mostRecords = 10_000

/** Each question once for all of them, but for how far behind a record is. */
export async function withStates(tx: Tx, a: Where, rows: readonly SessionRow[]): Promise<SessionRow[]> {
  if (rows.length === 0) return []
  const [heads, records, moves, policies] = [
    await headStates(tx, a.org),
    await newestRecords(tx, a),
    await movings(tx, a.org),
    await policiesOf(tx, a.org),
  ]
  const whole: SessionRow[] = []
  for (const row of rows) {
    const head = heads.get(row.id)
    const saved = await savedOf(tx, a.org, row, head, records.get(row.id) ?? [])
    const restored = head?.restored ? (JSON.parse(head.restored) as Restored) : undefined
    const moving = moves.get(row.id) ?? restoring(head)
    const policy = policies.get(row.id)
    whole.push({
      ...row,
      ...(saved && { saved }),
      ...(restored && { restored }),
      ...(moving && { moving }),
      ...(policy && { policy }),
    })
  }
  return whole
}

async function headStates(tx: Tx, org: OrgId): Promise<Map<SessionId, HeadStates>> {
  const rows = await tx.all<HeadStates>(
    'SELECT session_id AS session, device_id AS device, restore AS restore, restored AS restored, saving AS saving FROM heads WHERE org_id = ? AND ended_at IS NULL AND (restore IS NOT NULL OR restored IS NOT NULL OR saving IS NOT NULL)',
    [org],
  )
  return new Map(rows.map(row => [row.session, row]))
}

/** Of each session, the newest first. */
async function newestRecords(tx: Tx, { org, project }: Where): Promise<Map<SessionId, NewestRecord[]>> {
  const sql = `SELECT r.session_id AS session, r.snapshot_id AS id, r.head_id AS head, r.kind AS kind, r.as_of AS "asOf", r.bytes AS bytes
    FROM snapshots r JOIN sessions s ON s.session_id = r.session_id WHERE s.org_id = ?${project === undefined ? '' : ' AND s.project_id = ?'} AND r.refused IS NULL
    ORDER BY r.as_of_at DESC, r.kind LIMIT ?`
  const values = project === undefined ? [org, mostRecords] : [org, project, mostRecords]
  const rows = await acrossOrgs(tx, tx => tx.all<NewestRecord>(sql, values))
  return Map.groupBy(rows, ({ session }) => session)
}

async function movings(tx: Tx, org: OrgId): Promise<Map<SessionId, Moving>> {
  const found = new Map<SessionId, Moving>()
  for (const { id: move, session, state, to } of await selectMoves(tx, `m.org_id = ? AND m.state IN ${liveStates}`, [
    org,
  ])) {
    const phase = state === 'waiting' || state === 'saving' ? state : 'fetch'
    found.set(session, { move, to, phase, done: 0, total: 0 })
  }
  return found
}

/** A lease with saved states went out, and its device has not said what came of them. */
function restoring(head: HeadStates | undefined): Moving | undefined {
  if (!head?.restore || head.restored !== null) return undefined
  return { to: head.device, phase: 'fetch', done: 0, total: 0 }
}

async function policiesOf(tx: Tx, org: OrgId): Promise<Map<SessionId, SessionPolicy>> {
  const rows = await tx.all<{ session: SessionId; policy: string }>(
    "SELECT session_id AS session, policy AS policy FROM sessions WHERE org_id = ? AND policy <> '{}'",
    [org],
  )
  return new Map(rows.map(({ session, policy }) => [session, JSON.parse(policy) as SessionPolicy]))
}

async function savedOf(
  tx: Tx,
  org: OrgId,
  row: SessionRow,
  head: HeadStates | undefined,
  records: readonly NewestRecord[],
): Promise<Saved | undefined> {
  const saving = head?.saving ? (JSON.parse(head.saving) as HeadSaving) : undefined
  const origin = head?.restored
    ? (JSON.parse(head.restored) as Restored).snapshot
    : head?.restore && (JSON.parse(head.restore) as HeadRestore).ladder[0]?.snapshot
  const whole = records.filter(({ asOf }) => !(JSON.parse(asOf) as AsOf).during)
  const own = row.head === null ? whole[0] : whole.find(record => record.head === row.head)
  const newest = own ?? whole.find(({ id }) => id === origin)
  if (!newest && !saving) return undefined
  const asOf = newest ? (JSON.parse(newest.asOf) as AsOf) : null
  return {
    snapshot: newest?.id ?? null,
    asOf,
    kind: newest?.kind ?? null,
    bytes: newest?.bytes ?? 0,
    behind: asOf ? await runsBehind(tx, { org, session: row.id, asOf }) : 0,
    state: saving?.state ?? (newest ? 'saved' : 'none'),
    ...(saving?.detail !== undefined && { detail: saving.detail }),
  }
}
