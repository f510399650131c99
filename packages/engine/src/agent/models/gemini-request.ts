/** A request to a model in the words of Gemini's `streamGenerateContent`. Pure. The provider caches prefixes by itself. */
import type { Content, GenerateContentConfig, Part } from '@google/genai'
import type { Block } from '@meshbook/core/task-events.ts'
import type { Message, ModelRequest } from '../model.ts'

export interface GeminiRequest {
  model: string
  contents: Content[]
  config: GenerateContentConfig
}

/** What the provider takes in place of the signature of a call that one of its models did not make. */
const unsigned = 'skip_thought_signature_validator'

export function geminiRequest(request: ModelRequest): GeminiRequest {
  const { model, system, messages, tools, maxOutputTokens, answerSchema } = request
  const names = toolNames(messages)
  return {
    model,
    contents: joined(messages.map(message => contentOf(message, model, names))),
    config: {
      maxOutputTokens,
      // Both would send further requests, and bill them, that nobody here knows of.
      automaticContinuation: false,
      automaticFunctionCalling: { disable: true },
      ...(system === '' ? {} : { systemInstruction: { parts: [{ text: system }] } }),
      ...(answerSchema ? { responseMimeType: 'application/json', responseJsonSchema: answerSchema } : {}),
      ...(tools.length === 0
        ? {}
        : {
            tools: [
              {
                functionDeclarations: tools.map(({ name, description, schema }) => ({
                  name,
                  description,
                  parametersJsonSchema: { ...schema, type: 'object' },
                })),
              },
            ],
          }),
    },
  }
}

/** An answer of a tool is under the name of the tool too. */
function toolNames(messages: readonly Message[]): Map<string, string> {
  const calls = messages.flatMap(message => (message.role === 'agent' ? message.blocks : []))
  return new Map(calls.flatMap(block => (block.type === 'tool-call' ? [[block.id, block.tool] as const] : [])))
}

function contentOf(message: Message, model: string, names: ReadonlyMap<string, string>): Required<Content> {
  switch (message.role) {
    case 'user':
      return { role: 'user', parts: [{ text: said(message.text) }] }
    case 'agent':
      return { role: 'model', parts: agentParts(message.blocks, message.model === model) }
    case 'tools':
      return {
        role: 'user',
        parts: message.results.map(({ call, ok, content }) => ({
          functionResponse: {
            id: call,
            name: names.get(call) ?? '',
            response: ok ? { output: content } : { error: content },
          },
        })),
      }
  }
}

function said(text: string): string {
  return text === '' ? '(nothing)' : text
}

/** A signature stands in the thought before the block that it came with, and goes back with it. */
function agentParts(blocks: readonly Block[], isOwn: boolean): Part[] {
  const parts: Part[] = []
  let signature = ''
  let hasCall = false
  for (const block of blocks) {
    if (block.type === 'thinking') {
      if (isOwn) signature = block.signature ?? ''
      continue
    }
    const signed = signature === '' ? {} : { thoughtSignature: signature }
    signature = ''
    if (block.type === 'text') {
      if (block.text !== '' || 'thoughtSignature' in signed) parts.push({ text: block.text, ...signed })
      continue
    }
    // Of calls that are made at once, the first alone has one.
    const made = isOwn || hasCall ? signed : { thoughtSignature: unsigned }
    hasCall = true
    parts.push({ functionCall: { id: block.id, name: block.tool, args: argsOf(block.input) }, ...made })
  }
  return parts
}

/** What was no object goes back under a name, so that the model sees what it wrote. */
function argsOf(input: string): Record<string, unknown> {
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
function joined(messages: readonly Required<Content>[]): Content[] {
  const result: Required<Content>[] = []
  for (const { role, parts } of messages) {
    if (parts.length === 0) continue
    const last = result.at(-1)
    if (last?.role === role) last.parts.push(...parts)
    else result.push({ role, parts: [...parts] })
  }
  return result
}
