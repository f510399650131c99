/**
 * Reads the usage out of an answer while it passes, a stream or one piece of JSON, and counts what it brought (GW23,
 * GW24). It changes nothing and keeps no text.
 */
import { limits } from '@meshbook/core/limits.ts'
import type { Usage } from '@meshbook/core/task-events.ts'
import * as v from 'valibot'
import type { Asks } from './endpoints.ts'
import { EventReader } from './event-reader.ts'

export interface Reported {
  usage: Usage
  /** Of what is kept, the tokens that are kept for an hour. */
  longWrites: number
}

export interface Meter {
  push(chunk: Uint8Array): void
  /**
   * What was reported so far; `isFinal` when the provider has said all that it will. `showsAll`: what the model makes
   * passes as it makes it.
   */
  end(): { reported: Reported | undefined; isFinal: boolean; passedBytes: number; showsAll: boolean }
}

const most = 1_000_000_000
const count = v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(most)))
const anthropicSchema = v.object({
  input_tokens: count,
  output_tokens: count,
  cache_read_input_tokens: count,
  cache_creation_input_tokens: count,
  cache_creation: v.nullish(v.object({ ephemeral_1h_input_tokens: count })),
})
const openaiSchema = v.object({
  prompt_tokens: count,
  completion_tokens: count,
  input_tokens: count,
  output_tokens: count,
  prompt_tokens_details: v.nullish(v.object({ cached_tokens: count })),
  input_tokens_details: v.nullish(v.object({ cached_tokens: count })),
})
const geminiSchema = v.object({
  promptTokenCount: count,
  cachedContentTokenCount: count,
  candidatesTokenCount: count,
  thoughtsTokenCount: count,
  toolUsePromptTokenCount: count,
})

type Json = Record<string, unknown>
const object = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined

export function meterFor(asks: Asks, isStream: boolean): Meter {
  return isStream ? new StreamMeter(asks) : new JsonMeter(asks)
}

class JsonMeter implements Meter {
  readonly #asks: Asks
  readonly #chunks: Uint8Array[] = []
  #bytes = 0

  constructor(asks: Asks) {
    this.#asks = asks
  }

  push(chunk: Uint8Array): void {
    this.#bytes += chunk.byteLength
    if (this.#bytes <= limits.modelEventBytes) this.#chunks.push(chunk)
    else this.#chunks.length = 0
  }

  end(): ReturnType<Meter['end']> {
    const { usage, usageMetadata } = parsed(Buffer.concat(this.#chunks).toString('utf8')) ?? {}
    const reported = this.#reportedIn(usage, usageMetadata)
    return { reported, isFinal: reported !== undefined, passedBytes: this.#bytes, showsAll: false }
  }

  #reportedIn(usage: unknown, usageMetadata: unknown): Reported | undefined {
    if (this.#asks === 'contents') return geminiUsage(usageMetadata)
    return this.#asks === 'messages' ? anthropicUsage(usage, undefined) : openaiUsage(usage)
  }
}

class StreamMeter implements Meter {
  readonly #reader: EventReader
  #reported: Reported | undefined
  #isFinal = false
  #passedBytes = 0

  constructor(asks: Asks) {
    const take = (data: string): void => {
      const event = parsed(data)
      if (asks === 'messages') this.#anthropic(event)
      else if (asks === 'contents') this.#gemini(event)
      else this.#openai(event)
    }
    this.#reader = new EventReader(limits.modelEventBytes, take)
  }

  push(chunk: Uint8Array): void {
    this.#reader.push(chunk)
  }

  end(): ReturnType<Meter['end']> {
    return { reported: this.#reported, isFinal: this.#isFinal, passedBytes: this.#passedBytes, showsAll: true }
  }

  /** `message_start` has what went in; `message_delta` counts what came out, all of it each time. */
  #anthropic(event: Json | undefined): void {
    if (event?.type === 'message_start') this.#report(anthropicUsage(object(event.message)?.usage, this.#reported))
    else if (event?.type === 'message_delta') this.#report(anthropicUsage(event.usage, this.#reported))
    else if (event?.type === 'message_stop') this.#isFinal = this.#reported !== undefined
    else if (event?.type === 'content_block_delta') this.#passedBytes += textBytes(event.delta)
  }

  /** Of a chat the last chunk has it; of a response the event that ends it. */
  #openai(event: Json | undefined): void {
    const usage = event?.usage ?? object(event?.response)?.usage
    this.#report(openaiUsage(usage))
    this.#isFinal ||= this.#reported !== undefined
    if (typeof event?.type === 'string') {
      if (event.type.endsWith('.delta')) this.#passedBytes += textBytes(event.delta)
    } else this.#passedBytes += textBytes(event?.choices)
  }

  /** Each chunk has all that was used so far; the last says why the answer ended, or why there is none. */
  #gemini(event: Json | undefined): void {
    this.#report(geminiUsage(event?.usageMetadata))
    const candidates = Array.isArray(event?.candidates) ? event.candidates : []
    const isOver = candidates.some(one => object(one)?.finishReason) || object(event?.promptFeedback)?.blockReason
    this.#isFinal ||= Boolean(isOver) && this.#reported !== undefined
    this.#passedBytes += textBytes(candidates.map(one => object(one)?.content))
  }

  #report(reported: Reported | undefined): void {
    if (reported) this.#reported = reported
  }
}

function parsed(text: string): Json | undefined {
  try {
    return object(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** All text of a difference, whatever its fields are called; names and signatures are small beside it. */
function textBytes(value: unknown, depth = 0): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (typeof value !== 'object' || value === null || depth > 8) return 0
  return Object.entries(value).reduce(
    (sum, [name, item]) => sum + (uncounted.has(name) ? 0 : textBytes(item, depth + 1)),
    0,
  )
}
const uncounted = new Set(['type', 'role', 'id', 'signature', 'finish_reason', 'object', 'thoughtSignature'])

/** What a later report leaves out stands as it was. */
function anthropicUsage(value: unknown, before: Reported | undefined): Reported | undefined {
  const result = v.safeParse(anthropicSchema, value)
  if (!result.success) return undefined
  const { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens, cache_creation } =
    result.output
  if (input_tokens == null && output_tokens == null) return undefined
  const was = before?.usage
  return {
    usage: {
      inputTokens: input_tokens ?? was?.inputTokens ?? 0,
      outputTokens: output_tokens ?? was?.outputTokens ?? 0,
      cacheReadTokens: cache_read_input_tokens ?? was?.cacheReadTokens ?? 0,
      cacheWriteTokens: cache_creation_input_tokens ?? was?.cacheWriteTokens ?? 0,
    },
    longWrites: cache_creation?.ephemeral_1h_input_tokens ?? before?.longWrites ?? 0,
  }
}

function openaiUsage(value: unknown): Reported | undefined {
  const result = v.safeParse(openaiSchema, value)
  if (!result.success) return undefined
  const { prompt_tokens, completion_tokens, input_tokens, output_tokens } = result.output
  const input = prompt_tokens ?? input_tokens
  if (input == null) return undefined
  const details = result.output.prompt_tokens_details ?? result.output.input_tokens_details
  const cached = Math.min(input, details?.cached_tokens ?? 0)
  const usage = {
    inputTokens: input - cached,
    outputTokens: completion_tokens ?? output_tokens ?? 0,
    cacheReadTokens: cached,
    cacheWriteTokens: 0,
  }
  return { usage, longWrites: 0 }
}

/** Thoughts cost what words do, and are counted apart from them. */
function geminiUsage(value: unknown): Reported | undefined {
  const result = v.safeParse(geminiSchema, value)
  if (!result.success || result.output.promptTokenCount == null) return undefined
  const {
    promptTokenCount,
    cachedContentTokenCount,
    candidatesTokenCount,
    thoughtsTokenCount,
    toolUsePromptTokenCount,
  } = result.output
  const cached = Math.min(promptTokenCount, cachedContentTokenCount ?? 0)
  const usage = {
    inputTokens: promptTokenCount - cached + (toolUsePromptTokenCount ?? 0),
    outputTokens: (candidatesTokenCount ?? 0) + (thoughtsTokenCount ?? 0),
    cacheReadTokens: cached,
    cacheWriteTokens: 0,
  }
  return { usage, longWrites: 0 }
}
