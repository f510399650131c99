/** Ends of runs that other runs may begin by: kept in the transaction of the end, so that none is lost (WQ66). */
import type { OrgId, RunId, TriggerId } from '@meshbook/core/ids.ts'
import type { RunEndTrigger } from '@meshbook/core/workflow/workflow-schema.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

/** A run of a workflow has ended: those that may start by it find it, whenever they look (WQ66). */
export async function keepEnd(tx: Tx, a: { org: OrgId; id: RunId; now: number }): Promise<void> {
  const found = await tx.all<{ id: TriggerId; starts: string; name: string }>(
    `SELECT t.trigger_id AS id, t.starts AS starts, w.name AS name FROM runs r
    JOIN workflow_runs w ON w.org_id = r.org_id AND w.run_id = r.run_id
    JOIN workflow_triggers t ON t.org_id = r.org_id AND t.project_id = r.project_id AND t.kind = 'run' AND t.enabled = 1
    WHERE r.org_id = ? AND r.run_id = ?`,
    [a.org, a.id],
  )
  for (const { id, starts, name } of found) {
    const { of } = JSON.parse(starts) as RunEndTrigger
    if (typeof of === 'string' ? of !== name : !of.includes(name)) continue
    await tx.run(
      'INSERT INTO workflow_ends (org_id, trigger_id, run_id, ended_at) VALUES (?, ?, ?, ?) ON CONFLICT (org_id, trigger_id, run_id) DO NOTHING',
      [a.org, id, a.id, a.now],
    )
  }
}
