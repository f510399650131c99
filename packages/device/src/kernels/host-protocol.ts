/** What the device daemon and a kernel host say to each other, in the frames of the kernel protocol (KN1). */
import { type ErrorCode, isErrorCode } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import {
  codeSchema,
  fenceSchema,
  headIdSchema,
  projectIdSchema,
  runIdSchema,
  seqSchema,
  sessionIdSchema,
} from '@meshbook/core/messages.ts'
import { runEventSchema } from '@meshbook/core/run.ts'
import * as v from 'valibot'

export const hostFrameBytes = 32 * 1024 * 1024
/** Bytes of events on their way to a reader that has not taken them yet. */
export const creditBytes = 1024 * 1024

const text = v.string()
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

export const sessionSpecSchema = v.object({
  session: sessionIdSchema,
  head: headIdSchema,
  fence: fenceSchema,
  project: projectIdSchema,
  projectFolder: text,
  language: text,
  name: text,
  kernelspec: v.optional(text),
  device: v.pipe(text, v.maxLength(200)),
})

/** What a host is started with: `spec.json` in the folder of the session. */
export const hostFileSchema = v.object({
  spec: sessionSpecSchema,
  nodePath: text,
  limits: v.record(text, v.number()),
  runtimeUrl: v.optional(text),
})

/** How a running host is reached: `host.json`, readable for its owner alone. */
export const hostAddressSchema = v.object({ pid: v.number(), identity: text, port: v.number(), token: text })
export type HostAddress = v.InferOutput<typeof hostAddressSchema>

const code = codeSchema
const run = runIdSchema
const orderSchema = v.object({ run, fence: fenceSchema, code, cellName: text, timeoutMs: v.optional(count) })

/** What a session is made of, instead of a fresh kernel. */
export const savedStartSchema = v.object({
  from: v.variant('kind', [
    v.object({ kind: v.literal('portable'), folder: text }),
    v.object({
      kind: v.literal('image'),
      pid: v.pipe(count, v.minValue(2)),
      identity: text,
      address: text,
      port: count,
      token: text,
      kernel: text,
      scratch: v.optional(text),
      adopted: text,
      notes: v.optional(v.array(text)),
    }),
  ]),
  notice: text,
  resume: v.optional(v.object({ order: orderSchema, seq: count, fromSeq: count, kernelEvents: count })),
})
/** As a host gets it: made already. */
export type SavedAndMade = v.InferOutput<typeof savedStartSchema>

const holdName = v.pipe(text, v.regex(/^[0-9a-f]{8,64}$/))
export const hostRequestSchema = v.variant('type', [
  v.object({ type: v.literal('start'), spec: sessionSpecSchema, saved: v.optional(savedStartSchema) }),
  v.object({ type: v.literal('execute'), order: orderSchema }),
  v.object({ type: v.literal('events'), run, after: count, sub: count }),
  v.object({ type: v.literal('credit'), sub: count, bytes: count }),
  v.object({ type: v.literal('no-more-events'), sub: count }),
  v.object({
    type: v.literal('input'),
    run,
    request: v.optional(text),
    text: v.pipe(text, v.maxLength(limits.inputBytes)),
  }),
  v.object({ type: v.literal('cancel'), run, reason: text }),
  v.object({ type: v.picklist(['complete', 'inspect']), code, cursor: count }),
  v.object({ type: v.literal('variables') }),
  v.object({ type: v.literal('restart'), fence: fenceSchema }),
  v.object({ type: v.literal('shutdown') }),
  v.object({ type: v.literal('forget'), run }),
  v.object({ type: v.literal('state') }),
  v.object({ type: v.picklist(['shape', 'fork']) }),
  v.object({ type: v.literal('save'), folder: text }),
  v.object({ type: v.literal('hold'), hold: holdName, maxMs: v.pipe(count, v.maxValue(limits.moveMs)) }),
  v.object({ type: v.literal('release'), hold: holdName }),
])
export type HostRequest = v.InferOutput<typeof hostRequestSchema>
export const numberedRequestSchema = v.object({ id: v.optional(count), request: hostRequestSchema })
export const helloSchema = v.object({ hello: v.object({ token: text }) })

export const hostStateSchema = v.object({
  alive: v.boolean(),
  kernel: text,
  spec: sessionSpecSchema,
  runs: v.array(v.object({ run, fence: fenceSchema, seq: count, ended: v.boolean() })),
})
export type HostState = v.InferOutput<typeof hostStateSchema>

const variablesSchema = v.pipe(
  v.array(v.object({ name: text, type: text, bytes: v.optional(count) })),
  v.maxLength(limits.snapshotShownVariables),
)
const duration = v.pipe(v.number(), v.minValue(0))

export const kernelShapeSchema = v.object({
  pid: count,
  ownNamespace: v.boolean(),
  forks: v.boolean(),
  saves: v.boolean(),
  threads: count,
  children: count,
  address: text,
  port: count,
  token: text,
  scratch: text,
  version: text,
  lastRun: v.nullable(run),
  running: v.nullable(v.object({ run, seq: count, kernelEvents: count })),
})

export const forkedKernelSchema = v.object({
  pid: v.pipe(count, v.minValue(2)),
  identity: text,
  pauseMs: duration,
  lastRun: v.nullable(run),
  threads: count,
  children: count,
  variables: variablesSchema,
  more: count,
  watches: text,
})

export const savedVariablesSchema = v.object({
  pauseMs: duration,
  lastRun: v.nullable(run),
  lost: v.array(v.object({ name: text, reason: text })),
  variables: variablesSchema,
  more: count,
})

const errorCode = v.custom<ErrorCode>(isErrorCode)
export const fromHostSchema = v.union([
  v.object({ id: count, ok: v.literal(true), result: v.unknown() }),
  v.object({ id: count, ok: v.literal(false), code: errorCode, detail: v.optional(text) }),
  v.object({
    sub: count,
    fence: fenceSchema,
    bytes: count,
    events: v.array(v.object({ seq: seqSchema, event: runEventSchema })),
  }),
  v.object({ sub: count, end: v.literal(true) }),
  v.object({ down: text }),
])
export type FromHost = v.InferOutput<typeof fromHostSchema>
