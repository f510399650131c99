/** What the owner of a session has set for it, and what its device says of it. */
import type { ErrorCode } from '@meshbook/core/errors.ts'
import type { DeviceId, OrgId, RunId, SessionId, SnapshotId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { SessionPolicy } from '@meshbook/core/moves-api.ts'
import type { LostItem } from '@meshbook/core/snapshot.ts'
import { acrossOrgs } from '@meshbook/relay/sql/org-scope.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { endHead, type HeldHead } from './heads.ts'
import { keepRecord } from './left-heads.ts'
import { type HeadRestore, type RecordRow, runsBehind, usableRecord } from './saved-states.ts'
import type { HeadSaving } from './session-states.ts'
import { refuseSnapshot } from './snapshots.ts'

/** What is not named stays as it is; false when there is no such session. */
export async function setSessionPolicy(
  tx: Tx,
  a: { org: OrgId; session: SessionId; policy: SessionPolicy },
): Promise<boolean> {
  const row = await tx.get<{ policy: string }>('SELECT policy FROM sessions WHERE org_id = ? AND session_id = ?', [
    a.org,
    a.session,
  ])
  if (!row) return false
  const policy = { ...(JSON.parse(row.policy) as SessionPolicy), ...a.policy }
  await tx.run('UPDATE sessions SET policy = ? WHERE org_id = ? AND session_id = ?', [
    JSON.stringify(policy),
    a.org,
    a.session,
  ])
  return true
}

export async function sessionPolicy(tx: Tx, a: { org: OrgId; session: SessionId }): Promise<SessionPolicy> {
  const row = await tx.get<{ policy: string }>('SELECT policy FROM sessions WHERE org_id = ? AND session_id = ?', [
    a.org,
    a.session,
  ])
  return JSON.parse(row?.policy ?? '{}') as SessionPolicy
}

type Speaking = { org: OrgId; device: DeviceId } & HeldHead

/** True when it is the live head and something is new. */
export async function noteSaving(tx: Tx, a: Speaking & { saving: HeadSaving }): Promise<boolean> {
  const saving = JSON.stringify(a.saving)
  const { changes } = await tx.run(
    "UPDATE heads SET saving = ? WHERE org_id = ? AND head_id = ? AND device_id = ? AND fence = ? AND ended_at IS NULL AND (saving IS NULL OR saving <> ? OR ? = 'saved')",
    [saving, a.org, a.head, a.device, a.fence, saving, a.saving.state],
  )
  return changes > 0
}

export interface RestoreEnded {
  /** What the head began with; null: it could not, and is over. */
  from: SnapshotId | null
}

/** What came of a lease with saved states; null where the head is not that of the device, or it was told before. */
export async function restoreEnded(
  tx: Tx,
  a: Speaking & {
    ok: boolean
    snapshot: SnapshotId | null
    failed: { snapshot: SnapshotId; code: ErrorCode; detail: string }[]
    lost: LostItem[]
    now: number
  },
): Promise<RestoreEnded | null> {
  const row = await tx.get<{ restore: string | null }>(
    'SELECT restore FROM heads WHERE org_id = ? AND head_id = ? AND device_id = ? AND fence = ? AND ended_at IS NULL AND restored IS NULL',
    [a.org, a.head, a.device, a.fence],
  )
  if (!row?.restore) return null
  const restore = JSON.parse(row.restore) as HeadRestore
  await refuseRecords(tx, { ...a, among: restore.ladder.map(({ snapshot }) => snapshot) })
  const rung = a.ok ? (restore.ladder.find(({ snapshot }) => snapshot === a.snapshot) ?? restore.ladder[0]) : undefined
  await wentOnFrom(tx, a, rung?.asOf.at ?? 0)
  if (!rung) {
    await keepFirst(tx, restore)
    await endHead(tx, a.org, a.head, 'its saved state could not be restored', a.now)
    return { from: null }
  }
  const behind = await runsBehind(tx, { org: a.org, session: a.session, asOf: rung.asOf })
  const { snapshot, asOf } = rung
  const restored = JSON.stringify({ snapshot, asOf, behind, lost: a.lost, from: restore.from, at: a.now })
  await tx.run('UPDATE heads SET restored = ? WHERE org_id = ? AND head_id = ?', [restored, a.org, a.head])
  return { from: snapshot }
}

/** Nobody goes on from it by itself any more, and nobody loses it by that. */
async function keepFirst(tx: Tx, { ladder }: HeadRestore): Promise<void> {
  for (const { snapshot } of ladder) {
    const record = await usableRecord(tx, snapshot)
    const device =
      record && (await tx.get<{ name: string }>('SELECT name FROM devices WHERE device_id = ?', [record.device]))
    if (record) return void (await keepRecord(tx, record, device?.name ?? null))
  }
}

/** An older state than the first one that was tried may have gone on, or none: what is beyond that one is to be kept. */
async function wentOnFrom(tx: Tx, a: Speaking, base: number): Promise<void> {
  await tx.run(
    'UPDATE heads SET left_base = ? WHERE org_id = ? AND session_id = ? AND left_state IS NOT NULL AND left_base > ? AND fence = (SELECT MAX(fence) FROM heads WHERE org_id = ? AND session_id = ? AND fence < ?)',
    [base, a.org, a.session, base, a.org, a.session, a.fence],
  )
}

/** Nobody is offered a damaged or foreign record again; that it does not fit a device says nothing of the record. */
export async function refuseRecords(
  tx: Tx,
  a: {
    failed: readonly { snapshot: SnapshotId; code: ErrorCode; detail: string }[]
    among: readonly SnapshotId[]
  },
): Promise<void> {
  for (const { snapshot, code, detail } of a.failed)
    if (code === 'SNAPSHOT_REFUSED' && a.among.includes(snapshot)) {
      const record = await usableRecord(tx, snapshot)
      const why = `${code}: ${detail}`.slice(0, limits.problemTextChars)
      if (record) await acrossOrgs(tx, tx => refuseSnapshot(tx, { org: record.org, id: snapshot, why, damaged: true }))
    }
}

/** Nobody waits for the device that has the session any longer; null where the run does not wait. */
export async function sendElsewhere(tx: Tx, a: { org: OrgId; id: RunId }): Promise<SessionId | null> {
  const row = await tx.get<{ session: SessionId; status: string }>(
    'SELECT session_id AS session, status AS status FROM runs WHERE org_id = ? AND run_id = ?',
    [a.org, a.id],
  )
  if (row?.status !== 'queued') return null
  await tx.run('UPDATE runs SET elsewhere = 1 WHERE org_id = ? AND run_id = ?', [a.org, a.id])
  return row.session
}

export async function findRecord(
  tx: Tx,
  a: { id: SnapshotId },
): Promise<(Pick<RecordRow, 'session' | 'device' | 'asOf' | 'name'> & { org: OrgId }) | null> {
  const record = await usableRecord(tx, a.id)
  if (!record) return null
  const home = await tx.get<{ org: OrgId }>('SELECT org_id AS org FROM sessions WHERE session_id = ?', [record.session])
  return home
    ? { org: home.org, session: record.session, device: record.device, asOf: record.asOf, name: record.name }
    : null
}
