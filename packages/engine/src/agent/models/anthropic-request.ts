/** A request to a model in the words of Anthropic's Messages, with marks for the prompt cache. Pure. */
import type Anthropic from '@anthropic-ai/sdk'
import { transformJSONSchema } from '@anthropic-ai/sdk/lib/transform-json-schema'
import type { Block } from '@meshbook/core/task-events.ts'
import type { Message, ModelRequest } from '../model.ts'
import { inWords, isClosed } from './answer-schema.ts'
import { redacted } from './anthropic-stream.ts'

type Body = Anthropic.MessageCreateParamsStreaming
type BlockParam =
  | Anthropic.TextBlockParam
  | Anthropic.ThinkingBlockParam
  | Anthropic.RedactedThinkingBlockParam
  | Anthropic.ToolUseBlockParam
  | Anthropic.ToolResultBlockParam

interface Param {
  role: 'user' | 'assistant'
  content: BlockParam[]
}

const mark = { type: 'ephemeral' } as const
/** Of the user, from the end: the last is written to the cache, the one before it is read from there. */
const markedMessages = 2

export function anthropicRequest(request: ModelRequest): Body {
  const { answerSchema } = request
  const isHeld = answerSchema?.type === 'object' && isClosed(answerSchema)
  const system = answerSchema && !isHeld ? inWords(request.system, answerSchema) : request.system
  return {
    model: request.model,
    max_tokens: request.maxOutputTokens,
    stream: true,
    ...(system === '' ? {} : { system: [{ type: 'text', text: system, cache_control: mark }] }),
    ...(isHeld
      ? { output_config: { format: { type: 'json_schema', schema: transformJSONSchema(answerSchema) } } }
      : {}),
    ...(request.tools.length === 0
      ? {}
      : {
          tools: request.tools.map(({ name, description, schema }) => ({
            name,
            description,
            input_schema: { ...schema, type: 'object' as const },
          })),
        }),
    messages: marked(joined(request.messages.map(message => paramOf(message, request.model)))),
  }
}

function paramOf(message: Message, model: string): Param {
  switch (message.role) {
    case 'user':
      return { role: 'user', content: [{ type: 'text', text: said(message.text) }] }
    case 'agent':
      return { role: 'assistant', content: message.blocks.flatMap(block => blockParam(block, message.model === model)) }
    case 'tools':
      return {
        role: 'user',
        content: message.results.map(({ call, ok, content }) => ({
          type: 'tool_result' as const,
          tool_use_id: call,
          content: said(content),
          ...(ok ? {} : { is_error: true }),
        })),
      }
  }
}

/** The provider takes no text that is empty. */
function said(text: string): string {
  return text.trim() === '' ? '(nothing)' : text
}

function blockParam(block: Block, isOwn: boolean): BlockParam[] {
  switch (block.type) {
    case 'text':
      return block.text.trim() === '' ? [] : [{ type: 'text', text: block.text }]
    case 'thinking': {
      if (!isOwn || !block.signature) return []
      if (block.signature.startsWith(redacted))
        return [{ type: 'redacted_thinking', data: block.signature.slice(redacted.length) }]
      return [{ type: 'thinking', thinking: block.text, signature: block.signature }]
    }
    case 'tool-call':
      return [{ type: 'tool_use', id: block.id, name: block.tool, input: inputOf(block.input) }]
  }
}

/** What was no object goes back under a name, so that the model sees what it wrote. */
function inputOf(input: string): Record<string, unknown> {
  if (input === '') return {}
  try {
    const value: unknown = JSON.parse(input)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    return { unreadable: input }
  }
  return { unreadable: input }
}

/** Messages of one role that follow each other as one: results of tools first, then what the user said. */
function joined(messages: readonly Param[]): Param[] {
  const result: Param[] = []
  for (const message of messages) {
    if (message.content.length === 0) continue
    const last = result.at(-1)
    if (last?.role === message.role) last.content.push(...message.content)
    else result.push({ role: message.role, content: [...message.content] })
  }
  return result
}

function marked(messages: Param[]): (Anthropic.UserMessageParam | Anthropic.AssistantMessageParam)[] {
  const users = messages.filter(({ role }) => role === 'user').slice(-markedMessages)
  return messages.map(message => {
    const last = message.content.at(-1)!
    if (!users.includes(message) || (last.type !== 'text' && last.type !== 'tool_result')) return message
    return { ...message, content: [...message.content.slice(0, -1), { ...last, cache_control: mark }] }
  })
}
