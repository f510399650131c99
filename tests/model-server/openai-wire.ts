/**
 * Chat completions of OpenAI as a server speaks them: what a request must be, what is answered to one that is not, and
 * the chunks of a stream. Written from the published reference, apart from any client.
 */
import * as v from 'valibot'
import { complaintOf, Refused } from './refused.ts'
import type { Ask, AskedMessage, Fails, Says } from './script.ts'

const textPart = v.strictObject({ type: v.literal('text'), text: v.string() })
const content = v.union([v.string(), v.array(textPart)])
const call = v.strictObject({
  id: v.pipe(v.string(), v.maxLength(40)),
  type: v.literal('function'),
  function: v.strictObject({ name: v.string(), arguments: v.string() }),
})
const message = v.variant('role', [
  v.strictObject({ role: v.literal('system'), content, name: v.optional(v.string()) }),
  v.strictObject({ role: v.literal('developer'), content, name: v.optional(v.string()) }),
  v.strictObject({ role: v.literal('user'), content, name: v.optional(v.string()) }),
  v.strictObject({
    role: v.literal('assistant'),
    content: v.optional(v.nullable(content)),
    refusal: v.optional(v.nullable(v.string())),
    tool_calls: v.optional(v.array(call)),
    name: v.optional(v.string()),
  }),
  v.strictObject({ role: v.literal('tool'), content, tool_call_id: v.string() }),
])
const tool = v.strictObject({
  type: v.literal('function'),
  function: v.strictObject({
    name: v.pipe(v.string(), v.regex(/^[a-zA-Z0-9_-]{1,64}$/)),
    description: v.optional(v.string()),
    parameters: v.optional(v.looseObject({ type: v.literal('object') })),
    strict: v.optional(v.nullable(v.boolean())),
  }),
})
const requestSchema = v.strictObject({
  model: v.string(),
  messages: v.array(message),
  tools: v.optional(v.pipe(v.array(tool), v.minLength(1))),
  tool_choice: v.optional(v.picklist(['none', 'auto', 'required'])),
  parallel_tool_calls: v.optional(v.boolean()),
  stream: v.optional(v.nullable(v.boolean())),
  stream_options: v.optional(v.nullable(v.strictObject({ include_usage: v.optional(v.boolean()) }))),
  max_completion_tokens: v.optional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1)))),
  max_tokens: v.optional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1)))),
  temperature: v.optional(v.nullable(v.pipe(v.number(), v.minValue(0), v.maxValue(2)))),
  response_format: v.optional(
    v.variant('type', [
      v.strictObject({ type: v.literal('text') }),
      v.strictObject({ type: v.literal('json_object') }),
      v.strictObject({
        type: v.literal('json_schema'),
        json_schema: v.strictObject({
          name: v.pipe(v.string(), v.regex(/^[a-zA-Z0-9_-]{1,64}$/)),
          description: v.optional(v.string()),
          schema: v.optional(v.record(v.string(), v.unknown())),
          strict: v.optional(v.nullable(v.boolean())),
        }),
      }),
    ]),
  ),
  prompt_cache_key: v.optional(v.nullable(v.string())),
  user: v.optional(v.string()),
})
type Request = v.InferOutput<typeof requestSchema>

export function refusal(
  status: number,
  error: { message: string; type: string; param?: string | null; code?: string | null },
  headers: Record<string, string> = {},
): Refused {
  return new Refused(status, { error: { param: null, code: null, ...error } }, headers)
}

const invalid = (message: string, param: string | null, code: string | null = null) =>
  refusal(400, { message, type: 'invalid_request_error', param, code })

export function faultBody(fails: Exclude<Fails, { after: number }>): Refused {
  switch (fails.fault) {
    case 'overloaded':
      return refusal(503, {
        message: 'The engine is currently overloaded, please try again later',
        type: 'server_error',
        code: 'engine_overloaded',
      })
    case 'server-error':
      return refusal(500, {
        message: 'The server had an error while processing your request. Sorry about that!',
        type: 'server_error',
      })
    case 'budget':
      return refusal(402, { message: 'The budget of this key is used up.', type: 'insufficient_quota' })
    case 'bad-key':
      return refusal(401, {
        message:
          'Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.',
        type: 'invalid_request_error',
        code: 'invalid_api_key',
      })
    case 'too-long':
      return invalid(
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 139123 tokens. Please reduce the length of the messages.",
        'messages',
        'context_length_exceeded',
      )
    case 'rate-limited': {
      const headers: Record<string, string> =
        fails.retryAfterSeconds === undefined ? {} : { 'retry-after': `${fails.retryAfterSeconds}` }
      const message = 'Rate limit reached for requests. Please try again later.'
      return refusal(429, { message, type: 'requests', code: 'rate_limit_exceeded' }, headers)
    }
  }
}

export function parseRequest(headers: Record<string, string | undefined>, body: unknown, key: string): Request {
  if (headers.authorization === undefined)
    throw refusal(401, {
      message:
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
      type: 'invalid_request_error',
    })
  if (headers.authorization !== `Bearer ${key}`) throw faultBody({ fault: 'bad-key' })
  if (!headers['content-type']?.startsWith('application/json'))
    throw invalid('We could not parse the JSON body of your request.', null)
  const parsed = v.safeParse(requestSchema, body)
  if (!parsed.success) throw unlike(parsed.issues)
  checkConversation(parsed.output)
  const format = parsed.output.response_format
  if (format?.type === 'json_schema') checkFormat(format.json_schema)
  return parsed.output
}

function unlike(issues: readonly v.BaseIssue<unknown>[]): Refused {
  const { path, kind, expected } = complaintOf(issues)
  const param = path.reduce<string>(
    (text, key) => text + (typeof key === 'number' ? `[${key}]` : text ? `.${key}` : key),
    '',
  )
  if (kind === 'missing') return invalid(`Missing required parameter: '${param}'.`, param, 'missing_required_parameter')
  if (kind === 'unknown' && path.length === 1) return invalid(`Unrecognized request argument supplied: ${param}`, null)
  if (kind === 'unknown') return invalid(`Unknown parameter: '${param}'.`, param, 'unknown_parameter')
  return invalid(`Invalid value for '${param}': expected ${expected}.`, param, 'invalid_value')
}

function unfit(name: string, why: string): Refused {
  return invalid(`Invalid schema for response_format '${name}': ${why}`, 'response_format')
}

type AnswerFormat = Extract<NonNullable<Request['response_format']>, { type: 'json_schema' }>['json_schema']

function checkFormat({ name, schema, strict }: AnswerFormat): void {
  if (schema?.type !== 'object')
    throw unfit(name, `schema must be a JSON Schema of 'type: "object"', got 'type: "${schema?.type ?? 'None'}"'.`)
  if (strict) checkStrict(name, schema, [])
}

/** Of a schema that is kept to the letter every field is required, and there are no others. */
function checkStrict(name: string, schema: Record<string, unknown>, context: readonly string[]): void {
  const { type, properties = {}, required = [], additionalProperties, items, anyOf } = schema
  const at = `In context=(${context.map(one => `'${one}'`).join(', ')}),`
  if (type === 'object') {
    if (additionalProperties !== false)
      throw unfit(name, `${at} 'additionalProperties' is required to be supplied and to be false.`)
    const missing = Object.keys(properties as object).find(one => !(required as string[]).includes(one))
    if (missing !== undefined)
      throw unfit(
        name,
        `${at} 'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`,
      )
  }
  for (const word of ['allOf', 'not', 'if', 'patternProperties', 'uniqueItems', 'oneOf'])
    if (word in schema) throw unfit(name, `${at} '${word}' is not permitted.`)
  for (const [field, inner] of Object.entries(properties as Record<string, Record<string, unknown>>))
    checkStrict(name, inner, [...context, 'properties', field])
  if (items) checkStrict(name, items as Record<string, unknown>, [...context, 'items'])
  for (const inner of (anyOf ?? []) as Record<string, unknown>[]) checkStrict(name, inner, [...context, 'anyOf'])
}

function checkConversation({ messages, stream, stream_options }: Request): void {
  if (messages.length === 0)
    throw invalid(
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      'messages',
      'empty_array',
    )
  if (stream_options && !stream)
    throw invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.", 'stream_options')
  let open: string[] = []
  for (const [at, message] of messages.entries()) {
    if (message.role === 'tool') {
      if (!open.includes(message.tool_call_id))
        throw invalid(
          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
          `messages.[${at}].role`,
        )
      open = open.filter(id => id !== message.tool_call_id)
      continue
    }
    if (open.length > 0) throw unanswered(open, at)
    if (message.role !== 'assistant') continue
    if (message.tool_calls?.length === 0)
      throw invalid(
        `Invalid 'messages[${at}].tool_calls': empty array. Expected an array with minimum length 1, but got an empty array instead.`,
        `messages[${at}].tool_calls`,
        'empty_array',
      )
    if ((message.content ?? '') === '' && !message.tool_calls)
      throw invalid(`Invalid value for 'content': expected a string, got null.`, `messages.[${at}].content`)
    open = (message.tool_calls ?? []).map(({ id }) => id)
  }
  if (open.length > 0) throw unanswered(open, messages.length)
}

function unanswered(open: readonly string[], at: number): Refused {
  return invalid(
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${open.join(', ')}`,
    `messages.[${at}].role`,
  )
}

export function askOf(request: Request, number: number): Ask {
  const tools = new Map<string, string>()
  const messages = request.messages.flatMap((message): AskedMessage[] => {
    if (message.role === 'system' || message.role === 'developer') return []
    if (message.role === 'user') return [{ role: 'user', text: plain(message.content) }]
    if (message.role === 'tool')
      return [
        {
          role: 'tool',
          call: message.tool_call_id,
          tool: tools.get(message.tool_call_id) ?? '',
          text: plain(message.content),
          isError: false,
        },
      ]
    const calls = (message.tool_calls ?? []).map(({ id, function: { name, arguments: json } }) => {
      tools.set(id, name)
      return { id, tool: name, input: parsed(json) }
    })
    return [{ role: 'agent', text: plain(message.content ?? ''), calls }]
  })
  const system = request.messages.flatMap(message =>
    message.role === 'system' || message.role === 'developer' ? [plain(message.content)] : [],
  )
  return {
    wire: 'openai',
    model: request.model,
    system: system.join('\n'),
    messages,
    tools: (request.tools ?? []).map(({ function: { name } }) => name),
    number,
    body: request,
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return json
  }
}

function plain(content: string | readonly { text: string }[]): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('\n')
}

export interface OpenAiUsage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number }
}

/** A prefix that was sent before counts as cached, in steps of 128 tokens from 1,024 on. */
export function usageOf(request: Request, says: Says, before: string[]): OpenAiUsage {
  const text = JSON.stringify([request.tools, request.messages])
  const shared = before.reduce((most, other) => Math.max(most, sharedPrefix(text, other)), 0)
  before.push(text)
  const cached = Math.floor(shared / 4 / 128) * 128
  const prompt_tokens = Math.ceil(text.length / 4)
  const completion_tokens = says.outputTokens ?? Math.ceil(JSON.stringify(says).length / 4)
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    prompt_tokens_details: { cached_tokens: cached >= 1024 ? cached : 0 },
  }
}

function sharedPrefix(a: string, b: string): number {
  let at = 0
  while (at < a.length && a[at] === b[at]) at++
  return at
}

const stops = { done: 'stop', tools: 'tool_calls', length: 'length', refused: 'content_filter' } as const

function stopOf(says: Says): string {
  return stops[says.stop ?? (says.calls?.length ? 'tools' : 'done')]
}

function callsOf(says: Says, number: number) {
  return (says.calls ?? []).map((call, at) => ({
    id: call.id ?? `call_${number}_${at}`,
    type: 'function',
    function: { name: call.tool, arguments: typeof call.input === 'string' ? call.input : JSON.stringify(call.input) },
  }))
}

const created = 1_700_000_000

export function wholeAnswer(ask: Ask, says: Says, usage: OpenAiUsage): Record<string, unknown> {
  const calls = callsOf(says, ask.number)
  const message = {
    role: 'assistant',
    content: says.say ?? null,
    refusal: null,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  }
  const choices = [{ index: 0, message, logprobs: null, finish_reason: stopOf(says) }]
  return {
    id: `chatcmpl-${ask.number}`,
    object: 'chat.completion',
    created,
    model: ask.model,
    choices,
    usage,
    system_fingerprint: 'fp_test',
  }
}

/** The chunks of a stream as they are sent, one string each, with `[DONE]` as the last. */
export function streamOf(ask: Ask, says: Says, usage: OpenAiUsage): string[] {
  const withUsage = (ask.body.stream_options as { include_usage?: boolean } | undefined)?.include_usage === true
  const chunk = (choices: unknown[], used?: OpenAiUsage) =>
    `data: ${JSON.stringify({
      id: `chatcmpl-${ask.number}`,
      object: 'chat.completion.chunk',
      created,
      model: ask.model,
      system_fingerprint: 'fp_test',
      choices,
      ...(withUsage ? { usage: used ?? null } : {}),
    })}\n\n`
  const delta = (delta: Record<string, unknown>, finish_reason: string | null = null) =>
    chunk([{ index: 0, delta, logprobs: null, finish_reason }])
  const calls = callsOf(says, ask.number).flatMap(({ id, type, function: { name, arguments: json } }, index) => [
    delta({ tool_calls: [{ index, id, type, function: { name, arguments: '' } }] }),
    ...pieces(json).map(part => delta({ tool_calls: [{ index, function: { arguments: part } }] })),
  ])
  return [
    delta({ role: 'assistant', content: says.say === undefined ? null : '', refusal: null }),
    ...pieces(says.say ?? '').map(text => delta({ content: text })),
    ...calls,
    delta({}, stopOf(says)),
    ...(withUsage ? [chunk([], usage)] : []),
    'data: [DONE]\n\n',
  ]
}

export const errorEvent = `data: ${JSON.stringify({ error: { message: 'The server had an error while processing your request', type: 'server_error', param: null, code: null } })}\n\n`

function pieces(text: string): string[] {
  const size = Math.max(1, Math.ceil(text.length / 4))
  return text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? []
}
