/** How much was run, by day. */
import type { Activity } from '@meshbook/core/api.ts'
import type { OrgId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

const dayMs = 86_400_000

export async function runsByDay(tx: Tx, a: { org: OrgId; from: number; to: number }): Promise<Activity> {
  const rows = await tx.all<{ day: number; runs: number; failed: number }>(
    `SELECT requested_at / ${dayMs} AS day, COUNT(*) AS runs, SUM(CASE WHEN status IN ('failed', 'interrupted') THEN 1 ELSE 0 END) AS failed
    FROM runs WHERE org_id = ? AND requested_at >= ? AND requested_at < ? GROUP BY 1 ORDER BY 1 DESC LIMIT ?`,
    [a.org, a.from, a.to, limits.pageRows],
  )
  const days = rows.map(({ day, runs, failed }) => ({
    day: new Date(Number(day) * dayMs).toISOString().slice(0, 10),
    runs: Number(runs),
    failed: Number(failed),
  }))
  return { from: a.from, to: a.to, days }
}
