/** What Meshbook reads of the contents of Jupyter's messages, each with its schema; everything else in them is left. */
import * as v from 'valibot'
import type { Message } from './message.ts'

const text = v.string()
const flag = v.optional(v.boolean(), false)
const texts = v.pipe(
  v.array(v.unknown()),
  v.transform(list => list.filter(each => typeof each === 'string')),
)
const bundle = v.record(text, v.unknown())
/** Null and what is of another kind counts as absent: kernels are not agreed on what may be left out. */
const orNothing = <T extends v.GenericSchema>(schema: T) => v.fallback(v.optional(schema), undefined as never)

export const statusSchema = v.object({ execution_state: text })
export const streamSchema = v.object({ name: v.picklist(['stdout', 'stderr']), text })
export const displaySchema = v.object({
  data: bundle,
  metadata: v.fallback(v.optional(bundle, {}), {}),
  transient: orNothing(v.object({ display_id: orNothing(text) })),
})
export const clearSchema = v.object({ wait: flag })
export const errorSchema = v.object({
  ename: v.fallback(text, 'Error'),
  evalue: v.fallback(text, ''),
  traceback: v.fallback(texts, []),
})
export const inputSchema = v.object({ prompt: v.fallback(text, ''), password: v.fallback(flag, false) })
export const executeReplySchema = v.object({
  status: text,
  payload: orNothing(v.array(v.object({ source: orNothing(text), keepkernel: orNothing(v.boolean()) }))),
  user_expressions: orNothing(v.record(text, v.unknown())),
})
export const infoSchema = v.object({
  implementation: orNothing(text),
  language_info: orNothing(v.object({ name: orNothing(text), version: orNothing(text) })),
})
export const completeSchema = v.object({
  matches: v.fallback(texts, []),
  cursor_start: v.fallback(v.number(), 0),
  cursor_end: v.fallback(v.number(), 0),
  metadata: orNothing(v.object({ _jupyter_types_experimental: orNothing(v.array(v.unknown())) })),
})
export const typedMatchSchema = v.object({ text, type: text })
export const inspectSchema = v.object({ found: v.fallback(v.boolean(), false), data: v.fallback(bundle, {}) })

/** The content of a message, or undefined if it is not what its type says. */
export function contentOf<T extends v.GenericSchema>(schema: T, { content }: Message): v.InferOutput<T> | undefined {
  const parsed = v.safeParse(schema, content)
  return parsed.success ? parsed.output : undefined
}
