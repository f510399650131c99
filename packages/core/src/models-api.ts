/** Shapes of the HTTP API about models, under /api/v1: what was used, and keys for programs that only ask models. */
import * as v from 'valibot'
import { nameSchema, projectIdSchema } from './messages.ts'
import { usageSchema } from './task-events.ts'
import { budgetSchema } from './tasks-api.ts'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

const sum = { calls: count, usage: usageSchema, microUsd: count }
export const usageSumSchema = v.object(sum)
export type UsageSum = v.InferOutput<typeof usageSumSchema>

/** `GET /usage`: sums of what began in the time from `from` to before `to`. */
export const usageReportSchema = v.object({
  from: count,
  to: count,
  total: usageSumSchema,
  /** What calls that are under way may cost yet; it is in no other sum. */
  heldMicroUsd: count,
  /** By days of UTC. */
  days: v.array(v.object({ day: v.string(), ...sum })),
  /** `price` says by what a model was priced; `dearest` means that nobody knew it. */
  models: v.array(v.object({ provider: v.string(), model: v.string(), price: v.string(), ...sum })),
  /** `prompt`, `project` and `budgetMicroUsd`: null of a task that was deleted, and where it has no cap of money. */
  tasks: v.array(
    v.object({
      task: v.string(),
      prompt: v.nullable(v.string()),
      project: v.nullable(v.string()),
      budgetMicroUsd: v.nullable(count),
      ...sum,
    }),
  ),
  projects: v.array(v.object({ project: v.string(), name: v.nullable(v.string()), ...sum })),
  tokens: v.array(v.object({ token: v.string(), name: v.nullable(v.string()), ...sum })),
  users: v.array(v.object({ user: v.string(), ...sum })),
})
export type UsageReport = v.InferOutput<typeof usageReportSchema>

export const modelBudgetSchema = v.pick(budgetSchema, ['microUsd', 'tokens'])
export type ModelBudget = v.InferOutput<typeof modelBudgetSchema>

/** `POST /model-keys`: a token that asks models and does nothing else, up to its budget. `DELETE /tokens/:id` ends it. */
export const newModelKeySchema = v.object({ name: nameSchema, budget: v.optional(modelBudgetSchema) })
/** `GET /model-keys`; `token` is shown once, when it is made. */
export const modelKeySchema = v.object({
  id: v.string(),
  name: nameSchema,
  token: v.optional(v.string()),
  budget: modelBudgetSchema,
  spent: v.object({ microUsd: count, tokens: count }),
  createdAt: count,
})
export type ModelKey = v.InferOutput<typeof modelKeySchema>

/** At these parts of a month's budget its owners are told. */
export const alertPercents = [50, 80, 100] as const

/** `PUT /budget` for everything of the org, `PUT /projects/:id/budget` for one project; null takes it away. */
export const newMonthBudgetSchema = v.object({ microUsd: v.nullable(v.pipe(count, v.minValue(1))) })
/** A budget of each month (UTC), and how it stands in this one. */
export const monthBudgetSchema = v.object({
  /** Null: that of everything in the org. */
  project: v.nullable(projectIdSchema),
  name: v.nullable(v.string()),
  month: v.string(),
  capMicroUsd: v.nullable(count),
  spentMicroUsd: count,
  heldMicroUsd: count,
  /** The highest of `alertPercents` that was passed; 0: none yet. */
  toldPercent: count,
})
export type MonthBudget = v.InferOutput<typeof monthBudgetSchema>

/** What one member had of one model for one project. `project`: null where it was for none, as with a virtual key. */
export const statementRowSchema = v.object({
  project: v.nullable(v.string()),
  projectName: v.nullable(v.string()),
  user: v.string(),
  userName: v.nullable(v.string()),
  provider: v.string(),
  model: v.string(),
  price: v.string(),
  ...sum,
})
export type StatementRow = v.InferOutput<typeof statementRowSchema>

/** `GET /statement`: what began in a month, by project, member and model. */
export const statementSchema = v.object({
  month: v.string(),
  zone: v.literal('UTC'),
  from: count,
  to: count,
  org: v.string(),
  /** The month is over and nothing of it is under way. */
  isFinal: v.boolean(),
  /** Calls of the month that are under way, and what they may cost; they are in no row. */
  open: v.object({ calls: count, microUsd: count }),
  total: usageSumSchema,
  rows: v.array(statementRowSchema),
})
export type Statement = v.InferOutput<typeof statementSchema>
