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
export const hostRequestSchema = v.variant('type', [
  v.object({ type: v.literal('start'), spec: sessionSpecSchema }),
  v.object({
    type: v.literal('execute'),
    order: v.object({ run, fence: fenceSchema, code, cellName: text, timeoutMs: v.optional(count) }),
  }),
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
