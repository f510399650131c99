/** What is sent to a run from outside, in its order, numbered from 1. It stays there; the log says what was heard. */
import { limits } from '@meshbook/core/limits.ts'
import type { Json } from '@meshbook/core/workflow/workflow-schema.ts'
import * as v from 'valibot'

const name = v.pipe(v.string(), v.maxLength(200))
const json = v.unknown() as v.GenericSchema<Json>
const inbox = v.pipe(v.number(), v.safeInteger(), v.minValue(1))
const by = v.nullable(name)
const comment = v.pipe(v.string(), v.maxLength(limits.gateCommentChars))

export const sentSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('decide'),
    inbox,
    gate: name,
    /** Of what was shown to whoever decided. */
    digest: name,
    verdict: v.picklist(['approved', 'rejected']),
    by,
    choice: v.nullable(name),
    form: v.nullable(json),
    comment: v.nullable(comment),
  }),
  v.strictObject({ type: v.literal('signal'), inbox, name, value: json }),
  /** What the run may cost in all, from now on. */
  v.strictObject({
    type: v.literal('budget'),
    inbox,
    microUsd: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
    by,
  }),
  v.strictObject({ type: v.literal('cancel'), inbox, by, reason: v.pipe(v.string(), v.maxLength(1_000)) }),
])
export type Sent = v.InferOutput<typeof sentSchema>
