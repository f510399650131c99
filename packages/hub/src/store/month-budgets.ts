/**
 * Procedures over budgets of months (GW50…). What is spent and held of one is a sum over the ledger, kept beside it while
 * there is a budget: made from the ledger when it is first needed, then moved with each call in the call's transaction.
 */
import type { OrgId, ProjectId } from '@meshbook/core/ids.ts'
import { alertPercents, type MonthBudget } from '@meshbook/core/models-api.ts'
import { boundsOf, monthOf } from '@meshbook/core/months.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { budgetWords } from '../notify/words.ts'
import { idFrom, makeNotice } from './notices.ts'
import type { Asker } from './places.ts'

/** Of all that is asked in the org. */
const everything = 'all'

interface Cap {
  scope: string
  cap: number
}

interface Spending {
  spent: number
  held: number
  told: number
}

/** What a call falls under. */
export interface SpentFor {
  org: OrgId
  project: ProjectId | null
  beganAt: number
}

async function capsOf(tx: Tx, { org, project }: Pick<SpentFor, 'org' | 'project'>): Promise<Cap[]> {
  const rows = await tx.all<Cap>(
    'SELECT scope, cap_usd AS cap FROM month_budgets WHERE org_id = ? AND scope IN (?, ?) ORDER BY scope',
    [org, everything, project ?? everything],
  )
  return rows.map(row => ({ ...row, cap: Number(row.cap) }))
}

async function storedSpending(tx: Tx, org: OrgId, scope: string, month: string): Promise<Spending | undefined> {
  const row = await tx.get<Spending>(
    'SELECT spent_usd AS spent, held_usd AS held, told FROM month_spending WHERE org_id = ? AND scope = ? AND month = ?',
    [org, scope, month],
  )
  return row && { spent: Number(row.spent), held: Number(row.held), told: Number(row.told) }
}

/** As the ledger has it now. */
async function ledgerSpending(tx: Tx, org: OrgId, scope: string, month: string): Promise<Spending> {
  const { from, to } = boundsOf(month)
  const row = await tx.get<{ spent: number; held: number }>(
    `SELECT COALESCE(SUM(CASE WHEN state = 'held' THEN 0 ELSE micro_usd END), 0) AS spent, COALESCE(SUM(CASE WHEN state = 'held' THEN held_usd ELSE 0 END), 0) AS held
    FROM model_calls WHERE org_id = ? AND began_at >= ? AND began_at < ?${scope === everything ? '' : ' AND project_id = ?'}`,
    [org, from, to, ...(scope === everything ? [] : [scope])],
  )
  return { spent: Number(row!.spent), held: Number(row!.held), told: 0 }
}

async function spendingOf(tx: Tx, org: OrgId, scope: string, month: string): Promise<Spending> {
  return (await storedSpending(tx, org, scope, month)) ?? ledgerSpending(tx, org, scope, month)
}

async function putSpending(tx: Tx, org: OrgId, scope: string, month: string, now: Spending): Promise<void> {
  await tx.run(
    'INSERT INTO month_spending (org_id, scope, month, spent_usd, held_usd, told) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (org_id, scope, month) DO UPDATE SET spent_usd = excluded.spent_usd, held_usd = excluded.held_usd, told = excluded.told',
    [org, scope, month, now.spent, now.held, now.told],
  )
}

export interface MonthReached extends Cap, Spending {
  month: string
  name: string | null
}

/** Holds it of every budget that the call falls under, or of none: then the one that it could exceed (GW51). */
export async function holdOfMonth(tx: Tx, a: SpentFor & { microUsd: number }): Promise<MonthReached | null> {
  const month = monthOf(a.beganAt)
  const states: (Cap & Spending)[] = []
  for (const one of await capsOf(tx, a)) states.push({ ...one, ...(await spendingOf(tx, a.org, one.scope, month)) })
  const over = states.find(({ cap, spent, held }) => spent + held + a.microUsd > cap)
  if (over) {
    await tell(tx, { org: a.org, month, now: a.beganAt, isRefused: true, ...over })
    return { ...over, month, name: await nameOf(tx, a.org, over.scope) }
  }
  for (const { scope, spent, held, told } of states)
    await putSpending(tx, a.org, scope, month, { spent, held: held + a.microUsd, told })
  return null
}

/** After the ledger has it. What nobody counts yet is read from the ledger when somebody does. */
export async function settleOfMonth(
  tx: Tx,
  a: SpentFor & { givenBack: number; spent: number; now: number },
): Promise<void> {
  const month = monthOf(a.beganAt)
  for (const { scope, cap } of await capsOf(tx, a)) {
    const before = await storedSpending(tx, a.org, scope, month)
    if (!before) continue
    const after = { ...before, spent: before.spent + a.spent, held: before.held - a.givenBack }
    await putSpending(tx, a.org, scope, month, after)
    await tell(tx, { org: a.org, month, now: a.now, isRefused: false, scope, cap, ...after })
  }
}

const passed = (spent: number, cap: number): number => alertPercents.findLast(one => spent * 100 >= one * cap) ?? 0

/** Each part of it once, the highest alone where several are passed at once (GW53). */
async function tell(
  tx: Tx,
  a: Cap & Spending & { org: OrgId; month: string; now: number; isRefused: boolean },
): Promise<void> {
  const percent = a.isRefused ? 100 : passed(a.spent, a.cap)
  if (percent <= a.told) return
  await putSpending(tx, a.org, a.scope, a.month, { spent: a.spent, held: a.held, told: percent })
  const project = a.scope === everything ? null : (a.scope as ProjectId)
  const standing = { month: a.month, capMicroUsd: a.cap, spentMicroUsd: a.spent }
  const words = budgetWords({ ...standing, project: await nameOf(tx, a.org, a.scope) }, percent, a.isRefused)
  for (const to of await ownersOf(tx, a.org, project))
    await makeNotice(tx, {
      ...words,
      to,
      kind: 'budget',
      id: idFrom('budget', a.org, a.scope, a.month, String(a.cap), String(percent), to.org, to.user),
      places: project === null ? [] : [{ org: a.org, project }],
      subject: { of: 'nothing' },
      tag: idFrom('budget', a.org, a.scope, a.month),
      now: a.now,
    })
}

async function nameOf(tx: Tx, org: OrgId, scope: string): Promise<string | null> {
  const row = await tx.get<{ name: string }>('SELECT name FROM projects WHERE org_id = ? AND project_id = ?', [
    org,
    scope,
  ])
  return row?.name ?? null
}

async function ownersOf(tx: Tx, org: OrgId, project: ProjectId | null): Promise<Asker[]> {
  const hosts = await tx.all<Asker>(
    'SELECT org_id AS org, user_id AS "user" FROM users WHERE org_id = ? ORDER BY user_id',
    [org],
  )
  if (project === null) return hosts
  const members = await tx.all<Asker>(
    `SELECT member_org AS org, user_id AS "user" FROM members WHERE org_id = ? AND project_id = ? AND role = 'owner' ORDER BY user_id`,
    [org, project],
  )
  return [...hosts, ...members]
}

/** Null when there is no such project. What the new cap has passed already is not told (GW53). */
export async function setMonthBudget(
  tx: Tx,
  a: { org: OrgId; project: ProjectId | null; microUsd: number | null; now: number },
): Promise<MonthBudget | null> {
  const scope = a.project ?? everything
  if (a.project !== null && (await nameOf(tx, a.org, scope)) === null) return null
  const month = monthOf(a.now)
  if (a.microUsd === null) {
    // Nobody moves the sums of a budget that is not there.
    await tx.run('DELETE FROM month_budgets WHERE org_id = ? AND scope = ?', [a.org, scope])
    await tx.run('DELETE FROM month_spending WHERE org_id = ? AND scope = ?', [a.org, scope])
  } else {
    const now = await spendingOf(tx, a.org, scope, month)
    await tx.run(
      'INSERT INTO month_budgets (org_id, scope, cap_usd, set_at) VALUES (?, ?, ?, ?) ON CONFLICT (org_id, scope) DO UPDATE SET cap_usd = excluded.cap_usd, set_at = excluded.set_at',
      [a.org, scope, a.microUsd, a.now],
    )
    await putSpending(tx, a.org, scope, month, { ...now, told: passed(now.spent, a.microUsd) })
  }
  return monthBudgetOf(tx, { ...a, cap: a.microUsd, scope, month })
}

async function monthBudgetOf(
  tx: Tx,
  { org, scope, cap, month }: { org: OrgId; scope: string; cap: number | null; month: string },
): Promise<MonthBudget> {
  const { spent, held, told } = await spendingOf(tx, org, scope, month)
  const project = scope === everything ? null : (scope as ProjectId)
  const name = await nameOf(tx, org, scope)
  return { project, name, month, capMicroUsd: cap, spentMicroUsd: spent, heldMicroUsd: held, toldPercent: told }
}

/** That of everything first, then by project. With `project` that one alone, also where it has none. */
export async function listMonthBudgets(
  tx: Tx,
  a: { org: OrgId; project: ProjectId | null; now: number },
): Promise<MonthBudget[]> {
  const month = monthOf(a.now)
  const rows = await tx.all<Cap>('SELECT scope, cap_usd AS cap FROM month_budgets WHERE org_id = ? ORDER BY scope', [
    a.org,
  ])
  const wanted = a.project === null ? rows : rows.filter(({ scope }) => scope === a.project)
  if (a.project !== null && wanted.length === 0)
    return [await monthBudgetOf(tx, { org: a.org, scope: a.project, cap: null, month })]
  const found: MonthBudget[] = []
  for (const { scope, cap } of wanted)
    found.push(await monthBudgetOf(tx, { org: a.org, scope, cap: Number(cap), month }))
  return found
}
