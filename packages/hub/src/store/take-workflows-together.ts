/**
 * What `takeWorkflowRun` does, on PostgreSQL, for all calls that wait together: one look and one statement that takes
 * them (WQ10). What begins with large results, the portable procedure takes.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import { type OrgId, type ProjectId, parseFence, parseSeq, type RunId, type UserId } from '@meshbook/core/ids.ts'
import { hasEnded, type RunState, stepRun } from '@meshbook/core/run.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { assetsOfEvent } from './asset-references.ts'
import { logged } from './run-log.ts'
import { openingOf, type TakenWorkflowRun, type Taking, takeWorkflowRun } from './workflow-runs.ts'

interface DueRow {
  id: RunId
  opening: string
  inbox: number
  due: number
  state: string
  project: ProjectId
  askedOrg: OrgId | null
  askedBy: UserId | null
}

const look = `SELECT w.run_id AS id, w.opening AS opening, w.inbox AS inbox, w.due_at AS due, r.state AS state, r.project_id AS project, r.asked_org AS "askedOrg", r.asked_by AS "askedBy"
  FROM workflow_runs w JOIN runs r ON r.org_id = w.org_id AND r.run_id = w.run_id
  WHERE w.org_id = ? AND w.run_id IN (SELECT json_array_elements_text(?::json)) AND w.is_open = 1 AND w.due_at IS NOT NULL`

const take = `WITH taken AS (
    SELECT * FROM json_to_recordset(?::json) AS t (id text, executor text, lease bigint, fence bigint, seq bigint, bytes bigint, status text, state text, started bigint, texts json)
  ), added AS (
    INSERT INTO run_events (org_id, run_id, seq, event)
    SELECT ?, taken.id, e.number, e.text FROM taken, json_array_elements_text(taken.texts) WITH ORDINALITY AS e (text, number)
  ), held AS (
    UPDATE workflow_runs w SET executor = taken.executor, fence = taken.fence, due_at = taken.lease, woken = 0, waits = '' FROM taken WHERE w.org_id = ? AND w.run_id = taken.id
  )
  UPDATE runs r SET status = taken.status, state = taken.state, seq = taken.seq, fence = taken.fence, log_bytes = r.log_bytes + taken.bytes, started_at = COALESCE(r.started_at, taken.started)
  FROM taken WHERE r.org_id = ? AND r.run_id = taken.id`

export async function takeWorkflowsTogether(tx: Tx, calls: readonly Taking[]): Promise<(TakenWorkflowRun | null)[]> {
  const { org } = calls[0]!
  const rows = await tx.all<DueRow>(look, [org, JSON.stringify(calls.map(({ id }) => id))])
  const due = new Map(rows.map(row => [row.id, row]))
  const found = calls.map(call => {
    const row = due.get(call.id)
    due.delete(call.id)
    return row && row.due <= call.now ? takenFrom(call, row) : null
  })
  const written = found.flatMap(one => (one && one !== 'large' ? [one.columns] : []))
  if (written.length > 0) await tx.run(take, [JSON.stringify(written), org, org, org])
  const taken: (TakenWorkflowRun | null)[] = []
  for (const [i, one] of found.entries())
    taken.push(one === 'large' ? await takeWorkflowRun(tx, calls[i]!) : (one?.run ?? null))
  return taken
}

function takenFrom(call: Taking, row: DueRow) {
  const before = JSON.parse(row.state) as RunState
  if (hasEnded(before.status)) return null
  const fence = parseFence('fence' in before ? before.fence + 1 : 1)
  const opening = before.seq === 0 ? openingOf(row.opening, call.now) : null
  if (opening?.some(event => event.type !== 'workflow' || assetsOfEvent(event).length > 0)) return 'large'
  let state = granted(call, stepRun(before, { type: 'leased', fence }))
  for (const [i, event] of opening?.entries() ?? [])
    state = granted(call, stepRun(state, { type: 'event', fence, seq: parseSeq(i + 1), event }))
  const texts = opening?.map(event => logged(event).text) ?? []
  const { project, inbox, askedOrg, askedBy } = row
  const asker = askedOrg !== null && askedBy !== null ? { org: askedOrg, user: askedBy } : null
  const run: TakenWorkflowRun = { org: call.org, id: call.id, project, fence, seq: state.seq, inbox, asker, opening }
  const columns = {
    ...{ id: call.id, executor: call.executor, lease: call.leaseUntil, fence, seq: state.seq, texts },
    bytes: texts.reduce((sum, text) => sum + text.length, 0),
    ...{ status: state.status, state: JSON.stringify(state) },
    started: 'startedAt' in state ? state.startedAt : null,
  }
  return { run, columns }
}

function granted({ id }: Taking, state: ReturnType<typeof stepRun>): RunState {
  if ('refused' in state) throw new MeshError('INTERNAL', { detail: `the fence of run ${id}: ${state.refused}` })
  return state
}
