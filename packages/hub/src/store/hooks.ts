/** Procedures over hooks and what was delivered to them (GT62, GT65). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { HookDelivery, HookKind } from '@meshbook/core/hooks-api.ts'
import type { HookId, OrgId, ProjectId, RunId, TriggerId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import type { Asker } from './places.ts'

export interface HookRow {
  org: OrgId
  user: UserId
  id: HookId
  name: string
  kind: HookKind
  project: ProjectId
  repo: string
  /** JSON of what starts its tasks and what they are like. */
  rules: string
  /** The secret, sealed with the hub's master key. */
  sealed: string
  createdAt: number
  rotatedAt: number
  lastAt: number | null
  lastOutcome: string | null
  offAt: number | null
}

const columns =
  'org_id AS org, user_id AS "user", hook_id AS id, name, kind, project_id AS project, repo, rules, sealed, created_at AS "createdAt", rotated_at AS "rotatedAt", last_at AS "lastAt", last_outcome AS "lastOutcome", off_at AS "offAt"'

type NewHookRow = Omit<HookRow, 'createdAt' | 'rotatedAt' | 'lastAt' | 'lastOutcome' | 'offAt'> & { now: number }

export async function addHook(tx: Tx, a: NewHookRow): Promise<HookRow> {
  const { count } = (await tx.get<{ count: number }>('SELECT COUNT(*) AS count FROM hooks WHERE org_id = ?', [a.org]))!
  if (count >= limits.hooksPerOrg) throw new MeshError('TOO_MANY', { detail: `${limits.hooksPerOrg} hooks` })
  await tx.run(
    'INSERT INTO hooks (org_id, user_id, hook_id, name, kind, project_id, repo, rules, sealed, created_at, rotated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    [a.org, a.user, a.id, a.name, a.kind, a.project, a.repo, a.rules, a.sealed, a.now, a.now],
  )
  return (await findHook(tx, a))!
}

export async function findHook(tx: Tx, a: { id: HookId }): Promise<HookRow | null> {
  return (await tx.get<HookRow>(`SELECT ${columns} FROM hooks WHERE hook_id = ?`, [a.id])) ?? null
}

export async function listHooks(tx: Tx, a: Asker): Promise<HookRow[]> {
  return tx.all<HookRow>(`SELECT ${columns} FROM hooks WHERE org_id = ? AND user_id = ? ORDER BY created_at, hook_id`, [
    a.org,
    a.user,
  ])
}

/** False where the user has no such hook. */
export async function removeHook(tx: Tx, a: Asker & { id: HookId }): Promise<boolean> {
  const gone = await tx.run('DELETE FROM hooks WHERE org_id = ? AND user_id = ? AND hook_id = ?', [a.org, a.user, a.id])
  if (gone.changes === 0) return false
  for (const table of ['hook_deliveries', 'hook_outcomes'])
    await tx.run(`DELETE FROM ${table} WHERE org_id = ? AND hook_id = ?`, [a.org, a.id])
  return true
}

export async function rotateHook(
  tx: Tx,
  a: Asker & { id: HookId; sealed: string; now: number },
): Promise<HookRow | null> {
  const done = await tx.run(
    'UPDATE hooks SET sealed = ?, rotated_at = ? WHERE org_id = ? AND user_id = ? AND hook_id = ?',
    [a.sealed, a.now, a.org, a.user, a.id],
  )
  return done.changes === 0 ? null : findHook(tx, a)
}

/** Since when it is off stays where it was off already. */
export async function turnHook(
  tx: Tx,
  a: Asker & { id: HookId; isOff: boolean; now: number },
): Promise<HookRow | null> {
  const done = await tx.run(
    'UPDATE hooks SET off_at = CASE WHEN ? = 0 THEN NULL ELSE COALESCE(off_at, ?) END WHERE org_id = ? AND user_id = ? AND hook_id = ?',
    [a.isOff ? 1 : 0, a.now, a.org, a.user, a.id],
  )
  return done.changes === 0 ? null : findHook(tx, a)
}

/** Null where the user has no such hook. */
export async function listHookOutcomes(tx: Tx, a: Asker & { id: HookId }): Promise<HookDelivery[] | null> {
  const hook = await findHook(tx, a)
  if (!hook || hook.org !== a.org || hook.user !== a.user) return null
  const rows = await tx.all<HookDelivery>(
    'SELECT at AS at, outcome AS outcome, task_id AS task, reason AS reason FROM hook_outcomes WHERE org_id = ? AND hook_id = ? ORDER BY number DESC',
    [a.org, a.id],
  )
  return rows.map(row => ({ ...row, at: Number(row.at) }))
}

/** The oldest go where there are too many. Of a hook or of a trigger of a workflow. */
export async function addOutcome(
  tx: Tx,
  a: { org: OrgId; hook: HookId | TriggerId; at: number; outcome: string; task: RunId | null; reason: string | null },
): Promise<void> {
  const { last } = (await tx.get<{ last: number }>(
    'SELECT COALESCE(MAX(number), 0) AS last FROM hook_outcomes WHERE org_id = ? AND hook_id = ?',
    [a.org, a.hook],
  ))!
  const number = Number(last) + 1
  await tx.run(
    'INSERT INTO hook_outcomes (org_id, hook_id, number, at, outcome, task_id, reason) VALUES (?, ?, ?, ?, ?, ?, ?)',
    [a.org, a.hook, number, a.at, a.outcome, a.task, a.reason],
  )
  await tx.run('DELETE FROM hook_outcomes WHERE org_id = ? AND hook_id = ? AND number <= ?', [
    a.org,
    a.hook,
    number - limits.deliveriesPerHook,
  ])
}

/** Without a good signature: anybody can send such, so it is noted once a while, and is no last delivery. */
export async function noteHookRefusal(
  tx: Tx,
  a: { org: OrgId; hook: HookId | TriggerId; reason: string; now: number; since: number },
): Promise<boolean> {
  const hook = await tx.get(
    'SELECT hook_id FROM hooks WHERE org_id = ? AND hook_id = ? UNION ALL SELECT trigger_id FROM workflow_triggers WHERE org_id = ? AND trigger_id = ?',
    [a.org, a.hook, a.org, a.hook],
  )
  const recent = await tx.get(
    "SELECT 1 AS one FROM hook_outcomes WHERE org_id = ? AND hook_id = ? AND outcome = 'refused' AND at > ? LIMIT 1",
    [a.org, a.hook, a.since],
  )
  if (!hook || recent) return false
  await addOutcome(tx, { org: a.org, hook: a.hook, at: a.now, outcome: 'refused', task: null, reason: a.reason })
  return true
}

/** By its number or by its bytes. */
export async function findHookDelivery(
  tx: Tx,
  a: { org: OrgId; hook: HookId | TriggerId; delivery: string; digest: string },
): Promise<{ task: RunId | null } | null> {
  const row = await tx.get<{ task: RunId | null }>(
    'SELECT task_id AS task FROM hook_deliveries WHERE org_id = ? AND hook_id = ? AND (digest = ? OR delivery = ?) LIMIT 1',
    [a.org, a.hook, a.digest, a.delivery],
  )
  return row ?? null
}

/** `seen`: null where nothing of it is to be known again. What is older than `before` is forgotten. */
export async function noteHookDelivery(
  tx: Tx,
  a: {
    org: OrgId
    hook: HookId
    seen: { delivery: string; digest: string } | null
    task: RunId | null
    /** Why nothing was started. */
    reason: string | null
    outcome: string
    now: number
    before: number
  },
): Promise<void> {
  await tx.run('UPDATE hooks SET last_at = ?, last_outcome = ? WHERE org_id = ? AND hook_id = ?', [
    a.now,
    a.outcome,
    a.org,
    a.hook,
  ])
  await tx.run('DELETE FROM hook_deliveries WHERE org_id = ? AND hook_id = ? AND at < ?', [a.org, a.hook, a.before])
  const outcome = a.task === null ? 'ignored' : 'started'
  await addOutcome(tx, { org: a.org, hook: a.hook, at: a.now, outcome, task: a.task, reason: a.reason })
  if (!a.seen) return
  await tx.run(
    'INSERT INTO hook_deliveries (org_id, hook_id, digest, delivery, task_id, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (org_id, hook_id, digest) DO NOTHING',
    [a.org, a.hook, a.seen.digest, a.seen.delivery, a.task, a.now],
  )
}
