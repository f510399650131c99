/**
 * What tokens of models cost, and what a call costs by them. Prices are US dollars per million tokens, which is
 * millionths of a dollar per token. They are of the day when this was written: a hub may set its own (GW12).
 */
import * as v from 'valibot'
import type { Usage } from './task-events.ts'

const price = v.pipe(v.number(), v.minValue(0), v.maxValue(100_000))
const tokens = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(100_000_000))

export const modelPriceSchema = v.strictObject({
  input: price,
  output: price,
  /** Input that the provider had kept. */
  cacheRead: v.optional(price),
  /** Input that it keeps from now on: for minutes, and for an hour. */
  cacheWrite: v.optional(price),
  cacheWriteLong: v.optional(price),
  /** Of a longer input everything costs more. */
  above: v.optional(v.strictObject({ tokens, inputTimes: price, outputTimes: price })),
  /** The most that goes in, and that comes out where a request sets no limit. */
  contextTokens: v.optional(tokens),
  outputTokens: v.optional(tokens),
  /** The most that one picture counts for. */
  imageTokens: v.optional(tokens),
})
export interface ModelPrice {
  input: number
  output: number
  cacheRead: number
  cacheWrite: number
  cacheWriteLong: number
  above?: { tokens: number; inputTimes: number; outputTimes: number }
  contextTokens: number
  outputTokens: number
  imageTokens: number
}
export type GivenPrice = v.InferOutput<typeof modelPriceSchema>

/** `listed` here, `set` by the hub, or `dearest`: nobody knows the model, so it costs what the most expensive one does. */
export type PriceSource = 'listed' | 'set' | 'dearest'

const K = 1_000
const M = 1_000_000

/** The provider keeps input for 1.25 of its price (an hour: 2), and gives it back for a tenth. */
function anthropic(
  input: number,
  output: number,
  contextTokens: number,
  outputTokens: number,
  long = false,
): ModelPrice {
  const cache = { cacheRead: input / 10, cacheWrite: input * 1.25, cacheWriteLong: input * 2 }
  const above = long ? { above: { tokens: 200 * K, inputTimes: 2, outputTimes: 1.5 } } : {}
  return { input, output, ...cache, ...above, contextTokens, outputTokens, imageTokens: 5_000 }
}

function openai(
  input: number,
  cacheRead: number,
  output: number,
  contextTokens: number,
  outputTokens: number,
  imageTokens = 16_000,
): ModelPrice {
  const cache = { cacheRead, cacheWrite: input, cacheWriteLong: input }
  return { input, output, ...cache, contextTokens, outputTokens, imageTokens }
}

/** The provider keeps input by itself, and gives it back for a tenth. */
function gemini(input: number, output: number, long = false): ModelPrice {
  const cache = { cacheRead: input / 10, cacheWrite: input, cacheWriteLong: input }
  const above = long ? { above: { tokens: 200 * K, inputTimes: 2, outputTimes: 1.5 } } : {}
  const most = { contextTokens: 1_048_576, outputTokens: 65_536, imageTokens: 16_000 }
  return { input, output, ...cache, ...above, ...most }
}

const embedding = (input: number): ModelPrice => openai(input, input, 0, 300 * K, 1)

const listed: Readonly<Record<string, ModelPrice>> = {
  'claude-opus-4-6': anthropic(5, 25, M, 128 * K, true),
  'claude-opus-4-5': anthropic(5, 25, 200 * K, 64 * K),
  'claude-opus-4-1': anthropic(15, 75, 200 * K, 32 * K),
  'claude-opus-4-0': anthropic(15, 75, 200 * K, 32 * K),
  'claude-opus-4': anthropic(15, 75, 200 * K, 32 * K),
  'claude-sonnet-4-6': anthropic(3, 15, M, 64 * K, true),
  'claude-sonnet-4-5': anthropic(3, 15, M, 64 * K, true),
  'claude-sonnet-4-0': anthropic(3, 15, M, 64 * K, true),
  'claude-sonnet-4': anthropic(3, 15, M, 64 * K, true),
  'claude-3-7-sonnet': anthropic(3, 15, 200 * K, 128 * K),
  'claude-3-5-sonnet': anthropic(3, 15, 200 * K, 8_192),
  'claude-haiku-4-5': anthropic(1, 5, 200 * K, 64 * K),
  'claude-3-5-haiku': anthropic(0.8, 4, 200 * K, 8_192),
  'claude-3-haiku': anthropic(0.25, 1.25, 200 * K, 4_096),
  'claude-3-opus': anthropic(15, 75, 200 * K, 4_096),

  'gpt-5.2': openai(1.75, 0.175, 14, 400 * K, 128 * K),
  'gpt-5.1': openai(1.25, 0.125, 10, 400 * K, 128 * K),
  'gpt-5.1-codex': openai(1.25, 0.125, 10, 400 * K, 128 * K),
  'gpt-5': openai(1.25, 0.125, 10, 400 * K, 128 * K),
  'gpt-5-codex': openai(1.25, 0.125, 10, 400 * K, 128 * K),
  'gpt-5-mini': openai(0.25, 0.025, 2, 400 * K, 128 * K),
  'gpt-5-nano': openai(0.05, 0.005, 0.4, 400 * K, 128 * K),
  'gpt-5-pro': openai(15, 15, 120, 400 * K, 272 * K),
  'gpt-4.1': openai(2, 0.5, 8, 1_047_576, 32_768),
  'gpt-4.1-mini': openai(0.4, 0.1, 1.6, 1_047_576, 32_768),
  'gpt-4.1-nano': openai(0.1, 0.025, 0.4, 1_047_576, 32_768),
  'gpt-4o': openai(2.5, 1.25, 10, 128 * K, 16_384),
  'gpt-4o-mini': openai(0.15, 0.075, 0.6, 128 * K, 16_384, 50_000),
  o3: openai(2, 0.5, 8, 200 * K, 100 * K),
  'o3-mini': openai(1.1, 0.55, 4.4, 200 * K, 100 * K),
  'o3-pro': openai(20, 20, 80, 200 * K, 100 * K),
  'o4-mini': openai(1.1, 0.275, 4.4, 200 * K, 100 * K),
  o1: openai(15, 7.5, 60, 200 * K, 100 * K),
  'o1-pro': openai(150, 150, 600, 200 * K, 100 * K),
  'gemini-3.5-flash': gemini(1.5, 9),
  'gemini-3.1-pro': gemini(2, 12, true),
  'gemini-3.1-flash-lite': gemini(0.25, 1.5),
  'gemini-3-pro': gemini(2, 12, true),
  'gemini-3-flash': gemini(0.5, 3),
  'gemini-2.5-pro': gemini(1.25, 10, true),
  'gemini-2.5-flash': gemini(0.3, 2.5),
  'gemini-2.5-flash-lite': gemini(0.1, 0.4),

  'text-embedding-3-small': embedding(0.02),
  'text-embedding-3-large': embedding(0.13),
  'text-embedding-ada-002': embedding(0.1),
}

/** The one that costs the most for what comes out, with the largest of every size. */
const dearest: ModelPrice = {
  ...Object.values(listed).reduce((most, next) => (next.output > most.output ? next : most)),
  contextTokens: 2 * M,
  outputTokens: 272 * K,
  imageTokens: 50_000,
}

/** By its name, also where that ends with a date, `-latest` or `-preview`. */
export function priceOf(
  model: string,
  set: Readonly<Record<string, GivenPrice>> = {},
): { price: ModelPrice; source: PriceSource } {
  const given = Object.hasOwn(set, model) ? set[model] : undefined
  if (given) return { price: whole(given), source: 'set' }
  const plain = model.replace(/-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest|preview|preview-\d{2}-\d{4})$/, '')
  const known = Object.hasOwn(listed, plain) ? listed[plain] : undefined
  return known ? { price: known, source: 'listed' } : { price: dearest, source: 'dearest' }
}

function whole(given: GivenPrice): ModelPrice {
  const { input, output, above } = given
  return {
    input,
    output,
    cacheRead: given.cacheRead ?? input,
    cacheWrite: given.cacheWrite ?? input,
    cacheWriteLong: given.cacheWriteLong ?? given.cacheWrite ?? input,
    contextTokens: given.contextTokens ?? dearest.contextTokens,
    outputTokens: given.outputTokens ?? dearest.outputTokens,
    imageTokens: given.imageTokens ?? dearest.imageTokens,
    ...(above ? { above } : {}),
  }
}

/** Millionths of a dollar, rounded up. `longWrites`: of the tokens that are kept, those that are kept for an hour. */
export function costOf(price: ModelPrice, usage: Usage, longWrites = 0): number {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = usage
  const isLong = price.above && inputTokens + cacheReadTokens + cacheWriteTokens > price.above.tokens
  const shortWrites = Math.max(0, cacheWriteTokens - longWrites)
  const input =
    inputTokens * price.input +
    cacheReadTokens * price.cacheRead +
    shortWrites * price.cacheWrite +
    Math.min(longWrites, cacheWriteTokens) * price.cacheWriteLong
  const output = outputTokens * price.output
  // Sums of binary fractions are a hair off; without this a whole number could become the next.
  const cost = isLong ? input * price.above!.inputTimes + output * price.above!.outputTimes : input + output
  return Math.ceil(cost - 1e-6)
}

/** The most that so many tokens can cost: input at the dearest of what may be done with it. */
export function mostCost(
  price: ModelPrice,
  { inputTokens, outputTokens }: Pick<Usage, 'inputTokens' | 'outputTokens'>,
  keeps: 'nothing' | 'minutes' | 'hour',
): number {
  const nothing = { inputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens }
  const plain = costOf(price, { ...nothing, inputTokens })
  const read = costOf(price, { ...nothing, cacheReadTokens: inputTokens })
  if (keeps === 'nothing') return Math.max(plain, read)
  const written = costOf(price, { ...nothing, cacheWriteTokens: inputTokens }, keeps === 'hour' ? inputTokens : 0)
  return Math.max(plain, read, written)
}

export const noUsage: Usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }

export function tokensOf({ inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens }: Usage): number {
  return inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens
}
