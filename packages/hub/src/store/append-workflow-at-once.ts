/**
 * What `appendWorkflow` does, on PostgreSQL, for a group that begins, asks and ends nothing: one statement, so that a step
 * is one round trip. The state machine has nothing to decide there but fence and number (WQ4).
 */
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { assetsOfEvent } from './asset-references.ts'
import type { LoggedEvent } from './run-log.ts'
import { type AppendingWorkflow, appendWorkflow, type WorkflowAppended } from './workflow-runs.ts'

const append = `WITH held AS (
    SELECT run_id FROM runs WHERE org_id = ? AND run_id = ? AND fence = ? AND seq = ? AND status IN ('running', 'waiting-for-gate')
  ), added AS (
    INSERT INTO run_events (org_id, run_id, seq, event)
    SELECT ?, held.run_id, ?::bigint + e.number, e.text FROM held, json_array_elements_text(?::json) WITH ORDINALITY AS e (text, number)
  )
  UPDATE runs SET seq = ?::bigint, log_bytes = log_bytes + ?::bigint, resume_seq = NULL, state = jsonb_set(state::jsonb, '{seq}', to_jsonb(?::bigint))::text
  FROM held WHERE runs.org_id = ? AND runs.run_id = held.run_id RETURNING runs.seq AS seq`

export async function appendWorkflowAtOnce(tx: Tx, a: AppendingWorkflow): Promise<WorkflowAppended> {
  if (!a.events.every(isPlain)) return appendWorkflow(tx, a)
  const before = a.first - 1
  const seq = before + a.events.length
  const texts = a.events.map(({ text }) => text)
  const bytes = texts.reduce((sum, text) => sum + text.length, 0)
  const saved = await tx.get(append, [
    ...[a.org, a.id, a.fence, before],
    ...[a.org, before, JSON.stringify(texts)],
    ...[seq, bytes, seq, a.org],
  ])
  // Why not, the procedure says that asks for each by itself.
  return saved ? { seq, run: null, gates: false } : appendWorkflow(tx, a)
}

function isPlain({ event }: LoggedEvent): boolean {
  return event.type === 'workflow' && assetsOfEvent(event).length === 0
}
