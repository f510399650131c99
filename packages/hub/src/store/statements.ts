/** The ledger of a month by project, member and model: every call that began in it, once (GW60, GW61). */

import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Statement, StatementRow } from '@meshbook/core/models-api.ts'
import { boundsOf } from '@meshbook/core/months.ts'
import { sumOfRows } from '@meshbook/core/statement.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

interface Row {
  project: string | null
  user: string
  provider: string
  model: string
  price: string
  calls: number
  input: number
  output: number
  read: number
  written: number
  microUsd: number
}

export async function modelStatement(tx: Tx, a: { org: OrgId; month: string; now: number }): Promise<Statement> {
  const { from, to } = boundsOf(a.month)
  const range = [a.org, from, to]
  const found = await tx.all<Row>(
    `SELECT project_id AS project, user_id AS "user", provider, model, price, COUNT(*) AS calls, SUM(input_tokens) AS input, SUM(output_tokens) AS output, SUM(cache_read_tokens) AS "read", SUM(cache_write_tokens) AS written, SUM(micro_usd) AS "microUsd"
    FROM model_calls WHERE org_id = ? AND began_at >= ? AND began_at < ? AND state <> 'held' GROUP BY project_id, user_id, provider, model, price
    ORDER BY COALESCE(project_id, ''), user_id, provider, model, price LIMIT ?`,
    [...range, limits.statementRows + 1],
  )
  // A statement that leaves something out is none.
  if (found.length > limits.statementRows)
    throw new MeshError('TOO_MANY', { detail: `more than ${limits.statementRows} rows in ${a.month}` })
  const open = (await tx.get<{ calls: number; held: number }>(
    "SELECT COUNT(*) AS calls, COALESCE(SUM(held_usd), 0) AS held FROM model_calls WHERE org_id = ? AND began_at >= ? AND began_at < ? AND state = 'held'",
    range,
  ))!
  const rows = await named(tx, a.org, found)
  return {
    ...{ month: a.month, zone: 'UTC', from, to, org: a.org },
    isFinal: a.now >= to && Number(open.calls) === 0,
    open: { calls: Number(open.calls), microUsd: Number(open.held) },
    total: sumOfRows(rows),
    rows,
  }
}

async function named(tx: Tx, org: OrgId, found: readonly Row[]): Promise<StatementRow[]> {
  const projects = await tx.all<{ id: string; name: string }>(
    'SELECT project_id AS id, name FROM projects WHERE org_id = ?',
    [org],
  )
  const projectNames = new Map(projects.map(({ id, name }) => [id, name]))
  const userNames = new Map<string, string | null>()
  for (const { user } of found)
    if (!userNames.has(user)) {
      const known = await tx.get<{ name: string }>('SELECT name FROM users WHERE user_id = ?', [user])
      userNames.set(user, known?.name ?? null)
    }
  return found.map(({ project, user, provider, model, price, calls, input, output, read, written, microUsd }) => ({
    ...{ project, projectName: project === null ? null : (projectNames.get(project) ?? null) },
    ...{ user, userName: userNames.get(user) ?? null, provider, model, price, calls: Number(calls) },
    usage: {
      inputTokens: Number(input),
      outputTokens: Number(output),
      cacheReadTokens: Number(read),
      cacheWriteTokens: Number(written),
    },
    microUsd: Number(microUsd),
  }))
}
