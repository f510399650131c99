/** Procedures that let the logs of ended runs expire, and much later the runs themselves (RU40–RU42). */
import type { OrgId, ProjectId, RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { addReferences, assetsOfEvent, dropReferences } from './asset-references.ts'

export interface NamedRun {
  org: OrgId
  id: RunId
}

/** Ended runs whose logs are older than their project says, or else the hub, the oldest first of each (RU40, RU43). */
export async function oldLogs(tx: Tx, a: { endedBefore: number; now: number }): Promise<NamedRun[]> {
  const found = await tx.all<NamedRun>(
    `SELECT org_id AS org, run_id AS id FROM runs WHERE log_expired_at IS NULL AND ended_at < ?
    AND NOT EXISTS (SELECT 1 FROM projects p WHERE p.project_id = runs.project_id AND p.log_days IS NOT NULL) ORDER BY ended_at LIMIT ?`,
    [a.endedBefore, limits.runRetentionRows],
  )
  const own = await tx.all<{ org: OrgId; project: ProjectId; days: number }>(
    'SELECT org_id AS org, project_id AS project, log_days AS days FROM projects WHERE log_days IS NOT NULL ORDER BY project_id',
  )
  for (const { org, project, days } of own) {
    const rows = limits.runRetentionRows - found.length
    if (rows <= 0) break
    const of = await tx.all<NamedRun>(
      'SELECT org_id AS org, run_id AS id FROM runs WHERE org_id = ? AND project_id = ? AND log_expired_at IS NULL AND ended_at < ? ORDER BY ended_at LIMIT ?',
      [org, project, a.now - Number(days) * dayMs, rows],
    )
    found.push(...of)
  }
  return found
}

const dayMs = 86_400_000

export async function retentionOf(tx: Tx, a: { org: OrgId; project: ProjectId }): Promise<number | null> {
  const row = await tx.get<{ days: number | null }>(
    'SELECT log_days AS days FROM projects WHERE org_id = ? AND project_id = ?',
    [a.org, a.project],
  )
  return row?.days == null ? null : Number(row.days)
}

/** True where there is such a project. */
export async function setRetention(
  tx: Tx,
  a: { org: OrgId; project: ProjectId; days: number | null },
): Promise<boolean> {
  const done = await tx.run('UPDATE projects SET log_days = ? WHERE org_id = ? AND project_id = ?', [
    a.days,
    a.org,
    a.project,
  ])
  return done.changes > 0
}

/** Of each project whose logs are too large together, the oldest ended runs that make it small enough. */
export async function excessLogs(tx: Tx, a: { mostBytes: number }): Promise<NamedRun[]> {
  const large = await tx.all<{ org: OrgId; project: ProjectId; bytes: number }>(
    'SELECT org_id AS org, project_id AS project, SUM(log_bytes) AS bytes FROM runs WHERE log_expired_at IS NULL GROUP BY org_id, project_id HAVING SUM(log_bytes) > ?',
    [a.mostBytes],
  )
  const excess: NamedRun[] = []
  for (const { org, project, bytes } of large)
    excess.push(...(await oldestOf(tx, org, project, Number(bytes) - a.mostBytes)))
  return excess
}

async function oldestOf(tx: Tx, org: OrgId, project: ProjectId, tooMuch: number): Promise<NamedRun[]> {
  const ended = await tx.all<{ id: RunId; bytes: number }>(
    'SELECT run_id AS id, log_bytes AS bytes FROM runs WHERE org_id = ? AND project_id = ? AND log_expired_at IS NULL AND ended_at IS NOT NULL ORDER BY ended_at, run_id LIMIT ?',
    [org, project, limits.runRetentionRows],
  )
  let rest = tooMuch
  return ended.flatMap(({ id, bytes }) => {
    if (rest <= 0) return []
    rest -= bytes
    return [{ org, id }]
  })
}

/** The whole log goes at once; the last result stays with the run. A run that goes on keeps its log. */
export async function expireLog(tx: Tx, a: NamedRun & { now: number }): Promise<boolean> {
  const run = await tx.get(
    'SELECT run_id FROM runs WHERE org_id = ? AND run_id = ? AND ended_at IS NOT NULL AND log_expired_at IS NULL',
    [a.org, a.id],
  )
  if (!run) return false
  const result = await lastResult(tx, a)
  await tx.run('DELETE FROM run_events WHERE org_id = ? AND run_id = ?', [a.org, a.id])
  await tx.run('UPDATE gates SET shown = NULL WHERE org_id = ? AND run_id = ?', [a.org, a.id])
  await dropReferences(tx, { org: a.org, holder: `run:${a.id}` })
  if (result) await addReferences(tx, { org: a.org, holder: `run:${a.id}`, assets: assetsOfEvent(result) })
  await tx.run('UPDATE runs SET log_expired_at = ?, result = ? WHERE org_id = ? AND run_id = ?', [
    a.now,
    result ? JSON.stringify(result.parts) : null,
    a.org,
    a.id,
  ])
  return true
}

async function lastResult(tx: Tx, a: NamedRun): Promise<Extract<RunEvent, { type: 'result' }> | undefined> {
  const row = await tx.get<{ event: string }>(
    `SELECT event FROM run_events WHERE org_id = ? AND run_id = ? AND event LIKE '{"type":"result"%' ORDER BY seq DESC LIMIT 1`,
    [a.org, a.id],
  )
  if (!row || row.event.length > limits.runResultBytes) return undefined
  const event = JSON.parse(row.event) as RunEvent
  return event.type === 'result' ? event : undefined
}

/** What tasks were and came to is kept until somebody deletes it (TK44). */
export async function oldRecords(tx: Tx, a: { endedBefore: number }): Promise<NamedRun[]> {
  return tx.all(
    "SELECT org_id AS org, run_id AS id FROM runs WHERE log_expired_at IS NOT NULL AND ended_at < ? AND kind <> 'task' ORDER BY ended_at LIMIT ?",
    [a.endedBefore, limits.runRetentionRows],
  )
}

export async function dropRecord(tx: Tx, a: NamedRun): Promise<boolean> {
  const { changes } = await tx.run(
    'DELETE FROM runs WHERE org_id = ? AND run_id = ? AND ended_at IS NOT NULL AND log_expired_at IS NOT NULL',
    [a.org, a.id],
  )
  if (changes === 0) return false
  for (const table of ['workflow_inbox', 'workflow_runs'])
    await tx.run(`DELETE FROM ${table} WHERE org_id = ? AND run_id = ?`, [a.org, a.id])
  await tx.run('DELETE FROM gates WHERE org_id = ? AND run_id = ?', [a.org, a.id])
  await dropReferences(tx, { org: a.org, holder: `run:${a.id}` })
  return true
}
