/**
 * What `appendWorkflow` does, on PostgreSQL, for groups that ask nothing, and for ends that nobody is told of, and neither a
 * place nor a trigger waits for: one statement for all calls that wait together. The state machine has nothing to decide there but fence and
 * number (WQ4); whatever the statement leaves out, the portable procedure does.
 */

import { parseSeq, type RunId, type Seq } from '@meshbook/core/ids.ts'
import { type RunEvent, type RunState, stepRun } from '@meshbook/core/run.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { assetsOfEvent } from './asset-references.ts'
import type { LoggedEvent } from './run-log.ts'
import { showRuns } from './run-rows.ts'
import { runTag } from './tell-runs.ts'
import { type AppendingWorkflow, appendWorkflow, type WorkflowAppended } from './workflow-runs.ts'

const append = `WITH asked AS (
    SELECT * FROM json_to_recordset(?::json) AS a (id text, fence bigint, before bigint, seq bigint, bytes bigint, texts json, ends boolean, tag text, status text, state text, ended_at bigint, duration_ms bigint, error text)
  ), held AS (
    SELECT a.* FROM asked a JOIN runs r ON r.org_id = ? AND r.run_id = a.id AND r.fence = a.fence AND r.seq = a.before
    WHERE CASE WHEN a.ends THEN r.status = 'running' AND r.asked_org = r.org_id AND r.asked_by IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM ways y WHERE y.org_id = r.asked_org AND y.user_id = r.asked_by)
        AND NOT EXISTS (SELECT 1 FROM workflow_places p WHERE p.org_id = r.org_id AND p.run_id = r.run_id)
        AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.tag = a.tag)
        AND NOT EXISTS (SELECT 1 FROM workflow_triggers t WHERE t.org_id = r.org_id AND t.project_id = r.project_id AND t.kind = 'run')
      ELSE r.status IN ('running', 'waiting-for-gate') END
  ), added AS (
    INSERT INTO run_events (org_id, run_id, seq, event)
    SELECT ?, held.id, held.before + e.number, e.text FROM held, json_array_elements_text(held.texts) WITH ORDINALITY AS e (text, number)
  ), settled AS (
    UPDATE workflow_runs w SET is_open = 0, due_at = NULL, executor = NULL, waits = '' FROM held WHERE held.ends AND w.org_id = ? AND w.run_id = held.id AND w.is_open = 1
  ), gone AS (
    DELETE FROM workflow_checkpoints c USING held WHERE held.ends AND c.org_id = ? AND c.run_id = held.id
  )
  UPDATE runs r SET seq = held.seq, log_bytes = r.log_bytes + held.bytes, resume_seq = NULL,
    state = CASE WHEN held.ends THEN held.state ELSE jsonb_set(r.state::jsonb, '{seq}', to_jsonb(held.seq))::text END,
    status = CASE WHEN held.ends THEN held.status ELSE r.status END,
    ended_at = held.ended_at, duration_ms = held.duration_ms, error = held.error
  FROM held WHERE r.org_id = ? AND r.run_id = held.id RETURNING r.run_id AS id`

export async function appendWorkflowAtOnce(tx: Tx, a: AppendingWorkflow): Promise<WorkflowAppended> {
  return (await appendWorkflowsTogether(tx, [a]))[0]!
}

/** Of one org. A run that is named twice has its second group behind the others. */
export async function appendWorkflowsTogether(
  tx: Tx,
  calls: readonly AppendingWorkflow[],
): Promise<WorkflowAppended[]> {
  const seen = new Set<RunId>()
  const asked = calls.flatMap(call => {
    if (seen.has(call.id)) return []
    seen.add(call.id)
    return askedFor(call) ?? []
  })
  const { org } = calls[0]!
  const rows =
    asked.length === 0 ? [] : await tx.all<{ id: RunId }>(append, [JSON.stringify(asked), org, org, org, org, org])
  const saved = new Set(rows.map(({ id }) => id))
  const ended = await showRuns(tx, { org, ids: asked.flatMap(one => (one.ends && saved.has(one.id) ? [one.id] : [])) })
  const done: WorkflowAppended[] = []
  for (const call of calls) {
    // Why not, the procedure says that asks for each by itself.
    if (!saved.delete(call.id)) done.push(await appendWorkflow(tx, call))
    else done.push({ seq: call.first - 1 + call.events.length, run: ended.get(call.id) ?? null, gates: false })
  }
  return done
}

function askedFor(call: AppendingWorkflow) {
  const last = call.events.at(-1)?.event
  const ends = last !== undefined && isEnd(last)
  if (!(ends ? call.events.slice(0, -1) : call.events).every(isPlain)) return undefined
  const before = call.first - 1
  const seq = parseSeq(before + call.events.length)
  const texts = call.events.map(({ text }) => text)
  return {
    ...{ id: call.id, fence: call.fence, before, seq, texts, ends },
    bytes: texts.reduce((sum, text) => sum + text.length, 0),
    ...(ends && { tag: runTag(call.org, call.id), ...endOf(call, seq, last) }),
  }
}

/** What the columns of the run say once it has ended. */
function endOf({ fence }: AppendingWorkflow, seq: Seq, event: RunEvent) {
  const before: RunState = { status: 'running', seq: parseSeq(seq - 1), fence, startedAt: 0 }
  const state = stepRun(before, { type: 'event', fence, seq, event })
  if (!('endedAt' in state)) return {}
  const { status, endedAt, durationMs, error } = state
  return {
    ...{ status, state: JSON.stringify(state), ended_at: endedAt, duration_ms: durationMs },
    ...(error && { error: JSON.stringify(error) }),
  }
}

function isEnd({ type }: RunEvent): boolean {
  return type === 'completed' || type === 'failed' || type === 'cancelled'
}

function isPlain({ event }: LoggedEvent): boolean {
  return event.type === 'workflow' && assetsOfEvent(event).length === 0
}
