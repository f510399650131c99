/** Procedures over workers: one a project, made and ended in one transaction each (CP11, CP13, CP15). */
import type { PolicyChange } from '@meshbook/core/device-policy.ts'
import type { DeviceId, OrgId, ProjectId, UserId, WorkerId } from '@meshbook/core/ids.ts'
import type { ProjectInfo } from '@meshbook/core/messages.ts'
import { acrossOrgs } from '@meshbook/relay/sql/org-scope.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { addDevice, type RevokedDevice, revokeDevice } from './identity.ts'
import { activeStatuses } from './run-rows.ts'

export interface WorkerRow {
  org: OrgId
  id: WorkerId
  user: UserId
  project: ProjectId
  /** Which hub's engine has it. */
  hub: string
  /** `starting` until it has registered, `stopping` from when nothing is given to it any more. */
  state: 'starting' | 'up' | 'stopping'
  device: DeviceId | null
  /** Whether it was given the owner's data key. */
  hasKeys: boolean
  createdAt: number
}

type Stored = Omit<WorkerRow, 'hasKeys'> & { hasKeys: number }
const columns =
  'w.org_id AS org, w.worker_id AS id, w.user_id AS "user", w.project_id AS project, w.hub AS hub, w.state AS state, w.device_id AS device, w.has_keys AS "hasKeys", w.created_at AS "createdAt"'
const workerOf = (row: Stored): WorkerRow => ({
  ...row,
  hasKeys: Number(row.hasKeys) === 1,
  createdAt: Number(row.createdAt),
})

export interface NewWorker {
  org: OrgId
  id: WorkerId
  project: ProjectId
  hub: string
  tokenHash: string
  /** Of this hub at a time. */
  most: number
  now: number
}

/** `there`: the project has one. `full`: the hub has as many as it may. */
export async function addWorker(
  tx: Tx,
  a: NewWorker,
): Promise<{ created: true; why: 'added' } | { created: false; why: 'there' | 'full' }> {
  const known = await tx.get('SELECT worker_id FROM workers WHERE org_id = ? AND project_id = ?', [a.org, a.project])
  if (known) return { created: false, why: 'there' }
  const sql = 'SELECT COUNT(*) AS count FROM workers WHERE hub = ?'
  const { count } = (await acrossOrgs(tx, tx => tx.get<{ count: number }>(sql, [a.hub])))!
  if (Number(count) >= a.most) return { created: false, why: 'full' }
  const user = await ownerOfProject(tx, a)
  if (!user) return { created: false, why: 'there' }
  await tx.run(
    "INSERT INTO workers (org_id, worker_id, user_id, project_id, hub, state, token_hash, has_keys, created_at, used_at) VALUES (?, ?, ?, ?, ?, 'starting', ?, 0, ?, ?)",
    [a.org, a.id, user, a.project, a.hub, a.tokenHash, a.now, a.now],
  )
  return { created: true, why: 'added' }
}

export async function ownerOfProject(tx: Tx, a: { org: OrgId; project: ProjectId }): Promise<UserId | null> {
  const owner = await tx.get<{ user: UserId }>(
    'SELECT u.user_id AS "user" FROM users u JOIN projects p ON p.org_id = u.org_id WHERE p.org_id = ? AND p.project_id = ? ORDER BY u.created_at LIMIT 1',
    [a.org, a.project],
  )
  return owner?.user ?? null
}

export async function listWorkers(tx: Tx, a: { hub: string } | { org: OrgId }): Promise<WorkerRow[]> {
  const [column, value] = 'hub' in a ? ['hub', a.hub] : ['org_id', a.org]
  const rows = await tx.all<Stored>(`SELECT ${columns} FROM workers w WHERE w.${column} = ? ORDER BY w.worker_id`, [
    value,
  ])
  return rows.map(workerOf)
}

/** The worker that this device is; null for other devices, and once it has ended. */
export async function workerOfDevice(tx: Tx, a: { device: DeviceId }): Promise<WorkerRow | null> {
  const row = await tx.get<Stored>(`SELECT ${columns} FROM workers w WHERE w.device_id = ?`, [a.device])
  return row ? workerOf(row) : null
}

export interface Admission {
  tokenHash: string
  device: DeviceId
  publicKey: string
  /** What the kernels of the worker may take together. */
  memoryBytes: number
  /** A worker that was ordered before is too late. */
  orderedSince: number
  now: number
}

export interface Admitted {
  org: OrgId
  project: ProjectInfo
}

/** Uses the token up, and makes the worker a device of its owner (CP30). */
export async function admitWorker(tx: Tx, a: Admission): Promise<Admitted | null> {
  const row = await tx.get<Stored & { name: string; owner: string; tree: ProjectInfo['tree'] }>(
    `SELECT ${columns}, p.name AS name, p.owner AS owner, p.tree_id AS tree FROM workers w JOIN projects p ON p.org_id = w.org_id AND p.project_id = w.project_id
    WHERE w.token_hash = ? AND w.state = 'starting' AND w.created_at >= ?`,
    [a.tokenHash, a.orderedSince],
  )
  if (!row) return null
  const { org, user, id, project, name, owner, tree } = row
  const label = `Container of ${name}`.slice(0, 100)
  const made = await addDevice(tx, { ...a, org, user, id: a.device, name: label, kind: 'worker' })
  if (!made) return null
  const policy: PolicyChange = { memoryBytes: a.memoryBytes }
  await tx.run('UPDATE devices SET policy = ? WHERE org_id = ? AND device_id = ?', [
    JSON.stringify(policy),
    org,
    a.device,
  ])
  await tx.run(
    "UPDATE workers SET state = 'up', token_hash = NULL, device_id = ?, used_at = ? WHERE org_id = ? AND worker_id = ?",
    [a.device, a.now, org, id],
  )
  return { org, project: { id: project, name, owner, tree } }
}

/** Where secrets for a device are sealed to; the device has signed it. */
export async function sealKeyOf(tx: Tx, a: { org: OrgId; id: DeviceId }): Promise<string | null> {
  const row = await tx.get<{ sealKey: string | null }>(
    'SELECT seal_key AS "sealKey" FROM devices WHERE org_id = ? AND device_id = ? AND revoked_at IS NULL',
    [a.org, a.id],
  )
  return row?.sealKey ?? null
}

export async function gaveKeys(tx: Tx, a: { org: OrgId; id: WorkerId }): Promise<void> {
  await tx.run('UPDATE workers SET has_keys = 1 WHERE org_id = ? AND worker_id = ?', [a.org, a.id])
}

/** Under way on it, or waiting for it: in its project and sent nowhere else. */
const wanted = `SELECT r.run_id FROM runs r WHERE r.device_id = w.device_id AND r.status IN ${activeStatuses}
  UNION ALL SELECT q.run_id FROM runs q WHERE q.org_id = w.org_id AND q.project_id = w.project_id AND q.kind = 'cell' AND q.status = 'queued' AND q.asks IS NULL AND (q.chosen_device IS NULL OR q.chosen_device = w.device_id)`

/** Notes of those that are in use that they are; by the hub's clock, since what a worker says of times is its own. */
export async function usedWorkers(tx: Tx, a: { hub: string; now: number }): Promise<void> {
  await tx.run(`UPDATE workers AS w SET used_at = ? WHERE w.hub = ? AND w.state = 'up' AND EXISTS (${wanted})`, [
    a.now,
    a.hub,
  ])
}

/** A run was given to this device. */
export async function usedWorker(tx: Tx, a: { device: DeviceId; now: number }): Promise<void> {
  await tx.run('UPDATE workers SET used_at = ? WHERE device_id = ?', [a.now, a.device])
}

/** Workers of a hub that nobody has used since then. */
export async function idleWorkers(tx: Tx, a: { hub: string; since: number }): Promise<WorkerRow[]> {
  const rows = await tx.all<Stored>(
    `SELECT ${columns} FROM workers w WHERE w.hub = ? AND w.state = 'up' AND w.used_at < ?
    AND NOT EXISTS (${wanted})
    AND NOT EXISTS (SELECT 1 FROM heads n WHERE n.device_id = w.device_id AND n.created_at >= ?)`,
    [a.hub, a.since, a.since],
  )
  return rows.map(workerOf)
}

/** From here on it is given nothing. With `unless` it must not have been used since then. */
export async function stopWorker(tx: Tx, a: { org: OrgId; id: WorkerId; unless?: number }): Promise<boolean> {
  const row = await tx.get<Stored>(`SELECT ${columns} FROM workers w WHERE w.org_id = ? AND w.worker_id = ?`, [
    a.org,
    a.id,
  ])
  if (!row || row.state === 'stopping') return false
  if (a.unless !== undefined) {
    const idle = await idleWorkers(tx, { hub: row.hub, since: a.unless })
    if (!idle.some(({ id }) => id === a.id)) return false
  }
  await tx.run("UPDATE workers SET state = 'stopping', token_hash = NULL WHERE org_id = ? AND worker_id = ?", [
    a.org,
    a.id,
  ])
  return true
}

/** Whether a run may be given to this device as far as workers go. */
export async function isStopping(tx: Tx, device: DeviceId): Promise<boolean> {
  const row = await tx.get("SELECT worker_id FROM workers WHERE device_id = ? AND state = 'stopping'", [device])
  return row !== undefined
}

export interface EndedWorker {
  device: DeviceId | null
  ended: RevokedDevice | null
}

/** The worker is gone: its device, its heads and its runs end with it (CP15). */
export async function endWorker(
  tx: Tx,
  a: { org: OrgId; id: WorkerId; reason: string; now: number },
): Promise<EndedWorker | null> {
  const row = await tx.get<Stored>(`SELECT ${columns} FROM workers w WHERE w.org_id = ? AND w.worker_id = ?`, [
    a.org,
    a.id,
  ])
  if (!row) return null
  await tx.run('DELETE FROM workers WHERE org_id = ? AND worker_id = ?', [a.org, a.id])
  const { device } = row
  const ended = device && (await revokeDevice(tx, { owner: a.org, id: device, reason: a.reason, now: a.now }))
  return { device, ended: ended ?? null }
}
