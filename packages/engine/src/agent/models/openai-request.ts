/** A request to a model in the words of OpenAI's chat completions. Pure. The provider caches prefixes by itself. */
import type { Block } from '@meshbook/core/task-events.ts'
import type OpenAI from 'openai'
import type { Message, ModelRequest } from '../model.ts'
import { inWords, isComplete } from './answer-schema.ts'

type Body = OpenAI.ChatCompletionCreateParamsStreaming
type Param = OpenAI.ChatCompletionMessageParam

export function openAiRequest(request: ModelRequest): Body {
  const { answerSchema } = request
  const isHeld = answerSchema?.type === 'object'
  const system = answerSchema && !isHeld ? inWords(request.system, answerSchema) : request.system
  return {
    model: request.model,
    max_completion_tokens: request.maxOutputTokens,
    stream: true,
    stream_options: { include_usage: true },
    ...(isHeld
      ? {
          response_format: {
            type: 'json_schema' as const,
            json_schema: { name: 'answer', schema: answerSchema, strict: isComplete(answerSchema) },
          },
        }
      : {}),
    ...(request.tools.length === 0
      ? {}
      : {
          tools: request.tools.map(({ name, description, schema }) => ({
            type: 'function' as const,
            function: { name, description, parameters: schema },
          })),
        }),
    messages: [
      ...(system === '' ? [] : [{ role: 'system' as const, content: system }]),
      ...request.messages.flatMap(paramsOf),
    ],
  }
}

function paramsOf(message: Message): Param[] {
  switch (message.role) {
    case 'user':
      return [{ role: 'user', content: message.text }]
    case 'tools':
      return message.results.map(({ call, ok, content }) => ({
        role: 'tool' as const,
        tool_call_id: call,
        content: ok ? content : `Error: ${content}`,
      }))
    case 'agent':
      return agentParams(message.blocks)
  }
}

function agentParams(blocks: readonly Block[]): Param[] {
  const text = blocks.flatMap(block => (block.type === 'text' ? [block.text] : [])).join('')
  const calls = blocks.flatMap(block =>
    block.type === 'tool-call'
      ? [{ id: block.id, type: 'function' as const, function: { name: block.tool, arguments: block.input || '{}' } }]
      : [],
  )
  if (text === '' && calls.length === 0) return []
  return [{ role: 'assistant', content: text === '' ? null : text, ...(calls.length > 0 ? { tool_calls: calls } : {}) }]
}
