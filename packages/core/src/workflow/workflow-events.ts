/**
 * What happens in a run of a workflow, as events of its log: each is the `event` of one of type `workflow`. The state of
 * the run is a fold over them (`workflow-state.ts`), so whoever has the log can go on with it.
 */
import * as v from 'valibot'
import { isAssetId } from '../ids.ts'
import { limits } from '../limits.ts'
import { type Json, notifyWays, type RunOutcome, runOutcomes } from './workflow-schema.ts'

export { type RunOutcome, runOutcomes }

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const at = v.pipe(v.number(), v.safeInteger())
const name = v.pipe(v.string(), v.maxLength(200))
const text = v.pipe(v.string(), v.maxLength(limits.runEventBytes))
const json = v.unknown() as v.GenericSchema<Json>
/** `deploy[3].build`: the step `build` for item 3 of the step `deploy`. `poll[1]` itself is a scope: one item or round. */
const path = v.pipe(
  v.string(),
  v.maxLength(1_000),
  v.regex(/^[A-Za-z_][\w-]*(?:\[\d+\])?(?:\.[A-Za-z_][\w-]*(?:\[\d+\])?)*$/),
)
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))
/** Millionths of a dollar. */
const microUsd = count
/** Of what was sent to a run from outside: its number there, so that nothing is heard twice. */
const inbox = count

/** A result: as it is, or as an asset where it is larger than `workflowInlineBytes`. */
export const storedSchema = v.union([
  v.strictObject({ value: json }),
  v.strictObject({ asset: v.custom<string>(isAssetId), bytes: count }),
])
export type Stored = { value: Json } | { asset: string; bytes: number }

export const stepErrorSchema = v.object({ code: name, message: text })
export type StepErrorInfo = v.InferOutput<typeof stepErrorSchema>

/**
 * `skipped`: its `if` was false, or nothing failed of which it is the way out; what needs it goes on. `blocked`: a step
 * that it needs did not succeed.
 */
export const stepOutcomes = ['succeeded', 'failed', 'skipped', 'blocked'] as const
export type StepOutcome = (typeof stepOutcomes)[number]
export const gateVerdicts = ['approved', 'rejected', 'expired'] as const

const stored: v.GenericSchema<Stored> = storedSchema
const result = { output: v.optional(stored), error: v.optional(stepErrorSchema) }

export const workflowEventSchema = v.variant('type', [
  /** Definitions are pinned by the hash of their text: that of the file, and of each file that one of them names. */
  v.object({
    type: v.literal('began'),
    name,
    definition: hash,
    children: v.array(v.object({ in: hash, file: name, definition: hash })),
    inputs: v.record(v.string(), json),
    budget: v.optional(microUsd),
    forkedFrom: v.optional(v.object({ run: name, step: name })),
  }),
  /** In a fork: the result that the step had in the run that it was forked from. */
  v.object({ type: v.literal('kept'), path, outcome: v.picklist(stepOutcomes), ...result }),
  v.object({ type: v.literal('queued'), key: text }),
  v.object({ type: v.literal('admitted'), key: text }),
  /** Durable before the step is begun. `group` counts attempts whose outcome is known: the key of its effects has it. */
  v.object({
    type: v.literal('attempt-began'),
    path,
    attempt: count,
    group: count,
    /** The most that it can cost, held back until it has ended. */
    reserved: v.optional(microUsd),
  }),
  v.object({ type: v.literal('printed'), path, text }),
  /** `known`: it is sure that it failed, so the next attempt is another effect. */
  v.object({
    type: v.literal('attempt-failed'),
    path,
    attempt: count,
    error: stepErrorSchema,
    known: v.boolean(),
    retryAt: at,
    microUsd: v.optional(microUsd),
  }),
  /** The engine ended in its middle. It may or may not have had its effect, and costs what was reserved. */
  v.object({ type: v.literal('attempt-interrupted'), path, attempt: count }),
  /** The list that a map goes over. */
  v.object({ type: v.literal('expanded'), path, items: stored, count }),
  /** An item, a round, or a child: its steps begin. */
  v.object({ type: v.literal('scope-began'), path, inputs: v.optional(v.record(v.string(), json)) }),
  v.object({ type: v.literal('scope-ended'), path, outcome: v.picklist(['succeeded', 'failed']), ...result }),
  v.object({
    type: v.literal('gate-opened'),
    path,
    gate: name,
    /** What people see: `shown`, whole, and the SHA-256 of it. */
    shown: v.pipe(v.string(), v.maxLength(limits.gateShownBytes)),
    digest: hash,
    choices: v.optional(v.array(name)),
    form: v.optional(v.record(v.string(), json)),
    expiresAt: at,
    notify: v.optional(v.array(v.picklist(notifyWays))),
  }),
  v.object({
    type: v.literal('gate-decided'),
    path,
    gate: name,
    verdict: v.picklist(gateVerdicts),
    by: v.optional(name),
    choice: v.optional(name),
    form: v.optional(json),
    comment: v.optional(text),
    inbox: v.optional(inbox),
  }),
  v.object({ type: v.literal('wait-began'), path, until: v.optional(at), signal: v.optional(name) }),
  v.object({ type: v.literal('signalled'), name, value: json, inbox }),
  v.object({
    type: v.literal('step-ended'),
    path,
    outcome: v.picklist(stepOutcomes),
    ...result,
    microUsd: v.optional(microUsd),
    signal: v.optional(inbox),
  }),
  /** The run stands still here until it may cost more. */
  v.object({ type: v.literal('budget-reached'), path, needed: microUsd }),
  v.object({ type: v.literal('budget-raised'), budget: microUsd, by: v.optional(name), inbox }),
  v.object({ type: v.literal('cancel-asked'), by: v.optional(name), reason: text, inbox: v.optional(inbox) }),
  /** Something that was sent to the run and that it has no use for. */
  v.object({ type: v.literal('dropped'), inbox, why: text }),
  v.object({ type: v.literal('notice'), text, path: v.optional(path) }),
  v.object({ type: v.literal('ended'), outcome: v.picklist(runOutcomes), ...result }),
])
export type WorkflowEvent = v.InferOutput<typeof workflowEventSchema>
