/** Shapes of the HTTP API for triggers of workflows, under /api/v1: what starts runs by itself, from pinned files. */
import * as v from 'valibot'
import { hookKinds } from '../hooks-api.ts'
import { isId, type TriggerId } from '../ids.ts'
import { limits } from '../limits.ts'
import { projectIdSchema, runIdSchema } from '../messages.ts'

const ms = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const fileName = v.pipe(v.string(), v.minLength(1), v.maxLength(limits.nameChars))

export const triggerIdSchema = v.custom<TriggerId>(text => isId('trigger', text), 'expected a trigger id')
/** The same words as in the file (`triggerKinds`). */
export const shownTriggerKinds = ['schedule', 'webhook', 'files', 'run'] as const
const kind = v.picklist(shownTriggerKinds)

/**
 * `POST /triggers`. The files are pinned; the same file of the same project, with the same kind, is the same trigger, which
 * keeps its id and its address and has the new text from now on (WQ60).
 */
export const newTriggerSchema = v.object({
  project: projectIdSchema,
  /** Which of the files is started. */
  file: fileName,
  /** Texts by their names: it, and those that it leads to. */
  files: v.pipe(
    v.record(fileName, v.pipe(v.string(), v.maxLength(limits.workflowFileBytes))),
    v.check(files => Object.keys(files).length <= limits.filesPerWorkflow, 'too many files'),
  ),
  /** Which part of its `on`; without one, the only one that it has. */
  kind: v.optional(kind),
  /** Of a new one: true. Of one that is there: as it was. */
  enabled: v.optional(v.boolean()),
})
export type NewTrigger = v.InferOutput<typeof newTriggerSchema>

/** What starts it, as its file says, with what the file leaves open. One of them, by the kind. */
const onSchema = v.object({
  schedule: v.optional(
    v.object({ cron: v.string(), timezone: v.string(), missed: v.picklist(['skip', 'once', 'all']) }),
  ),
  webhook: v.optional(
    v.object({
      /** Whose signature it has. */
      from: v.picklist(hookKinds),
      /** The name of the key in the vault that signs; never its value. */
      secret: v.string(),
      /** Of the hub, without its origin. */
      path: v.string(),
    }),
  ),
  files: v.optional(
    v.object({
      paths: v.array(v.string()),
      /** Null: whoever changes them. */
      device: v.nullable(v.string()),
      quietMs: ms,
    }),
  ),
  run: v.optional(
    v.object({ of: v.array(v.string()), ends: v.array(v.picklist(['completed', 'failed', 'cancelled'])) }),
  ),
})

export const triggerOutcomes = ['started', 'ignored', 'refused', 'failed', 'dropped'] as const
/**
 * `GET /triggers/:id/outcomes`: what became of the last events, newest first. `ignored`: it is off, or a replay;
 * `refused`: a signature, a right or a cap; `failed`: the run could not be made; `dropped`: times that were missed.
 */
export const triggerOutcomeSchema = v.object({
  at: ms,
  outcome: v.picklist(triggerOutcomes),
  run: v.nullable(runIdSchema),
  /** Why nothing was started. */
  reason: v.nullable(v.string()),
})
export type TriggerOutcome = v.InferOutput<typeof triggerOutcomeSchema>

/** `GET /triggers`, `GET /triggers/:id` */
export const triggerSchema = v.object({
  id: triggerIdSchema,
  project: projectIdSchema,
  /** Name of the file that it was made from. */
  file: v.string(),
  /** Name of the workflow. */
  name: v.string(),
  /** SHA-256 of the file that it is pinned to. */
  definition: v.string(),
  kind,
  on: onSchema,
  enabled: v.boolean(),
  /** Who pinned the file, and for whom its runs are: while they may run in the project. */
  madeBy: v.string(),
  createdAt: ms,
  /** When the file was pinned. */
  pinnedAt: ms,
  /** Of a schedule that is on: when it starts a run next. */
  nextAt: v.nullable(ms),
  last: v.nullable(triggerOutcomeSchema),
})
export type Trigger = v.InferOutput<typeof triggerSchema>

/** `PATCH /triggers/:id` */
export const changeTriggerSchema = v.object({ enabled: v.boolean() })

/** `GET /triggers/:id/next?count=N`: times of a schedule, soonest first; none of other kinds. */
export const nextTimesSchema = v.object({ items: v.array(ms) })
