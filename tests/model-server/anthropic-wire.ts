/**
 * The Messages API of Anthropic as a server speaks it: what a request must be, what is answered to one that is not, and
 * the events of a stream. Written from the published reference, apart from any client.
 */
import { createHash, createHmac } from 'node:crypto'
import * as v from 'valibot'
import { complaintOf, Refused } from './refused.ts'
import type { Ask, AskedMessage, Fails, Says } from './script.ts'

const cacheControl = v.optional(
  v.strictObject({ type: v.literal('ephemeral'), ttl: v.optional(v.picklist(['5m', '1h'])) }),
)
const textBlock = v.strictObject({ type: v.literal('text'), text: v.string(), cache_control: cacheControl })
const id = v.pipe(v.string(), v.regex(/^[a-zA-Z0-9_-]+$/))
const userBlock = v.variant('type', [
  textBlock,
  v.strictObject({
    type: v.literal('tool_result'),
    tool_use_id: id,
    content: v.optional(v.union([v.string(), v.array(textBlock)])),
    is_error: v.optional(v.boolean()),
    cache_control: cacheControl,
  }),
])
const agentBlock = v.variant('type', [
  textBlock,
  v.strictObject({ type: v.literal('thinking'), thinking: v.string(), signature: v.string() }),
  v.strictObject({ type: v.literal('redacted_thinking'), data: v.string() }),
  v.strictObject({
    type: v.literal('tool_use'),
    id,
    name: v.string(),
    input: v.record(v.string(), v.unknown()),
    cache_control: cacheControl,
  }),
])
const message = v.variant('role', [
  v.strictObject({ role: v.literal('user'), content: v.union([v.string(), v.array(userBlock)]) }),
  v.strictObject({ role: v.literal('assistant'), content: v.union([v.string(), v.array(agentBlock)]) }),
])
const tool = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[a-zA-Z0-9_-]{1,128}$/)),
  description: v.optional(v.string()),
  input_schema: v.looseObject({ type: v.literal('object') }),
  type: v.optional(v.literal('custom')),
  cache_control: cacheControl,
})
const requestSchema = v.strictObject({
  model: v.string(),
  max_tokens: v.pipe(v.number(), v.integer(), v.minValue(1)),
  messages: v.array(message),
  system: v.optional(v.union([v.string(), v.array(textBlock)])),
  tools: v.optional(v.array(tool)),
  tool_choice: v.optional(
    v.variant('type', [
      v.strictObject({ type: v.picklist(['auto', 'any']), disable_parallel_tool_use: v.optional(v.boolean()) }),
      v.strictObject({ type: v.literal('none') }),
    ]),
  ),
  output_config: v.optional(
    v.strictObject({
      effort: v.optional(v.picklist(['low', 'medium', 'high', 'xhigh', 'max'])),
      format: v.optional(
        v.nullable(v.strictObject({ type: v.literal('json_schema'), schema: v.record(v.string(), v.unknown()) })),
      ),
    }),
  ),
  metadata: v.optional(v.strictObject({ user_id: v.optional(v.string()) })),
  stop_sequences: v.optional(v.array(v.string())),
  stream: v.optional(v.boolean()),
  temperature: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  top_k: v.optional(v.number()),
  top_p: v.optional(v.number()),
  thinking: v.optional(
    v.variant('type', [
      v.strictObject({ type: v.literal('enabled'), budget_tokens: v.pipe(v.number(), v.minValue(1024)) }),
      v.strictObject({ type: v.picklist(['disabled', 'adaptive']) }),
    ]),
  ),
})
type Request = v.InferOutput<typeof requestSchema>
type WireMessage = Request['messages'][number]
type WireBlock = Exclude<WireMessage['content'], string>[number]

export function refusal(status: number, type: string, message: string, headers: Record<string, string> = {}): Refused {
  const body = { type: 'error', error: { type, message }, request_id: 'req_011CSHoEeqs5C35K2UUqR7Fy' }
  return new Refused(status, body, headers)
}

const invalid = (message: string) => refusal(400, 'invalid_request_error', message)

export function faultBody(fails: Exclude<Fails, { after: number }>): Refused {
  switch (fails.fault) {
    case 'overloaded':
      return refusal(529, 'overloaded_error', 'Overloaded')
    case 'server-error':
      return refusal(500, 'api_error', 'Internal server error')
    case 'budget':
      return refusal(402, 'billing_error', 'The budget of this key is used up.')
    case 'bad-key':
      return refusal(401, 'authentication_error', 'invalid x-api-key')
    case 'too-long':
      return invalid('prompt is too long: 215873 tokens > 200000 maximum')
    case 'rate-limited': {
      const headers: Record<string, string> =
        fails.retryAfterSeconds === undefined ? {} : { 'retry-after': `${fails.retryAfterSeconds}` }
      return refusal(429, 'rate_limit_error', 'This request would exceed your rate limit.', headers)
    }
  }
}

/** Both are in use; the newer one has no parameters for sampling any more, and names what is null. */
const versions: readonly unknown[] = ['2023-06-01', '2026-10-21']

/** The parsed request, or the refusal that the provider would send. */
export function parseRequest(headers: Record<string, string | undefined>, body: unknown, key: string): Request {
  // Both are taken: the SDK sends its key as a bearer token from version 1 on.
  const given = headers['x-api-key'] ?? headers.authorization?.replace(/^Bearer /, '')
  if (given === undefined) throw refusal(401, 'authentication_error', 'x-api-key header is required')
  if (given !== key) throw faultBody({ fault: 'bad-key' })
  if (headers['anthropic-version'] === undefined) throw invalid('anthropic-version: header is required')
  const version = headers['anthropic-version']
  if (!versions.includes(version)) throw invalid(`anthropic-version: "${version}" is not a valid version`)
  if (!headers['content-type']?.startsWith('application/json')) throw invalid('content-type must be application/json')
  const parsed = v.safeParse(requestSchema, body)
  if (!parsed.success) {
    const { path, kind, expected } = complaintOf(parsed.issues)
    const words = {
      missing: 'Field required',
      unknown: 'Extra inputs are not permitted',
      wrong: `Input should be ${expected}`,
    }
    throw invalid(`${path.join('.')}: ${words[kind]}`)
  }
  for (const name of ['temperature', 'top_p', 'top_k'] as const)
    if (version !== versions[0] && parsed.output[name] !== undefined)
      throw invalid(`${name}: this parameter is not supported in API version ${version}`)
  checkConversation(parsed.output)
  const format = parsed.output.output_config?.format
  if (format) checkFormat(format.schema, 'output_config.format.schema')
  return parsed.output
}

const keywords: readonly string[] = [
  ...['type', 'properties', 'required', 'additionalProperties', 'items', 'minItems', 'enum', 'const', 'anyOf', 'allOf'],
  ...['$ref', '$defs', 'description', 'title', 'format', 'default'],
]

/** Of JSON Schema the provider takes what it can enforce, and objects that have no other fields. */
function checkFormat(schema: unknown, place: string): void {
  if (typeof schema !== 'object' || schema === null) throw invalid(`${place}: Input should be an object`)
  const { type, additionalProperties, properties, items, anyOf } = schema as Record<string, unknown>
  for (const key of Object.keys(schema))
    if (!keywords.includes(key)) throw invalid(`${place}: For '${type}' type, property '${key}' is not supported`)
  if (type === 'object' && additionalProperties !== false)
    throw invalid(`${place}: For 'object' type, 'additionalProperties' must be explicitly set to false`)
  for (const [name, inner] of Object.entries(properties ?? {})) checkFormat(inner, `${place}.properties.${name}`)
  if (items !== undefined) checkFormat(items, `${place}.items`)
  for (const inner of Array.isArray(anyOf) ? anyOf : []) checkFormat(inner, `${place}.anyOf`)
}

function blocksOf(message: WireMessage): WireBlock[] {
  return typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content
}

function checkConversation(request: Request): void {
  const { messages } = request
  if (messages.length === 0) throw invalid('messages: at least one message is required')
  if (messages[0]!.role !== 'user') throw invalid('messages: first message must use the "user" role')
  const names = (request.tools ?? []).map(({ name }) => name)
  if (new Set(names).size < names.length) throw invalid('tools: Tool names must be unique.')
  for (const [at, message] of messages.entries()) {
    const blocks = blocksOf(message)
    if (blocks.length === 0 && at < messages.length - 1)
      throw invalid(
        `messages.${at}: all messages must have non-empty content except for the optional final assistant message`,
      )
    for (const [place, block] of blocks.entries()) checkBlock(block, `messages.${at}.content.${place}`)
    checkResults(messages, at, request)
  }
  if (messages.at(-1)!.role === 'assistant')
    throw invalid(
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    )
  const marks = JSON.stringify(request).split('"cache_control"').length - 1
  if (marks > 4) throw invalid(`A maximum of 4 blocks with cache_control may be provided. Found ${marks}.`)
}

function checkBlock(block: WireBlock, place: string): void {
  if (block.type === 'text' && block.text === '') throw invalid(`${place}: text content blocks must be non-empty`)
  if (block.type === 'text' && block.text.trim() === '')
    throw invalid(`${place}: text content blocks must contain non-whitespace text`)
  if (block.type === 'thinking' && block.signature !== signatureOf(block.thinking))
    throw invalid(`${place}: Invalid \`signature\` in \`thinking\` block`)
}

function checkResults(messages: readonly WireMessage[], at: number, request: Request): void {
  const message = messages[at]!
  const calls = (of: WireMessage | undefined) =>
    of?.role === 'assistant' ? blocksOf(of).flatMap(block => (block.type === 'tool_use' ? [block.id] : [])) : []
  const results = (of: WireMessage | undefined) =>
    of?.role === 'user' ? blocksOf(of).flatMap(block => (block.type === 'tool_result' ? [block.tool_use_id] : [])) : []
  const asked = calls(messages[at - 1])
  for (const [place, result] of results(message).entries())
    if (!asked.includes(result))
      throw invalid(
        `messages.${at}.content.${place}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${result}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
      )
  if (new Set(results(message)).size < results(message).length)
    throw invalid(
      `messages.${at}.content: each tool_use must have a single result. Found multiple \`tool_result\` blocks.`,
    )
  const made = calls(message)
  if (new Set(made).size < made.length) throw invalid(`messages.${at}.content: \`tool_use\` ids must be unique`)
  if (made.length > 0 && !request.tools) throw invalid('tools: Field required when `tool_use` blocks are present')
  const unanswered = made.filter(call => !results(messages[at + 1]).includes(call))
  if (unanswered.length > 0)
    throw invalid(
      `messages.${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${unanswered.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
    )
  const first = message.role === 'user' ? blocksOf(message).findIndex(block => block.type === 'text') : -1
  const last = blocksOf(message).findLastIndex(block => block.type === 'tool_result')
  if (first >= 0 && last > first)
    throw invalid(`messages.${at}: \`tool_result\` blocks must come before other content of the message`)
}

export function askOf(request: Request, number: number): Ask {
  const tools = new Map<string, string>()
  const messages = request.messages.flatMap((message): AskedMessage[] => {
    const blocks = blocksOf(message)
    const text = blocks.flatMap(block => (block.type === 'text' ? [block.text] : [])).join('\n')
    if (message.role === 'assistant') {
      const calls = blocks.flatMap(block =>
        block.type === 'tool_use' ? [{ id: block.id, tool: block.name, input: block.input as unknown }] : [],
      )
      for (const call of calls) tools.set(call.id, call.tool)
      return [{ role: 'agent', text, calls }]
    }
    const results = blocks.flatMap((block): AskedMessage[] =>
      block.type === 'tool_result'
        ? [
            {
              role: 'tool',
              call: block.tool_use_id,
              tool: tools.get(block.tool_use_id) ?? '',
              text: plain(block.content),
              isError: block.is_error ?? false,
            },
          ]
        : [],
    )
    return text === '' ? results : [...results, { role: 'user', text }]
  })
  const { model, system, tools: offered = [] } = request
  return {
    wire: 'anthropic',
    model,
    system: plain(system),
    messages,
    tools: offered.map(({ name }) => name),
    number,
    body: request,
  }
}

function plain(content: string | readonly { text: string }[] | undefined): string {
  return typeof content === 'string' ? content : (content ?? []).map(({ text }) => text).join('\n')
}

/** What a thought is signed with: it must come back as it was. */
export function signatureOf(thought: string): string {
  return createHmac('sha256', 'thoughts').update(thought).digest('base64')
}

export interface AnthropicUsage {
  input_tokens: number
  cache_creation_input_tokens: number
  cache_read_input_tokens: number
  output_tokens: number
}

const tokens = (text: string) => Math.ceil(text.length / 4)

/** Counts what of the request was cached before: `cache` holds hashes of what ended at a mark. */
export function inputUsage(request: Request, cache: Set<string>): Omit<AnthropicUsage, 'output_tokens'> {
  const parts = [
    ...(request.tools ?? []),
    ...(typeof request.system === 'string' ? [{ text: request.system }] : (request.system ?? [])),
    ...request.messages.flatMap(message => blocksOf(message).map(block => ({ role: message.role, ...block }))),
  ]
  let seen = ''
  let read = 0
  let marked = 0
  for (const part of parts) {
    const { cache_control: mark, ...rest } = part as { cache_control?: unknown }
    seen += JSON.stringify(rest)
    const hash = createHash('sha256').update(request.model).update(seen).digest('hex')
    if (cache.has(hash)) read = tokens(seen)
    if (mark === undefined) continue
    marked = tokens(seen)
    cache.add(hash)
  }
  marked = Math.max(marked, read)
  return {
    input_tokens: tokens(seen) - marked,
    cache_creation_input_tokens: marked - read,
    cache_read_input_tokens: read,
  }
}

export function outputTokens(says: Says): number {
  return says.outputTokens ?? tokens(JSON.stringify(says))
}

const stops = { done: 'end_turn', tools: 'tool_use', length: 'max_tokens', refused: 'refusal' } as const

function stopOf(says: Says): string {
  return stops[says.stop ?? (says.calls?.length ? 'tools' : 'done')]
}

function contentOf(says: Says, number: number): Record<string, unknown>[] {
  return [
    ...(says.think === undefined
      ? []
      : [{ type: 'thinking', thinking: says.think, signature: signatureOf(says.think) }]),
    ...(says.say === undefined ? [] : [{ type: 'text', text: says.say, citations: null }]),
    ...(says.calls ?? []).map((call, at) => ({
      type: 'tool_use',
      caller: { type: 'direct' },
      id: call.id ?? `toolu_${number}_${at}`,
      name: call.tool,
      input: call.input,
    })),
  ]
}

function envelope(ask: Ask, usage: AnthropicUsage) {
  return {
    id: `msg_${String(ask.number).padStart(24, '0')}`,
    type: 'message',
    role: 'assistant',
    model: ask.model,
    content: [] as unknown[],
    stop_reason: null as string | null,
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: {
      ...usage,
      cache_creation: { ephemeral_5m_input_tokens: usage.cache_creation_input_tokens, ephemeral_1h_input_tokens: 0 },
      service_tier: 'standard',
    },
  }
}

export function wholeAnswer(ask: Ask, says: Says, usage: AnthropicUsage): Record<string, unknown> {
  return { ...envelope(ask, usage), content: contentOf(says, ask.number), stop_reason: stopOf(says) }
}

/** The events of a stream as they are sent, one string each. */
export function streamOf(ask: Ask, says: Says, usage: AnthropicUsage): string[] {
  const event = (data: { type: string; [key: string]: unknown }) =>
    `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`
  const blocks = contentOf(says, ask.number).flatMap((block, index) => [
    event({ type: 'content_block_start', index, content_block: emptied(block) }),
    ...(index === 0 ? [event({ type: 'ping' })] : []),
    ...deltasOf(block).map(delta => event({ type: 'content_block_delta', index, delta })),
    event({ type: 'content_block_stop', index }),
  ])
  return [
    event({ type: 'message_start', message: envelope(ask, { ...usage, output_tokens: 1 }) }),
    ...blocks,
    event({
      type: 'message_delta',
      delta: { stop_reason: stopOf(says), stop_sequence: null, stop_details: null, container: null },
      usage: { ...usage, output_tokens_details: null, server_tool_use: null },
    }),
    event({ type: 'message_stop' }),
  ]
}

export const errorEvent = `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } })}\n\n`

function emptied(block: Record<string, unknown>): Record<string, unknown> {
  if (block.type === 'text') return { ...block, text: '' }
  if (block.type === 'thinking') return { ...block, thinking: '', signature: '' }
  return { ...block, input: {} }
}

function deltasOf(block: Record<string, unknown>): Record<string, unknown>[] {
  if (block.type === 'text') return pieces(String(block.text)).map(text => ({ type: 'text_delta', text }))
  if (block.type === 'thinking')
    return [
      ...pieces(String(block.thinking)).map(thinking => ({ type: 'thinking_delta', thinking })),
      { type: 'signature_delta', signature: block.signature },
    ]
  const json = typeof block.input === 'string' ? block.input : JSON.stringify(block.input)
  return ['', ...pieces(json)].map(partial_json => ({ type: 'input_json_delta', partial_json }))
}

function pieces(text: string): string[] {
  const size = Math.max(1, Math.ceil(text.length / 4))
  return text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? []
}
