/** What is asked of the program that talks to the keychain, and what it answers: one JSON line each. */
import * as v from 'valibot'

export const askSchema = v.variant('do', [
  v.object({ do: v.literal('probe'), account: v.string() }),
  v.object({ do: v.literal('read'), account: v.string() }),
  v.object({ do: v.literal('write'), account: v.string(), secret: v.string() }),
  v.object({ do: v.literal('remove'), account: v.string() }),
])
export type KeychainAsk = v.InferOutput<typeof askSchema>

export const answerSchema = v.variant('ok', [
  v.object({ ok: v.literal(true), secret: v.optional(v.string()) }),
  v.object({ ok: v.literal(false), why: v.string() }),
])
export type KeychainAnswer = v.InferOutput<typeof answerSchema>
