/** The chunks of one answer of OpenAI's chat completions, checked one by one and put together. Pure. */
import type { Block } from '@meshbook/core/task-events.ts'
import * as v from 'valibot'
import { type Answer, type Heard, ModelError, noUsage, type Piece, type StopReason } from '../model.ts'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const stops = {
  stop: 'done',
  tool_calls: 'tools',
  function_call: 'tools',
  length: 'length',
  content_filter: 'refused',
} as const satisfies Record<string, StopReason>

const chunkSchema = v.object({
  model: v.string(),
  choices: v.array(
    v.object({
      index: v.literal(0),
      finish_reason: v.nullish(v.picklist(Object.keys(stops) as (keyof typeof stops)[])),
      delta: v.object({
        content: v.nullish(v.string()),
        refusal: v.nullish(v.string()),
        tool_calls: v.nullish(
          v.array(
            v.object({
              index: count,
              id: v.nullish(v.string()),
              function: v.nullish(v.object({ name: v.nullish(v.string()), arguments: v.nullish(v.string()) })),
            }),
          ),
        ),
      }),
    }),
  ),
  usage: v.nullish(
    v.object({
      prompt_tokens: count,
      completion_tokens: count,
      prompt_tokens_details: v.nullish(v.object({ cached_tokens: v.nullish(count) })),
    }),
  ),
})
type Chunk = v.InferOutput<typeof chunkSchema>
type CallDelta = NonNullable<Chunk['choices'][number]['delta']['tool_calls']>[number]
type Call = Extract<Block, { type: 'tool-call' }>

export class OpenAiAnswer {
  #text = ''
  #model = ''
  #usage = noUsage
  #stop: StopReason | undefined
  readonly #calls: Call[] = []

  /** Takes the next chunk, and returns what is new in it. */
  take(raw: unknown): Piece | Heard {
    const parsed = v.safeParse(chunkSchema, raw)
    if (!parsed.success) throw malformed(parsed.issues[0].message)
    const { model, choices, usage } = parsed.output
    this.#model = model
    if (usage) this.#usage = usageOf(usage)
    const choice = choices[0]
    if (!choice) return { type: 'heard', chars: 0 }
    if (this.#stop) throw malformed('it went on after its end')
    const calls = choice.delta.tool_calls ?? []
    for (const call of calls) this.#extend(call)
    if (choice.finish_reason) this.#stop = stops[choice.finish_reason]
    const text = (choice.delta.content ?? '') + (choice.delta.refusal ?? '')
    this.#text += text
    if (text !== '') return { type: 'piece', as: 'text', text }
    return { type: 'heard', chars: calls.reduce((sum, call) => sum + (call.function?.arguments?.length ?? 0), 0) }
  }

  /** The whole answer. Fails where the reason of its end has not come. */
  end(): Answer {
    if (!this.#stop) throw new ModelError('cut', 'the answer of the model ended in its middle')
    for (const { id, tool } of this.#calls)
      if (id === '' || tool === '') throw malformed('a tool call without a name or an id')
    if (new Set(this.#calls.map(({ id }) => id)).size < this.#calls.length)
      throw malformed('two tool calls with one id')
    const blocks: Block[] = this.#text === '' ? [] : [{ type: 'text', text: this.#text }]
    return { model: this.#model, blocks: [...blocks, ...this.#calls], usage: this.#usage, stop: this.#stop }
  }

  #extend(delta: CallDelta): void {
    if (delta.index === this.#calls.length) this.#calls.push({ type: 'tool-call', id: '', tool: '', input: '' })
    const call = this.#calls[delta.index]
    if (!call) throw malformed('a piece of a tool call that has not begun')
    if (delta.id) call.id = delta.id
    if (delta.function?.name) call.tool += delta.function.name
    call.input += delta.function?.arguments ?? ''
  }
}

/** What came from the cache is counted apart from what did not. */
function usageOf(usage: NonNullable<Chunk['usage']>): Answer['usage'] {
  const cached = Math.min(usage.prompt_tokens_details?.cached_tokens ?? 0, usage.prompt_tokens)
  return {
    inputTokens: usage.prompt_tokens - cached,
    outputTokens: usage.completion_tokens,
    cacheReadTokens: cached,
    cacheWriteTokens: 0,
  }
}

function malformed(what: string): ModelError {
  return new ModelError('cut', `the answer of the model is malformed: ${what}`)
}
