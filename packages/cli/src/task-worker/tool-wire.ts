/** What passes between runner and tool host: one JSON object a line, both ways (TW10). Neither side trusts the other. */
import { type ErrorCode, isErrorCode } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { tunnelHeadBytes } from '@meshbook/engine/tunnel.ts'
import * as v from 'valibot'

/** A whole file in base64, and words around it. */
export const toolLineBytes = Math.ceil((limits.agentFileBytes * 4) / 3) + 64 * 1024
/** Of one piece of output. */
export const toolPieceBytes = 48 * 1024
/** Output of one command that was sent and not yet read. */
export const toolUnreadBytes = 256 * 1024

const id = v.pipe(v.number(), v.safeInteger(), v.minValue(1))
const path = v.pipe(v.string(), v.maxLength(4_096))
const carried = v.pipe(v.string(), v.maxLength(Math.ceil(((limits.tunnelPieceBytes + tunnelHeadBytes) * 4) / 3) + 4))
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const base64 = v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]*={0,2}$/))
const word = v.pipe(v.string(), v.maxLength(1024 ** 2))

export const toHostSchema = v.variant('do', [
  v.object({ do: v.literal('read'), id, path }),
  v.object({ do: v.literal('write'), id, path, base64 }),
  v.object({ do: v.literal('list'), id, path, depth: count, most: count }),
  v.object({
    do: v.literal('start'),
    id,
    argv: v.pipe(v.array(word), v.minLength(1), v.maxLength(10_000)),
    cwd: v.optional(path),
    env: v.optional(v.record(v.string(), word)),
  }),
  /** About a command, by the id of its start. */
  v.object({ do: v.literal('input'), id, base64: v.nullable(base64) }),
  v.object({ do: v.literal('kill'), id }),
  v.object({ do: v.literal('more'), id, bytes: count }),
  /** A port for the model of an agent of somebody else; answered with `port`. What is said there passes by `carry`. */
  v.object({ do: v.literal('models'), id }),
  v.object({ do: v.literal('carry'), id, base64: v.pipe(carried, base64) }),
])
export type ToHost = v.InferOutput<typeof toHostSchema>

const entry = v.object({ path, kind: v.picklist(['file', 'folder', 'link', 'other']), bytes: count })

export const fromHostSchema = v.variant('is', [
  /** The first line of each host: what another one was asked is void. */
  v.object({ is: v.literal('here'), gitPort: count, root: path }),
  v.object({ is: v.literal('bytes'), id, base64 }),
  v.object({ is: v.literal('done'), id }),
  v.object({ is: v.literal('port'), id, port: v.pipe(count, v.maxValue(65_535)) }),
  v.object({ is: v.literal('carried'), id, base64: v.pipe(carried, base64) }),
  v.object({ is: v.literal('entries'), id, entries: v.array(entry), isCut: v.boolean() }),
  v.object({ is: v.literal('started'), id }),
  v.object({ is: v.literal('output'), id, stream: v.picklist(['stdout', 'stderr']), base64 }),
  v.object({ is: v.literal('ended'), id, code: v.nullable(v.number()), signal: v.nullable(v.string()) }),
  v.object({
    is: v.literal('failed'),
    id,
    code: v.custom<ErrorCode>(isErrorCode),
    detail: v.pipe(v.string(), v.maxLength(limits.problemTextChars)),
  }),
])
export type FromHost = v.InferOutput<typeof fromHostSchema>
