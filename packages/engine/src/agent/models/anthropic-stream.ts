/** The events of one answer of Anthropic's Messages, checked one by one and put together. Pure. */
import type { Block } from '@meshbook/core/task-events.ts'
import * as v from 'valibot'
import { type Answer, type Heard, ModelError, type Piece, type StopReason } from '../model.ts'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const maybeCount = v.nullish(count)
const index = count
const usageSchema = v.object({
  input_tokens: count,
  output_tokens: count,
  cache_creation_input_tokens: maybeCount,
  cache_read_input_tokens: maybeCount,
})
const stops = {
  end_turn: 'done',
  stop_sequence: 'done',
  pause_turn: 'done',
  tool_use: 'tools',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  refusal: 'refused',
} as const satisfies Record<string, StopReason>

const eventSchema = v.variant('type', [
  v.object({ type: v.literal('message_start'), message: v.object({ model: v.string(), usage: usageSchema }) }),
  v.object({
    type: v.literal('content_block_start'),
    index,
    content_block: v.variant('type', [
      v.object({ type: v.literal('text'), text: v.string() }),
      v.object({ type: v.literal('thinking'), thinking: v.string(), signature: v.optional(v.string()) }),
      v.object({ type: v.literal('redacted_thinking'), data: v.string() }),
      v.object({ type: v.literal('tool_use'), id: v.pipe(v.string(), v.minLength(1)), name: v.string() }),
    ]),
  }),
  v.object({
    type: v.literal('content_block_delta'),
    index,
    delta: v.variant('type', [
      v.object({ type: v.literal('text_delta'), text: v.string() }),
      v.object({ type: v.literal('thinking_delta'), thinking: v.string() }),
      v.object({ type: v.literal('signature_delta'), signature: v.string() }),
      v.object({ type: v.literal('input_json_delta'), partial_json: v.string() }),
    ]),
  }),
  v.object({ type: v.literal('content_block_stop'), index }),
  v.object({
    type: v.literal('message_delta'),
    delta: v.object({ stop_reason: v.picklist(Object.keys(stops) as (keyof typeof stops)[]) }),
    usage: v.object({
      input_tokens: maybeCount,
      output_tokens: count,
      cache_creation_input_tokens: maybeCount,
      cache_read_input_tokens: maybeCount,
    }),
  }),
  v.object({ type: v.literal('message_stop') }),
])
const known = new Set<string>(eventSchema.options.map(option => option.entries.type.literal))

/** Marks what of a thought only its provider can read: it goes back as it came. */
export const redacted = 'redacted:'

export class AnthropicAnswer {
  #answer: Answer | undefined
  #open: number | undefined
  #stopped = false
  #isWhole = false

  /** Takes the next event, and returns what is new in it. */
  take(raw: unknown): Piece | Heard {
    const type = (raw as { type?: unknown } | null)?.type
    // The reference says that there may be events of other types, and to pass over them.
    if (typeof type === 'string' && !known.has(type)) return heard()
    const parsed = v.safeParse(eventSchema, raw)
    if (!parsed.success)
      throw new ModelError('cut', `the model sent an event that is malformed: ${parsed.issues[0].message}`)
    const event = parsed.output
    if (this.#isWhole) throw new ModelError('cut', 'the model went on after the end of its answer')
    if (event.type === 'message_start') {
      this.#begin(event.message)
      return heard()
    }
    const answer = this.#begun()
    switch (event.type) {
      case 'content_block_start':
        if (event.index !== answer.blocks.length || this.#open !== undefined) throw outOfOrder()
        this.#open = event.index
        answer.blocks.push(blockOf(event.content_block))
        return pieceOf(answer.blocks.at(-1)!)
      case 'content_block_delta':
        return extend(this.#openBlock(event.index), event.delta)
      case 'content_block_stop':
        this.#openBlock(event.index)
        this.#open = undefined
        break
      case 'message_delta':
        if (this.#open !== undefined) throw outOfOrder()
        answer.stop = stops[event.delta.stop_reason]
        this.#stopped = true
        answer.usage = {
          inputTokens: event.usage.input_tokens ?? answer.usage.inputTokens,
          outputTokens: event.usage.output_tokens,
          cacheReadTokens: event.usage.cache_read_input_tokens ?? answer.usage.cacheReadTokens,
          cacheWriteTokens: event.usage.cache_creation_input_tokens ?? answer.usage.cacheWriteTokens,
        }
        break
      case 'message_stop':
        if (!this.#stopped) throw outOfOrder()
        this.#isWhole = true
    }
    return heard()
  }

  /** The whole answer. Fails where its end mark has not come. */
  end(): Answer {
    if (!this.#isWhole) throw new ModelError('cut', 'the answer of the model ended in its middle')
    return this.#begun()
  }

  #begin({ model, usage }: { model: string; usage: v.InferOutput<typeof usageSchema> }): void {
    if (this.#answer) throw outOfOrder()
    this.#answer = {
      model,
      blocks: [],
      usage: {
        inputTokens: usage.input_tokens,
        outputTokens: usage.output_tokens,
        cacheReadTokens: usage.cache_read_input_tokens ?? 0,
        cacheWriteTokens: usage.cache_creation_input_tokens ?? 0,
      },
      stop: 'done',
    }
  }

  #begun(): Answer {
    if (!this.#answer) throw outOfOrder()
    return this.#answer
  }

  #openBlock(index: number): Block {
    const block = this.#begun().blocks[index]
    if (index !== this.#open || !block) throw outOfOrder()
    return block
  }
}

function outOfOrder(): ModelError {
  return new ModelError('cut', 'the model sent its events in an order that makes no answer')
}

type Started = Extract<v.InferOutput<typeof eventSchema>, { type: 'content_block_start' }>['content_block']
type Delta = Extract<v.InferOutput<typeof eventSchema>, { type: 'content_block_delta' }>['delta']

function blockOf(started: Started): Block {
  switch (started.type) {
    case 'text':
      return { type: 'text', text: started.text }
    case 'thinking':
      return { type: 'thinking', text: started.thinking, signature: started.signature ?? '' }
    case 'redacted_thinking':
      return { type: 'thinking', text: '', signature: redacted + started.data }
    case 'tool_use':
      return { type: 'tool-call', id: started.id, tool: started.name, input: '' }
  }
}

function heard(chars = 0): Heard {
  return { type: 'heard', chars }
}

function pieceOf(block: Block): Piece | Heard {
  if (block.type === 'tool-call' || block.text === '') return heard()
  return { type: 'piece', as: block.type, text: block.text }
}

function extend(block: Block, delta: Delta): Piece | Heard {
  if (delta.type === 'text_delta' && block.type === 'text') {
    block.text += delta.text
    return { type: 'piece', as: 'text', text: delta.text }
  }
  if (delta.type === 'thinking_delta' && block.type === 'thinking') {
    block.text += delta.thinking
    return { type: 'piece', as: 'thinking', text: delta.thinking }
  }
  if (delta.type === 'signature_delta' && block.type === 'thinking') block.signature = delta.signature
  else if (delta.type === 'input_json_delta' && block.type === 'tool-call') {
    block.input += delta.partial_json
    return heard(delta.partial_json.length)
  } else throw outOfOrder()
  return heard()
}
