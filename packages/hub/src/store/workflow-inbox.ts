/** What is sent to runs of workflows: numbered, in its order, once (WQ20–WQ22). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Sent } from '@meshbook/engine/workflow/sent.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

type Unnumbered<T> = T extends unknown ? Omit<T, 'inbox'> : never
export type NewSent = Unnumbered<Sent>

/** `key`: what the same thing sent again is known by. */
export interface Sending {
  org: OrgId
  id: RunId
  item: NewSent
  key: string | null
  now: number
}

/** Its number; throws RUN_ENDED, NOT_FOUND or TOO_MANY. */
export async function sendToWorkflow(tx: Tx, a: Sending): Promise<number> {
  const known = a.key === null ? undefined : await sentAs(tx, a, a.key)
  if (known !== undefined) return known
  const number = await tellWorkflow(tx, a)
  if (number !== null) return number
  const run = await tx.get('SELECT 1 AS one FROM workflow_runs WHERE org_id = ? AND run_id = ?', [a.org, a.id])
  throw new MeshError(run ? 'RUN_ENDED' : 'NOT_FOUND', { detail: `run ${a.id}` })
}

/** Null where the run is none of a workflow, or has ended. Who holds it looks; one that nobody holds is due (WQ11). */
export async function tellWorkflow(tx: Tx, a: Sending): Promise<number | null> {
  const row = await tx.get<{ inbox: number }>(
    'UPDATE workflow_runs SET inbox = inbox + 1, due_at = CASE WHEN executor IS NULL THEN CAST(? AS BIGINT) ELSE due_at END WHERE org_id = ? AND run_id = ? AND is_open = 1 RETURNING inbox AS inbox',
    [a.now, a.org, a.id],
  )
  if (!row) return null
  if (row.inbox > limits.sentPerRun) throw new MeshError('TOO_MANY', { detail: `${row.inbox} things sent to one run` })
  await tx.run('INSERT INTO workflow_inbox (org_id, run_id, inbox, item_key, item) VALUES (?, ?, ?, ?, ?)', [
    a.org,
    a.id,
    row.inbox,
    a.key,
    JSON.stringify({ ...a.item, inbox: row.inbox }),
  ])
  return row.inbox
}

async function sentAs(tx: Tx, a: Pick<Sending, 'org' | 'id'>, key: string): Promise<number | undefined> {
  const row = await tx.get<{ inbox: number }>(
    'SELECT inbox AS inbox FROM workflow_inbox WHERE org_id = ? AND run_id = ? AND item_key = ?',
    [a.org, a.id, key],
  )
  return row?.inbox
}

/** What was sent behind a number, in its order, and as text. */
export async function readWorkflowInbox(tx: Tx, a: { org: OrgId; id: RunId; after: number }): Promise<string[]> {
  const rows = await tx.all<{ item: string }>(
    'SELECT item AS item FROM workflow_inbox WHERE org_id = ? AND run_id = ? AND inbox > ? ORDER BY inbox LIMIT 200',
    [a.org, a.id, a.after],
  )
  return rows.map(({ item }) => item)
}
