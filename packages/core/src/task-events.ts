/**
 * What an agent does, as events of its task's run: each is the `event` of one of type `task`. The state of a task is a
 * fold over them: a worker that replaces another goes on from the last of them, and whoever looks draws the same.
 */
import * as v from 'valibot'
import { type ErrorCode, isErrorCode } from './errors.ts'
import { isAssetId, isRunId, type RunId } from './ids.ts'
import { limits } from './limits.ts'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const name = v.pipe(v.string(), v.maxLength(200))
const text = v.pipe(v.string(), v.maxLength(limits.runEventBytes))
/** A turn is one answer of the model and what its tools did. Counts from 1. */
const turn = v.pipe(v.number(), v.safeInteger(), v.minValue(1))
/** Of the model for one tool call, the same when the call is answered. */
const call = v.pipe(v.string(), v.minLength(1), v.maxLength(200))
export const commitSchema = v.pipe(v.string(), v.regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/, 'expected a full commit hash'))
export const branchSchema = v.pipe(
  v.string(),
  v.maxLength(200),
  v.check(name => isBranch(name), 'expected a branch name'),
)

/** As `git check-ref-format --branch` has it. */
export function isBranch(name: string): boolean {
  if (name === '' || name === '@' || name.startsWith('-') || /[\p{C} ~^:?*[\\]|\.\.|@\{/u.test(name)) return false
  return name
    .split('/')
    .every(part => part !== '' && !part.startsWith('.') && !part.endsWith('.') && !part.endsWith('.lock'))
}

/** One piece of what the model said, independent of who provides the model. */
export const blockSchema = v.variant('type', [
  v.object({ type: v.literal('text'), text: v.string() }),
  /** `signature`: what the provider wants to have back, or the thought is not taken. */
  v.object({ type: v.literal('thinking'), text: v.string(), signature: v.optional(v.string()) }),
  /** `input`: JSON, as the model wrote it; it may be no JSON at all. */
  v.object({ type: v.literal('tool-call'), id: call, tool: name, input: v.string() }),
])
export type Block = v.InferOutput<typeof blockSchema>

export const usageSchema = v.object({
  inputTokens: count,
  outputTokens: count,
  cacheReadTokens: count,
  cacheWriteTokens: count,
})
export type Usage = v.InferOutput<typeof usageSchema>

export const stopReasons = ['done', 'tools', 'length', 'refused'] as const

export const taskEventSchema = v.variant('type', [
  /** The place is made: the checkout is there and the agent begins, or goes on. */
  v.object({ type: v.literal('workspace'), repo: text, branch: branchSchema, base: commitSchema, agent: name }),
  /** A message of the user reached the agent: its first, or one that was sent meanwhile (`id` is that of its sending). */
  v.object({ type: v.literal('heard'), id: name, by: name, text }),
  v.object({ type: v.literal('turn-began'), turn, model: name }),
  /** A piece of the answer as it comes; `turn-ended` has all of it. */
  v.object({ type: v.literal('said'), turn, as: v.picklist(['text', 'thinking']), text }),
  /** The whole answer: JSON of blocks, in `asset` where it is larger than an event. Cost in millionths of a dollar. */
  v.object({
    type: v.literal('turn-ended'),
    turn,
    blocks: v.optional(v.string()),
    asset: v.optional(v.custom<string>(isAssetId)),
    usage: usageSchema,
    microUsd: count,
    stop: v.picklist(stopReasons),
  }),
  v.object({ type: v.literal('tool-began'), turn, call, tool: name, shown: text }),
  /** A piece of what a tool prints while it works. */
  v.object({ type: v.literal('tool-printed'), call, text }),
  /** It does what it does in a run of its own, which has a page. */
  v.object({ type: v.literal('tool-run'), call, run: v.custom<RunId>(isRunId) }),
  /** What the model is told. `asset`: all of it, where that was cut. */
  v.object({
    type: v.literal('tool-ended'),
    call,
    ok: v.boolean(),
    content: text,
    asset: v.optional(v.custom<string>(isAssetId)),
  }),
  /** Everything up to `turn` stands for what `summary` says, so that it fits into the model again. The log stays whole. */
  v.object({
    type: v.literal('compacted'),
    turn,
    summary: text,
    usage: v.optional(usageSchema),
    microUsd: v.optional(count),
  }),
  /** The work so far is a commit, and is outside the worker. */
  v.object({
    type: v.literal('checkpoint'),
    turn,
    commit: commitSchema,
    files: count,
    added: count,
    removed: count,
  }),
  v.object({ type: v.literal('artifact'), name, asset: v.custom<string>(isAssetId), bytes: count }),
  v.object({ type: v.literal('pushed'), branch: branchSchema, commit: commitSchema }),
  v.object({ type: v.literal('pull-request'), url: text, number: count }),
  /** The agent stands still until it is told to go on; where it was interrupted, a message tells it, too. */
  v.object({ type: v.literal('paused'), by: name, interrupted: v.optional(v.boolean()) }),
  v.object({ type: v.literal('unpaused'), by: name }),
  /** The agent is at its end; what it made is delivered next, and then the run ends. */
  v.object({
    type: v.literal('finished'),
    outcome: v.picklist(['done', 'failed', 'stopped']),
    /** In its words; of a failure what was wrong. */
    summary: text,
    code: v.optional(v.custom<ErrorCode>(isErrorCode)),
  }),
  /** What people should know of how it goes, and the model need not: that it is overloaded and asked again, for example. */
  v.object({ type: v.literal('notice'), text }),
  /** The worker is another one now; it goes on behind this. */
  v.object({ type: v.literal('worker-replaced'), reason: text }),
])
export type TaskEvent = v.InferOutput<typeof taskEventSchema>
