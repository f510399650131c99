/** The chunks of one answer of Gemini, checked one by one and put together. Pure. */
import type { Block } from '@meshbook/core/task-events.ts'
import * as v from 'valibot'
import { type Answer, type Heard, ModelError, noUsage, type Piece, type StopReason } from '../model.ts'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const maybeCount = v.nullish(count, 0)

/** `undefined`: what came is no answer, and may be asked for again. */
const stops: Readonly<Record<string, StopReason | undefined>> = {
  STOP: 'done',
  MAX_TOKENS: 'length',
  CONTINUATION: 'length',
  SAFETY: 'refused',
  RECITATION: 'refused',
  LANGUAGE: 'refused',
  BLOCKLIST: 'refused',
  PROHIBITED_CONTENT: 'refused',
  SPII: 'refused',
  IMAGE_SAFETY: 'refused',
  IMAGE_PROHIBITED_CONTENT: 'refused',
  IMAGE_RECITATION: 'refused',
}

const partSchema = v.object({
  text: v.optional(v.string()),
  thought: v.optional(v.boolean()),
  thoughtSignature: v.optional(v.string()),
  functionCall: v.optional(
    v.object({
      id: v.optional(v.string()),
      name: v.pipe(v.string(), v.minLength(1)),
      args: v.optional(v.record(v.string(), v.unknown())),
    }),
  ),
})
type Part = v.InferOutput<typeof partSchema>

const chunkSchema = v.object({
  modelVersion: v.optional(v.string()),
  responseId: v.optional(v.string()),
  candidates: v.optional(
    v.pipe(
      v.array(
        v.object({
          index: v.optional(v.literal(0)),
          finishReason: v.optional(v.string()),
          finishMessage: v.optional(v.string()),
          content: v.optional(v.object({ parts: v.optional(v.array(partSchema)) })),
        }),
      ),
      v.maxLength(1),
    ),
  ),
  promptFeedback: v.optional(v.object({ blockReason: v.optional(v.string()) })),
  usageMetadata: v.optional(
    v.object({
      promptTokenCount: maybeCount,
      cachedContentTokenCount: maybeCount,
      candidatesTokenCount: maybeCount,
      thoughtsTokenCount: maybeCount,
      toolUsePromptTokenCount: maybeCount,
    }),
  ),
})
type Chunk = v.InferOutput<typeof chunkSchema>

export class GeminiAnswer {
  readonly #model: string
  readonly #blocks: Block[] = []
  #response = ''
  #usage = noUsage
  #stop: StopReason | undefined
  /** The last block has a signature: what comes without one is not joined to it. */
  #isSigned = false

  constructor(model: string) {
    this.#model = model
  }

  /** Takes the next chunk, and returns what is new in it: what the model thought and said are pieces of their own. */
  take(raw: unknown): (Piece | Heard)[] {
    const parsed = v.safeParse(chunkSchema, raw)
    if (!parsed.success) throw malformed(parsed.issues[0].message)
    const { responseId, candidates, promptFeedback, usageMetadata } = parsed.output
    if (usageMetadata) this.#usage = usageOf(usageMetadata)
    if (responseId) this.#response = responseId
    const candidate = candidates?.[0]
    const parts = candidate?.content?.parts ?? []
    if (this.#stop && parts.length > 0) throw malformed('it went on after its end')
    const pieces = parts.map(part => this.#add(part))
    if (candidate?.finishReason) this.#stop = this.#stopOf(candidate.finishReason, candidate.finishMessage)
    else if (promptFeedback?.blockReason) this.#stop = 'refused'
    return pieces.length > 0 ? pieces : [{ type: 'heard', chars: 0 }]
  }

  /** The whole answer. Fails where the reason of its end has not come. */
  end(): Answer {
    if (!this.#stop) throw new ModelError('cut', 'the answer of the model ended in its middle')
    const ids = this.#blocks.flatMap(block => (block.type === 'tool-call' ? [block.id] : []))
    if (new Set(ids).size < ids.length) throw malformed('two tool calls with one id')
    const stop = this.#stop === 'done' && ids.length > 0 ? 'tools' : this.#stop
    return { model: this.#model, blocks: this.#blocks, usage: this.#usage, stop }
  }

  #add({ text, thought, thoughtSignature, functionCall }: Part): Piece | Heard {
    const last = this.#blocks.at(-1)
    if (thought) {
      if (last?.type === 'thinking') last.text += text ?? ''
      else this.#blocks.push({ type: 'thinking', text: text ?? '' })
      return text ? { type: 'piece', as: 'thinking', text } : { type: 'heard', chars: 0 }
    }
    if (thoughtSignature) this.#sign(thoughtSignature)
    if (functionCall) {
      const { id = this.#newId(), name, args = {} } = functionCall
      const input = JSON.stringify(args)
      this.#blocks.push({ type: 'tool-call', id, tool: name, input })
      return { type: 'heard', chars: input.length }
    }
    if (text === undefined || (text === '' && !thoughtSignature)) return { type: 'heard', chars: 0 }
    if (last?.type === 'text' && !thoughtSignature && !this.#isSigned) last.text += text
    else this.#blocks.push({ type: 'text', text })
    this.#isSigned = thoughtSignature !== undefined
    return text === '' ? { type: 'heard', chars: 0 } : { type: 'piece', as: 'text', text }
  }

  #sign(signature: string): void {
    const last = this.#blocks.at(-1)
    if (last?.type === 'thinking' && !last.signature) last.signature = signature
    else this.#blocks.push({ type: 'thinking', text: '', signature })
  }

  /** Not every model names its calls; the number of the answer makes the name one of its own. */
  #newId(): string {
    return `call-${this.#response || this.#model}-${this.#blocks.length}`
  }

  #stopOf(reason: string, message: string | undefined): StopReason {
    const stop = stops[reason]
    if (stop) return stop
    throw new ModelError('cut', `the model ended its answer with ${reason}${message ? `: ${message}` : ''}`)
  }
}

/** What from the cache came is counted apart; thoughts cost what words do. */
function usageOf(usage: NonNullable<Chunk['usageMetadata']>): Answer['usage'] {
  const cached = Math.min(usage.cachedContentTokenCount ?? 0, usage.promptTokenCount ?? 0)
  return {
    inputTokens: (usage.promptTokenCount ?? 0) - cached + (usage.toolUsePromptTokenCount ?? 0),
    outputTokens: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
    cacheReadTokens: cached,
    cacheWriteTokens: 0,
  }
}

function malformed(what: string): ModelError {
  return new ModelError('cut', `the answer of the model is malformed: ${what}`)
}
