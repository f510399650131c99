/** Places of concurrency keys: asked for in an order, given in it, and given back with the end of a run (WQ30, WQ31). */
import type { OrgId, RunId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { keepEnd } from './workflow-ends.ts'
import { tellWorkflow } from './workflow-inbox.ts'

interface Run {
  org: OrgId
  id: RunId
}

interface PlaceRow {
  id: RunId
  isIn: number
}

export async function enterWorkflowPlace(
  tx: Tx,
  a: Run & { key: string; limit: number; onConflict: 'queue' | 'reject' | 'replace'; now: number },
): Promise<'entered' | 'refused' | 'waits'> {
  const open = await tx.get('SELECT 1 AS one FROM workflow_runs WHERE org_id = ? AND run_id = ? AND is_open = 1', [
    a.org,
    a.id,
  ])
  // One that has ended meanwhile would never give its place back.
  if (!open) return 'refused'
  const rows = await tx.all<PlaceRow>(
    'SELECT run_id AS id, is_in AS "isIn" FROM workflow_places WHERE org_id = ? AND place_key = ? ORDER BY number',
    [a.org, a.key],
  )
  const own = rows.find(({ id }) => id === a.id)
  if (own?.isIn === 1) return 'entered'
  const within = rows.filter(({ isIn }) => isIn === 1)
  const before = rows.filter(({ isIn }) => isIn === 0).findIndex(({ id }) => id === a.id)
  const waitBefore = before === -1 ? rows.length - within.length : before
  const mayEnter = within.length + waitBefore < a.limit
  if (!mayEnter && a.onConflict === 'reject') return 'refused'
  await tx.run(
    `INSERT INTO workflow_places (org_id, place_key, run_id, number, is_in)
    SELECT ?, ?, ?, COALESCE(MAX(number), 0) + 1, ? FROM workflow_places WHERE org_id = ? AND place_key = ?
    ON CONFLICT (org_id, place_key, run_id) DO UPDATE SET is_in = excluded.is_in`,
    [a.org, a.key, a.id, mayEnter ? 1 : 0, a.org, a.key],
  )
  if (mayEnter) return 'entered'
  if (a.onConflict === 'replace') for (const { id } of within) await replace(tx, a, id)
  return 'waits'
}

async function replace(tx: Tx, by: Run & { now: number }, id: RunId): Promise<void> {
  const key = `replaced ${by.id}`
  const known = await tx.get('SELECT 1 AS one FROM workflow_inbox WHERE org_id = ? AND run_id = ? AND item_key = ?', [
    by.org,
    id,
    key,
  ])
  if (known) return
  const item = { type: 'cancel' as const, by: null, reason: `replaced by ${by.id}` }
  await tellWorkflow(tx, { org: by.org, id, item, key, now: by.now })
}

/** With the end of any run, whoever wrote it: nobody carries it on any more, and whoever waits for its places is due. */
export async function settleWorkflow(tx: Tx, a: Run & { now: number }): Promise<void> {
  const { changes } = await tx.run(
    "UPDATE workflow_runs SET is_open = 0, due_at = NULL, executor = NULL, waits = '' WHERE org_id = ? AND run_id = ? AND is_open = 1",
    [a.org, a.id],
  )
  if (changes === 0) return
  await keepEnd(tx, a)
  await tx.run('DELETE FROM workflow_checkpoints WHERE org_id = ? AND run_id = ?', [a.org, a.id])
  const keys = await tx.all<{ key: string }>(
    'SELECT place_key AS key FROM workflow_places WHERE org_id = ? AND run_id = ?',
    [a.org, a.id],
  )
  await tx.run('DELETE FROM workflow_places WHERE org_id = ? AND run_id = ?', [a.org, a.id])
  for (const { key } of keys) await wakeNext(tx, a, key)
}

/** The first that waits takes its place itself when it is carried on; one that is just being put aside is due then. */
async function wakeNext(tx: Tx, a: { org: OrgId; now: number }, key: string): Promise<void> {
  await tx.run(
    `UPDATE workflow_runs SET woken = 1, due_at = CASE WHEN executor IS NULL THEN CAST(? AS BIGINT) ELSE due_at END WHERE org_id = ? AND is_open = 1 AND run_id IN
    (SELECT run_id FROM workflow_places WHERE org_id = ? AND place_key = ? AND is_in = 0 ORDER BY number LIMIT 1)`,
    [a.now, a.org, a.org, key],
  )
}
