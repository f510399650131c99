/**
 * What passes between the agent in a worker and the broker outside of it, on the socket `channel` of the worker's folder:
 * one JSON object a line, both ways. The socket is the worker's alone, so whoever is on it is the task's; the fence says
 * for how long. Models, git and packages have sockets of their own beside it (`brokerSockets`).
 */
import * as v from 'valibot'
import { runStatuses } from './api.ts'
import { cellRequestSchema } from './cell-request.ts'
import { type ErrorCode, isErrorCode } from './errors.ts'
import { isAssetId } from './ids.ts'
import { limits } from './limits.ts'
import { fenceSchema, runIdSchema } from './messages.ts'
import { modelWires } from './model-wires.ts'
import { gateDecisions, runEventSchema } from './run.ts'
import { branchSchema, commitSchema, taskEventSchema } from './task-events.ts'
import { budgetSchema, toolRuleSchema } from './tasks-api.ts'

/** Files in the folder that is mounted into the worker. `models` is the runner's alone; tools may open `packages`. */
export const brokerSockets = {
  channel: 'channel.sock',
  models: 'models.sock',
  git: 'git.sock',
  packages: 'packages.sock',
} as const

/** Where a worker has what is mounted into it. The sockets of `own`, and the token beside them, are the runner's alone. */
export const taskPlaces = {
  /** The runner's, and nobody else may look into it. */
  private: '/run/meshbook/own',
  own: '/run/meshbook/own/sockets',
  tools: '/run/meshbook/tools',
  work: '/work',
  repo: '/work/repo',
  home: '/work/home',
} as const
/** In the folder of `own`: what is said in `hello`. */
export const tokenFile = 'token'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const text = v.pipe(v.string(), v.maxLength(limits.runEventBytes))
const seq = v.pipe(count, v.minValue(1))

const word = v.pipe(v.string(), v.minLength(1), v.maxLength(limits.taskWordChars))

/** A program that the operator named, as it is begun inside of the sandbox. */
export const taskProgramSchema = v.object({
  argv: v.pipe(v.array(word), v.minLength(1), v.maxLength(limits.taskWordsPerProgram)),
  /** For everybody in the sandbox to see. */
  env: v.record(v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/)), v.string()),
})
export type TaskProgram = v.InferOutput<typeof taskProgramSchema>

export const taskToolServerSchema = v.object({
  ...taskProgramSchema.entries,
  name: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,30}$/)),
  /** Of its tools, where nothing is said of one by its own name. */
  rule: toolRuleSchema,
  tools: v.record(v.string(), toolRuleSchema),
})
/** A server of the Model Context Protocol, and what may be done with its tools. */
export type TaskToolServer = v.InferOutput<typeof taskToolServerSchema>

export const taskOrderSchema = v.object({
  task: runIdSchema,
  fence: fenceSchema,
  prompt: v.string(),
  by: v.string(),
  /** The user in whose name it acts outside of its sandbox, and who alone may agree to that. */
  asker: v.optional(v.string()),
  agent: v.string(),
  model: v.string(),
  /** Of the models' socket: which wire format answers there. */
  wire: v.picklist(modelWires),
  /** As the worker's git sees it, through the broker. */
  repo: v.string(),
  branch: branchSchema,
  base: commitSchema,
  budget: budgetSchema,
  tools: v.record(v.string(), toolRuleSchema),
  /** It goes on from a turn of another task: a `history` comes before the log. */
  forked: v.boolean(),
  /** What `agent` means, where it is an agent of somebody else. */
  program: v.optional(taskProgramSchema),
  toolServers: v.optional(v.pipe(v.array(taskToolServerSchema), v.maxLength(limits.mcpServersPerTask))),
})
export type TaskOrder = v.InferOutput<typeof taskOrderSchema>

/** Of one tool call of an agent, the same when it is asked for again. */
const call = v.pipe(v.string(), v.regex(/^[\w.-]{1,100}$/))

export const fromWorkerSchema = v.variant('type', [
  v.object({ type: v.literal('hello'), token: v.pipe(v.string(), v.maxLength(100)) }),
  /** Consecutive from `first`; answered with `ack`. At most `brokerEventsPerMessage`. */
  v.object({
    type: v.literal('events'),
    first: seq,
    events: v.pipe(v.array(runEventSchema), v.minLength(1), v.maxLength(limits.brokerEventsPerMessage)),
  }),
  /** Bytes that are too large for an event; answered with `stored`. */
  v.object({ type: v.literal('store'), asset: v.custom<string>(isAssetId), mimeType: v.string(), base64: v.string() }),
  /** What was stored, by this worker or one before it; answered with `loaded`. */
  v.object({ type: v.literal('load'), asset: v.custom<string>(isAssetId) }),
  /** A cell on the mesh, for one tool call; answered with `cell-ended` or `cell-refused`. Asked again it is the same run. */
  v.object({ type: v.literal('cell'), call, request: cellRequestSchema }),
  /** Nobody waits for it any more; answered as well. */
  v.object({ type: v.literal('cell-stop'), call, why: v.pipe(v.string(), v.maxLength(limits.problemTextChars)) }),
  v.object({ type: v.literal('beat') }),
])
export type FromWorker = v.InferOutput<typeof fromWorkerSchema>

export const toWorkerSchema = v.variant('type', [
  /** The task, and its log so far in parts: `order`, then `log` until `more` is false. */
  v.object({ type: v.literal('order'), order: taskOrderSchema }),
  /** What was said and done in the task that this one goes on from, in parts; nothing of it is in its own log. */
  v.object({ type: v.literal('history'), events: v.array(taskEventSchema) }),
  v.object({ type: v.literal('log'), first: seq, events: v.array(runEventSchema), more: v.boolean() }),
  /** All up to `seq` are durable. `refused`: the task is not this worker's any more; it ends. */
  v.object({ type: v.literal('ack'), seq: count, refused: v.optional(v.string()) }),
  v.object({ type: v.literal('stored'), asset: v.custom<string>(isAssetId) }),
  /** Null: it is not there. */
  v.object({ type: v.literal('loaded'), asset: v.custom<string>(isAssetId), base64: v.nullable(v.string()) }),
  /** For the next turn. Told until a `heard` with this id is in the log. */
  v.object({ type: v.literal('message'), id: v.string(), by: v.string(), text }),
  v.object({
    type: v.literal('control'),
    action: v.picklist(['interrupt', 'pause', 'continue', 'stop']),
    by: v.string(),
  }),
  v.object({ type: v.literal('input'), id: v.string(), text }),
  v.object({
    type: v.literal('gate'),
    gate: v.string(),
    decision: v.picklist(gateDecisions),
    digest: v.string(),
    nonce: v.string(),
    by: v.nullable(v.string()),
    comment: v.nullable(v.string()),
  }),
  /** It is there as this run; why it waits, where it does. */
  v.object({ type: v.literal('cell-began'), call, run: runIdSchema, reasons: v.array(v.string()) }),
  v.object({
    type: v.literal('cell-ended'),
    call,
    run: runIdSchema,
    /** Not one that has ended: it was told to end and its device does not answer. */
    status: v.picklist(runStatuses),
    /** Its name; null where it began on none. */
    device: v.nullable(v.string()),
    /** Why it did not end by itself, or why it failed. */
    reason: v.string(),
    /** What it printed and showed as text, cut where it is much. */
    text: v.string(),
  }),
  v.object({
    type: v.literal('cell-refused'),
    call,
    code: v.custom<ErrorCode>(isErrorCode),
    detail: v.string(),
  }),
])
export type ToWorker = v.InferOutput<typeof toWorkerSchema>
