/** Shapes of the HTTP API for hooks: what starts a task when something happens elsewhere, under /api/v1. */
import * as v from 'valibot'
import { limits } from './limits.ts'
import { nameSchema, projectIdSchema, runIdSchema } from './messages.ts'
import { branchSchema } from './task-events.ts'
import { agentSchema, budgetSchema, repoSchema } from './tasks-api.ts'

const ms = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

/** Who calls: a program of your own, or the webhooks of a host. */
export const hookKinds = ['meshbook', 'github', 'gitlab'] as const
export type HookKind = (typeof hookKinds)[number]

/** What its tasks are like, and what starts one. */
const hookEntries = {
  name: nameSchema,
  kind: v.picklist(hookKinds),
  project: projectIdSchema,
  /** The one that the tasks are about; events of others are ignored. */
  repo: repoSchema,
  base: v.optional(branchSchema),
  agent: v.optional(agentSchema),
  model: v.optional(nameSchema),
  budget: v.optional(budgetSchema),
  /** An issue that gets this label starts a task. */
  label: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(50))),
  /** A comment of an issue that begins with this word does. */
  word: v.optional(v.pipe(v.string(), v.regex(/^[/@]?[\w.-]{2,40}$/, 'expected one word, such as /meshbook'))),
  /** Whose comments count beside those of people who may write to the repository. */
  people: v.optional(v.pipe(v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(100))), v.maxLength(100))),
}

/** `POST /hooks`, by whoever owns the project. */
export const newHookSchema = v.object(hookEntries)
export type NewHook = v.InferOutput<typeof newHookSchema>

export const hookSchema = v.object({
  ...hookEntries,
  id: v.string(),
  createdAt: ms,
  /** When its secret was made. */
  rotatedAt: ms,
  lastAt: v.nullable(ms),
  /** What became of the last delivery, in words. */
  lastOutcome: v.nullable(v.string()),
  /** Since when it is off: what is delivered is answered, noted, and starts nothing. */
  offAt: v.nullable(ms),
})
export type Hook = v.InferOutput<typeof hookSchema>

/** `POST /hooks`, `POST /hooks/:id/secret`: the only time that the secret is shown. */
export const madeHookSchema = v.object({ ...hookSchema.entries, secret: v.string() })
export type MadeHook = v.InferOutput<typeof madeHookSchema>

/** `PATCH /hooks/:id` */
export const changeHookSchema = v.object({ isOff: v.boolean() })

/** `GET /hooks/:id/deliveries`: the last ones, newest first. `refused`: without a good signature, noted once a minute. */
export const hookDeliverySchema = v.object({
  at: ms,
  outcome: v.picklist(['started', 'ignored', 'refused']),
  task: v.nullable(runIdSchema),
  /** Why nothing was started. */
  reason: v.nullable(v.string()),
})
export type HookDelivery = v.InferOutput<typeof hookDeliverySchema>

/** What a program of your own sends to a hook of kind `meshbook`. */
export const hookOrderSchema = v.object({
  prompt: v.pipe(v.string(), v.minLength(1), v.maxLength(limits.taskPromptBytes)),
  base: v.optional(branchSchema),
  branch: v.optional(branchSchema),
})

/** `POST /hooks/:id` of the hub's own address: 202. */
export const hookAnswerSchema = v.object({
  outcome: v.picklist(['started', 'repeated', 'ignored']),
  task: v.optional(runIdSchema),
  /** Of a workflow, where the address is that of a trigger. */
  run: v.optional(runIdSchema),
  reason: v.optional(v.string()),
})
export type HookAnswer = v.InferOutput<typeof hookAnswerSchema>
