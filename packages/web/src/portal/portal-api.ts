/** The routes of the pages of the portal that no other app has, typed. */
import {
  type Activity,
  type ApiToken,
  type AuditEntry,
  activitySchema,
  auditEntrySchema,
  type Gate,
  gateSchema,
  listOf,
  type Scope,
  tokenSchema,
} from '@meshbook/core/api.ts'
import {
  type Hook,
  type HookDelivery,
  hookDeliverySchema,
  hookSchema,
  type MadeHook,
  madeHookSchema,
  type NewHook,
} from '@meshbook/core/hooks-api.ts'
import {
  type ModelKey,
  type MonthBudget,
  modelKeySchema,
  monthBudgetSchema,
  type Statement,
  statementSchema,
  type UsageReport,
  usageReportSchema,
} from '@meshbook/core/models-api.ts'
import {
  keySchema,
  type newKeySchema,
  type Retention,
  retentionSchema,
  type StoredKey,
} from '@meshbook/core/tasks-api.ts'
import { type InferOutput, unknown } from 'valibot'
import { request, requestFile } from '../api/http.ts'

export type NewKey = InferOutput<typeof newKeySchema>
export interface AuditFilter {
  action?: string
  user?: string
  from?: number
  to?: number
}
interface Page<T> {
  items: T[]
  next?: string | undefined
}

const nothing = unknown()
const queryOf = (given: Readonly<Record<string, string | number | undefined>>): string => {
  const known = Object.entries(given).filter(([, value]) => value !== undefined && value !== '')
  return String(new URLSearchParams(known.map(([name, value]) => [name, String(value)])))
}
const named = (name: string): string => encodeURIComponent(name)

export const portalApi = {
  keys: async (): Promise<StoredKey[]> => (await request('GET', '/keys', listOf(keySchema))).items,
  setKey: (name: string, body: NewKey): Promise<StoredKey> =>
    request('PUT', `/keys/${named(name)}`, keySchema, { body }),
  removeKey: (name: string) => request('DELETE', `/keys/${named(name)}`, nothing),

  modelKeys: async (): Promise<ModelKey[]> => (await request('GET', '/model-keys', listOf(modelKeySchema))).items,
  makeModelKey: (name: string, microUsd: number | undefined): Promise<ModelKey> =>
    request('POST', '/model-keys', modelKeySchema, {
      body: { name, ...(microUsd !== undefined && { budget: { microUsd } }) },
    }),
  removeModelKey: (id: string) => request('DELETE', `/tokens/${named(id)}`, nothing),

  usage: (from: number, to: number): Promise<UsageReport> =>
    request('GET', `/usage?from=${from}&to=${to}`, usageReportSchema),

  gates: (state: string, cursor: string | undefined): Promise<Page<Gate>> =>
    request('GET', `/gates?${queryOf({ limit: 50, state, cursor })}`, listOf(gateSchema)),

  tokens: async (): Promise<ApiToken[]> => (await request('GET', '/tokens', listOf(tokenSchema))).items,
  makeToken: (name: string, scopes: readonly Scope[]): Promise<ApiToken> =>
    request('POST', '/tokens', tokenSchema, { body: { name, scopes } }),
  removeToken: (id: string) => request('DELETE', `/tokens/${named(id)}`, nothing),

  audit: (filter: AuditFilter, cursor: string | undefined): Promise<Page<AuditEntry>> =>
    request('GET', `/audit?${queryOf({ limit: 200, ...filter, cursor })}`, listOf(auditEntrySchema)),

  activity: (from: number, to: number): Promise<Activity> =>
    request('GET', `/activity?from=${from}&to=${to}`, activitySchema),
  budgets: async (): Promise<MonthBudget[]> => (await request('GET', '/budgets', listOf(monthBudgetSchema))).items,
  setBudget: (project: string | null, microUsd: number | null): Promise<MonthBudget> =>
    request('PUT', project === null ? '/budget' : `/projects/${named(project)}/budget`, monthBudgetSchema, {
      body: { microUsd },
    }),
  statement: (month: string): Promise<Statement> => request('GET', `/statement?month=${month}`, statementSchema),
  statementFile: async (month: string, as: 'csv' | 'json'): Promise<Blob> =>
    (await requestFile(`/statement?month=${month}&as=${as}`, 'content-type'))[0],

  hooks: async (): Promise<Hook[]> => (await request('GET', '/hooks', listOf(hookSchema))).items,
  makeHook: (body: NewHook): Promise<MadeHook> => request('POST', '/hooks', madeHookSchema, { body }),
  turnHook: (id: string, isOff: boolean): Promise<Hook> =>
    request('PATCH', `/hooks/${named(id)}`, hookSchema, { body: { isOff } }),
  newSecret: (id: string): Promise<MadeHook> => request('POST', `/hooks/${named(id)}/secret`, madeHookSchema),
  removeHook: (id: string) => request('DELETE', `/hooks/${named(id)}`, nothing),
  deliveries: async (id: string): Promise<HookDelivery[]> =>
    (await request('GET', `/hooks/${named(id)}/deliveries`, listOf(hookDeliverySchema))).items,

  retention: (project: string): Promise<Retention> =>
    request('GET', `/projects/${named(project)}/retention`, retentionSchema),
  setRetention: (project: string, days: number | null): Promise<Retention> =>
    request('PUT', `/projects/${named(project)}/retention`, retentionSchema, { body: { days } }),
}
