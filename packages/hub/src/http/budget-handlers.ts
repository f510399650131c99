/** Budgets of months, and statements of them (`gateway/SPEC.md`, GW50–GW62). */
import { MeshError } from '@meshbook/core/errors.ts'
import { type OrgId, type ProjectId, parseId } from '@meshbook/core/ids.ts'
import type { MonthBudget, newMonthBudgetSchema, Statement } from '@meshbook/core/models-api.ts'
import { isMonth, monthOf } from '@meshbook/core/months.ts'
import { statementCsv } from '@meshbook/core/statement.ts'
import { pageOf } from '@meshbook/relay/serve/page.ts'
import type { InferOutput } from 'valibot'
import type { Parts } from '../parts.ts'
import { param, placeOf, type UserAsk } from './route.ts'

type Wish = InferOutput<typeof newMonthBudgetSchema>

const projectOf = (ask: UserAsk<unknown>): ProjectId => parseId('project', param(ask, 'id'))

export async function listBudgets({ store, now }: Parts, { who }: UserAsk<undefined>): Promise<object> {
  return pageOf(await store.query('listMonthBudgets', { org: who.org, project: null, now: now() }), null)
}

export async function getProjectBudget({ store, now }: Parts, ask: UserAsk<undefined>): Promise<MonthBudget> {
  const at = { org: placeOf(ask).org, project: projectOf(ask), now: now() }
  const [budget] = await store.query('listMonthBudgets', at)
  return budget!
}

export const setBudget = (parts: Parts, ask: UserAsk<Wish>): Promise<MonthBudget> => set(parts, ask, ask.who.org, null)

export const setProjectBudget = (parts: Parts, ask: UserAsk<Wish>): Promise<MonthBudget> =>
  set(parts, ask, placeOf(ask).org, projectOf(ask))

async function set(
  { audit, now }: Parts,
  ask: UserAsk<Wish>,
  org: OrgId,
  project: ProjectId | null,
): Promise<MonthBudget> {
  const { microUsd } = ask.body
  const note = audit.note('budget-set', ask, { org, ...(project && { target: project }), detail: { microUsd } })
  const budget = await audit.call('setMonthBudget', { org, project, microUsd, now: now() }, note)
  if (!budget) throw new MeshError('NOT_FOUND', { detail: `project ${project}` })
  return budget
}

export async function getStatement(
  { store, now }: Parts,
  { who, query }: UserAsk<undefined>,
): Promise<Statement | Response> {
  const month = query.get('month') ?? monthOf(now())
  if (!isMonth(month)) throw new MeshError('BAD_REQUEST', { detail: 'month: expected one such as 2026-01' })
  const as = query.get('as') ?? 'json'
  if (as !== 'json' && as !== 'csv') throw new MeshError('BAD_REQUEST', { detail: 'as: expected json or csv' })
  const statement = await store.query('modelStatement', { org: who.org, month, now: now() })
  if (as === 'json') return statement
  return new Response(statementCsv(statement), {
    headers: {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="statement-${month}.csv"`,
      'cache-control': 'no-store',
    },
  })
}
