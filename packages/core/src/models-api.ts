/** Shapes of the HTTP API about models, under /api/v1: what was used, and keys for programs that only ask models. */
import * as v from 'valibot'
import { nameSchema } from './messages.ts'
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
