/** Procedures over calls of models: what may be spent, what is held for calls under way, and the ledger (GW20…). */
import type { ModelCallId, OrgId, ProjectId, RunId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { noUsage, tokensOf } from '@meshbook/core/model-prices.ts'
import type { ModelBudget, ModelKey, UsageReport, UsageSum } from '@meshbook/core/models-api.ts'
import type { Usage } from '@meshbook/core/task-events.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { addToken, type NewToken } from './identity.ts'
import { holdOfMonth, type MonthReached, settleOfMonth } from './month-budgets.ts'

/** Whose budget it is: that of a task, whose cap comes with each call, or of a token, whose cap is stored. */
export type BudgetHolder = { task: RunId; cap: ModelBudget } | { token: string }

export interface NewModelCall {
  org: OrgId
  user: UserId
  id: ModelCallId
  holder: BudgetHolder
  provider: string
  model: string
  price: string
  /** The upper bound. */
  inputTokens: number
  outputTokens: number
  microUsd: number
  /** The process that holds it. */
  hub: string
  now: number
}

export interface BudgetState {
  cap: ModelBudget
  spent: { microUsd: number; tokens: number }
  held: { microUsd: number; tokens: number }
}

/** `month`: not the holder's own budget, but one of the month, could be exceeded. */
export type Held = { held: true } | { held: false; state: BudgetState; month?: MonthReached }

const keyOf = (holder: BudgetHolder): string => ('task' in holder ? `task ${holder.task}` : `token ${holder.token}`)

/** Check and hold in one step (GW20). A token without a stored budget has no cap. */
export async function holdModelCall(tx: Tx, a: NewModelCall): Promise<Held> {
  const key = keyOf(a.holder)
  await tx.run(
    'INSERT INTO model_budgets (org_id, holder, user_id, spent_usd, spent_tokens, held_usd, held_tokens, created_at) VALUES (?, ?, ?, 0, 0, 0, 0, ?) ON CONFLICT (org_id, holder) DO NOTHING',
    [a.org, key, a.user, a.now],
  )
  const known = (await budgetOf(tx, a.org, key))!
  const state = 'task' in a.holder ? { ...known, cap: a.holder.cap } : known
  const tokens = a.inputTokens + a.outputTokens
  const isOver = (cap: number | undefined, spent: number, held: number, more: number): boolean =>
    cap !== undefined && spent + held + more > cap
  const { cap, spent, held } = state
  if (
    isOver(cap.microUsd, spent.microUsd, held.microUsd, a.microUsd) ||
    isOver(cap.tokens, spent.tokens, held.tokens, tokens)
  )
    return { held: false, state }
  const project = 'task' in a.holder ? await projectOf(tx, a.org, a.holder.task) : null
  const month = await holdOfMonth(tx, { org: a.org, project, beganAt: a.now, microUsd: a.microUsd })
  if (month) return { held: false, state, month }
  await tx.run(
    'UPDATE model_budgets SET held_usd = held_usd + ?, held_tokens = held_tokens + ? WHERE org_id = ? AND holder = ?',
    [a.microUsd, tokens, a.org, key],
  )
  await tx.run(
    "INSERT INTO model_calls (org_id, call_id, holder, user_id, run_id, token_id, project_id, provider, model, price, hub, state, held_input, held_output, held_usd, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, micro_usd, began_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'held', ?, ?, ?, 0, 0, 0, 0, 0, ?)",
    [
      a.org,
      a.id,
      key,
      a.user,
      'task' in a.holder ? a.holder.task : null,
      'token' in a.holder ? a.holder.token : null,
      project,
      a.provider,
      a.model,
      a.price,
      a.hub,
      a.inputTokens,
      a.outputTokens,
      a.microUsd,
      a.now,
    ],
  )
  return { held: true }
}

async function projectOf(tx: Tx, org: OrgId, run: RunId): Promise<ProjectId | null> {
  const row = await tx.get<{ project: ProjectId }>(
    'SELECT project_id AS project FROM runs WHERE org_id = ? AND run_id = ?',
    [org, run],
  )
  return row?.project ?? null
}

interface BudgetRow {
  capUsd: number | null
  capTokens: number | null
  spentUsd: number
  spentTokens: number
  heldUsd: number
  heldTokens: number
}

async function budgetOf(tx: Tx, org: OrgId, holder: string): Promise<BudgetState | undefined> {
  const row = await tx.get<BudgetRow>(
    'SELECT cap_usd AS "capUsd", cap_tokens AS "capTokens", spent_usd AS "spentUsd", spent_tokens AS "spentTokens", held_usd AS "heldUsd", held_tokens AS "heldTokens" FROM model_budgets WHERE org_id = ? AND holder = ?',
    [org, holder],
  )
  return row && stateOf(row)
}

function stateOf(row: BudgetRow): BudgetState {
  return {
    cap: capOf(row),
    spent: { microUsd: Number(row.spentUsd), tokens: Number(row.spentTokens) },
    held: { microUsd: Number(row.heldUsd), tokens: Number(row.heldTokens) },
  }
}

function capOf({ capUsd, capTokens }: Pick<BudgetRow, 'capUsd' | 'capTokens'>): ModelBudget {
  return {
    ...(capUsd === null ? {} : { microUsd: Number(capUsd) }),
    ...(capTokens === null ? {} : { tokens: Number(capTokens) }),
  }
}

/** How a call was settled (GW23–GW26). */
export type Settled = 'reported' | 'estimated' | 'released' | 'bound'

/**
 * False when it was settled before, or never held: then nothing changes (GW22). What others settled at its bound takes the
 * word of the hub that held it, once, when that was only silent (GW26).
 */
export async function settleModelCall(
  tx: Tx,
  a: { org: OrgId; id: ModelCallId; how: Settled; usage: Usage; microUsd: number; now: number },
): Promise<boolean> {
  const from = (await settledFrom(tx, a, 'held'))
    ? 'held'
    : a.how !== 'bound' && (await settledFrom(tx, a, 'bound')) && 'bound'
  if (!from) return false
  const call = (await tx.get<{
    holder: string
    project: ProjectId | null
    beganAt: number
    heldUsd: number
    heldTokens: number
  }>(
    'SELECT holder, project_id AS project, began_at AS "beganAt", held_usd AS "heldUsd", held_input + held_output AS "heldTokens" FROM model_calls WHERE org_id = ? AND call_id = ?',
    [a.org, a.id],
  ))!
  const held = { microUsd: Number(call.heldUsd), tokens: Number(call.heldTokens) }
  const none = { microUsd: 0, tokens: 0 }
  // At its bound it was taken for spent, to the last token of what was held.
  const [given, taken] = from === 'held' ? [held, none] : [none, held]
  await tx.run(
    'UPDATE model_budgets SET held_usd = held_usd - ?, held_tokens = held_tokens - ?, spent_usd = spent_usd + ?, spent_tokens = spent_tokens + ? WHERE org_id = ? AND holder = ?',
    [given.microUsd, given.tokens, a.microUsd - taken.microUsd, tokensOf(a.usage) - taken.tokens, a.org, call.holder],
  )
  const { project, beganAt } = call
  const moved = { givenBack: given.microUsd, spent: a.microUsd - taken.microUsd }
  await settleOfMonth(tx, { org: a.org, project, beganAt: Number(beganAt), ...moved, now: a.now })
  return true
}

async function settledFrom(tx: Tx, a: Parameters<typeof settleModelCall>[1], from: 'held' | 'bound'): Promise<boolean> {
  const { changes } = await tx.run(
    'UPDATE model_calls SET state = ?, input_tokens = ?, output_tokens = ?, cache_read_tokens = ?, cache_write_tokens = ?, micro_usd = ?, ended_at = ? WHERE org_id = ? AND call_id = ? AND state = ?',
    [
      a.how,
      a.usage.inputTokens,
      a.usage.outputTokens,
      a.usage.cacheReadTokens,
      a.usage.cacheWriteTokens,
      a.microUsd,
      a.now,
      a.org,
      a.id,
      from,
    ],
  )
  return changes > 0
}

/**
 * What hubs that are gone had held, at what they had held (GW26). `beatSince`: with others on the same database, those
 * that have not beaten since; null where this is the only one, so that every other name is one of before.
 */
export async function settleLeftCalls(
  tx: Tx,
  a: { hub: string; beatSince: number | null; now: number },
): Promise<number> {
  const rows = await tx.all<{ org: OrgId; id: ModelCallId; input: number; output: number; microUsd: number }>(
    `SELECT org_id AS org, call_id AS id, held_input AS input, held_output AS output, held_usd AS "microUsd" FROM model_calls
    WHERE state = 'held' AND hub <> ? AND (? = 1 OR NOT EXISTS (SELECT 1 FROM hub_beats b WHERE b.hub_id = model_calls.hub AND b.beat_at >= ?)) ORDER BY began_at, call_id`,
    [a.hub, a.beatSince === null ? 1 : 0, a.beatSince ?? 0],
  )
  for (const { org, id, input, output, microUsd } of rows) {
    const usage = { ...noUsage, inputTokens: Number(input), outputTokens: Number(output) }
    await settleModelCall(tx, { org, id, how: 'bound', usage, microUsd: Number(microUsd), now: a.now })
  }
  return rows.length
}

/** Of one task: what it has used, for whoever shows it. */
export async function modelSpending(
  tx: Tx,
  a: { org: OrgId; task: RunId },
): Promise<UsageSum & { heldMicroUsd: number }> {
  const [sum] = await sums(tx, a.org, "run_id = ? AND state <> 'held'", [a.task], "'all'")
  const state = await budgetOf(tx, a.org, `task ${a.task}`)
  return { ...(sum ? sumOf(sum) : nothing), heldMicroUsd: state?.held.microUsd ?? 0 }
}

const nothing: UsageSum = { calls: 0, usage: noUsage, microUsd: 0 }

export async function modelUsage(tx: Tx, a: { org: OrgId; from: number; to: number }): Promise<UsageReport> {
  const when = "began_at >= ? AND began_at < ? AND state <> 'held'"
  const by = (name: string, more = '') => sums(tx, a.org, `${when}${more}`, [a.from, a.to], name)
  const [total] = await by("'all'")
  const held = await tx.get<{ held: number }>(
    'SELECT COALESCE(SUM(held_usd), 0) AS held FROM model_budgets WHERE org_id = ?',
    [a.org],
  )
  const named = async (table: string, id: string): Promise<Map<string, string>> => {
    const rows = await tx.all<{ id: string; name: string }>(`SELECT ${id} AS id, name FROM ${table} WHERE org_id = ?`, [
      a.org,
    ])
    return new Map(rows.map(row => [row.id, row.name]))
  }
  const [tokens, users] = [await named('tokens', 'token_id'), await named('users', 'user_id')]
  const models = await by("provider || ' ' || price || ' ' || model")
  return {
    from: a.from,
    to: a.to,
    total: total ? sumOf(total) : nothing,
    heldMicroUsd: Number(held!.held),
    days: (await by('began_at / 86400000')).map(row => ({ day: dayOf(Number(row.key)), ...sumOf(row) })),
    models: models.map(row => ({ ...modelOf(String(row.key)), ...sumOf(row) })),
    tasks: await withTasks(tx, a.org, await by('run_id', ' AND run_id IS NOT NULL')),
    projects: await sumsOfProjects(tx, a),
    tokens: (await by('token_id', ' AND token_id IS NOT NULL')).map(row => ({
      token: String(row.key),
      name: tokens.get(String(row.key)) ?? null,
      ...sumOf(row),
    })),
    users: (await by('user_id')).map(row => ({ user: users.get(String(row.key)) ?? String(row.key), ...sumOf(row) })),
  }
}

/** What they were about, of those that are still known. */
async function withTasks(tx: Tx, org: OrgId, rows: readonly SumRow[]): Promise<UsageReport['tasks']> {
  const found: UsageReport['tasks'] = []
  for (const row of rows) {
    const task = String(row.key)
    const known = await tx.get<{ prompt: string; project: string; budget: string }>(
      'SELECT r.code AS prompt, r.project_id AS project, t.budget AS budget FROM tasks t JOIN runs r ON r.org_id = t.org_id AND r.run_id = t.run_id WHERE t.org_id = ? AND t.run_id = ?',
      [org, task],
    )
    const budget = known ? (JSON.parse(known.budget) as ModelBudget) : {}
    const words = known ? known.prompt.slice(0, limits.nameChars) : null
    const about = { prompt: words, project: known?.project ?? null, budgetMicroUsd: budget.microUsd ?? null }
    found.push({ task, ...about, ...sumOf(row) })
  }
  return found
}

async function sumsOfProjects(
  tx: Tx,
  { org, from, to }: { org: OrgId; from: number; to: number },
): Promise<UsageReport['projects']> {
  const rows = await tx.all<SumRow & { name: string | null }>(
    `SELECT c.project_id AS key, MAX(p.name) AS name, COUNT(*) AS calls, SUM(c.input_tokens) AS input, SUM(c.output_tokens) AS output, SUM(c.cache_read_tokens) AS "read", SUM(c.cache_write_tokens) AS written, SUM(c.micro_usd) AS "microUsd"
    FROM model_calls c LEFT JOIN projects p ON p.project_id = c.project_id
    WHERE c.org_id = ? AND c.project_id IS NOT NULL AND c.began_at >= ? AND c.began_at < ? AND c.state <> 'held' GROUP BY c.project_id ORDER BY 8 DESC, 1 LIMIT ?`,
    [org, from, to, limits.pageRows],
  )
  return rows.map(row => ({ project: String(row.key), name: row.name, ...sumOf(row) }))
}

interface SumRow {
  key: string | number
  calls: number
  input: number
  output: number
  read: number
  written: number
  microUsd: number
}

/** Sums of calls by an expression over their row, at most a page of them: the last days, else the dearest first. */
function sums(tx: Tx, org: OrgId, where: string, params: (string | number)[], by: string): Promise<SumRow[]> {
  const order = by.includes('began_at') ? '1 DESC' : '7 DESC, 1'
  return tx.all<SumRow>(
    `SELECT ${by} AS key, COUNT(*) AS calls, SUM(input_tokens) AS input, SUM(output_tokens) AS output, SUM(cache_read_tokens) AS "read", SUM(cache_write_tokens) AS written, SUM(micro_usd) AS "microUsd"
    FROM model_calls WHERE org_id = ? AND ${where} GROUP BY 1 ORDER BY ${order} LIMIT ?`,
    [org, ...params, limits.pageRows],
  )
}

function sumOf({ calls, input, output, read, written, microUsd }: SumRow): UsageSum {
  return {
    calls: Number(calls),
    usage: {
      inputTokens: Number(input),
      outputTokens: Number(output),
      cacheReadTokens: Number(read),
      cacheWriteTokens: Number(written),
    },
    microUsd: Number(microUsd),
  }
}

const dayOf = (days: number): string => new Date(days * 86_400_000).toISOString().slice(0, 10)

function modelOf(key: string): { provider: string; price: string; model: string } {
  const [provider = '', price = '', ...model] = key.split(' ')
  return { provider, price, model: model.join(' ') }
}

/** A token with no scope: it asks models, and is nothing anywhere else (GW40). */
export async function makeModelKey(tx: Tx, a: NewToken & { budget: ModelBudget }): Promise<true> {
  await addToken(tx, { ...a, scopes: [] })
  await tx.run(
    'INSERT INTO model_budgets (org_id, holder, user_id, cap_usd, cap_tokens, spent_usd, spent_tokens, held_usd, held_tokens, created_at) VALUES (?, ?, ?, ?, ?, 0, 0, 0, 0, ?)',
    [a.org, `token ${a.id}`, a.user, a.budget.microUsd ?? null, a.budget.tokens ?? null, a.now],
  )
  return true
}

export async function listModelKeys(tx: Tx, a: { org: OrgId; user: UserId }): Promise<ModelKey[]> {
  const rows = await tx.all<BudgetRow & { id: string; name: string; createdAt: number }>(
    `SELECT t.token_id AS id, t.name AS name, t.created_at AS "createdAt", b.cap_usd AS "capUsd", b.cap_tokens AS "capTokens", b.spent_usd AS "spentUsd", b.spent_tokens AS "spentTokens", b.held_usd AS "heldUsd", b.held_tokens AS "heldTokens"
    FROM tokens t JOIN model_budgets b ON b.org_id = t.org_id AND b.holder = 'token ' || t.token_id WHERE t.org_id = ? AND t.user_id = ? AND t.scopes = '[]' ORDER BY t.created_at, t.token_id`,
    [a.org, a.user],
  )
  return rows.map(row => {
    const { cap, spent } = stateOf(row)
    return { id: row.id, name: row.name, budget: cap, spent, createdAt: Number(row.createdAt) }
  })
}
