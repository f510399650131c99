/**
 * `generateContent` and `streamGenerateContent` of Gemini as a server speaks them: what a request must be, what is
 * answered to one that is not, and the chunks of a stream. Written from the published reference, apart from any client.
 */
import { createHmac } from 'node:crypto'
import * as v from 'valibot'
import { complaintOf, Refused } from './refused.ts'
import type { Ask, AskedMessage, Fails, Says } from './script.ts'

const args = v.record(v.string(), v.unknown())
const part = v.strictObject({
  text: v.optional(v.string()),
  thought: v.optional(v.boolean()),
  thoughtSignature: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/_-]*={0,2}$/))),
  functionCall: v.optional(v.strictObject({ id: v.optional(v.string()), name: v.string(), args: v.optional(args) })),
  functionResponse: v.optional(
    v.strictObject({
      id: v.optional(v.string()),
      name: v.string(),
      response: args,
      scheduling: v.optional(v.string()),
    }),
  ),
  inlineData: v.optional(v.strictObject({ mimeType: v.string(), data: v.string() })),
})
const content = v.strictObject({ role: v.optional(v.string()), parts: v.optional(v.array(part)) })
const declaration = v.strictObject({
  name: v.string(),
  description: v.optional(v.string()),
  parameters: v.optional(v.record(v.string(), v.unknown())),
  parametersJsonSchema: v.optional(v.unknown()),
  response: v.optional(v.record(v.string(), v.unknown())),
  responseJsonSchema: v.optional(v.unknown()),
  behavior: v.optional(v.string()),
})
const int32 = v.pipe(v.number(), v.integer())
const requestSchema = v.strictObject({
  model: v.optional(v.string()),
  contents: v.optional(v.array(content)),
  systemInstruction: v.optional(content),
  tools: v.optional(v.array(v.strictObject({ functionDeclarations: v.optional(v.array(declaration)) }))),
  toolConfig: v.optional(
    v.strictObject({
      functionCallingConfig: v.optional(
        v.strictObject({
          mode: v.optional(v.picklist(['MODE_UNSPECIFIED', 'AUTO', 'ANY', 'NONE', 'VALIDATED'])),
          allowedFunctionNames: v.optional(v.array(v.string())),
        }),
      ),
    }),
  ),
  safetySettings: v.optional(v.array(v.strictObject({ category: v.string(), threshold: v.string() }))),
  cachedContent: v.optional(v.string()),
  generationConfig: v.optional(
    v.strictObject({
      stopSequences: v.optional(v.array(v.string())),
      responseMimeType: v.optional(v.string()),
      responseSchema: v.optional(v.record(v.string(), v.unknown())),
      responseJsonSchema: v.optional(v.unknown()),
      responseModalities: v.optional(v.array(v.string())),
      candidateCount: v.optional(int32),
      maxOutputTokens: v.optional(int32),
      temperature: v.optional(v.number()),
      topP: v.optional(v.number()),
      topK: v.optional(int32),
      seed: v.optional(int32),
      thinkingConfig: v.optional(
        v.strictObject({
          includeThoughts: v.optional(v.boolean()),
          thinkingBudget: v.optional(int32),
          thinkingLevel: v.optional(v.string()),
        }),
      ),
    }),
  ),
})
type Body = v.InferOutput<typeof requestSchema>
type Content = v.InferOutput<typeof content>
type Part = v.InferOutput<typeof part>
export interface GeminiRequest extends Body {
  model: string
  contents: Content[]
}

const statuses: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  402: 'FAILED_PRECONDITION',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  413: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
}

export function refusal(code: number, message: string, details?: Record<string, unknown>[]): Refused {
  const error = { code, message, status: statuses[code] ?? 'UNKNOWN', ...(details ? { details } : {}) }
  return new Refused(code, { error })
}

const invalid = (message: string) => refusal(400, message)
const detail = (type: string, fields: Record<string, unknown>) => ({
  '@type': `type.googleapis.com/google.rpc.${type}`,
  ...fields,
})

export function faultBody(fails: Exclude<Fails, { after: number }>): Refused {
  switch (fails.fault) {
    case 'overloaded':
      return refusal(503, 'The model is overloaded. Please try again later.')
    case 'server-error':
      return refusal(500, 'An internal error has occurred. Please retry or report in the developer forum.')
    case 'budget':
      return refusal(402, 'The budget of this key is used up.')
    case 'bad-key':
      return refusal(400, 'API key not valid. Please pass a valid API key.', [
        detail('ErrorInfo', {
          reason: 'API_KEY_INVALID',
          domain: 'googleapis.com',
          metadata: { service: 'generativelanguage.googleapis.com' },
        }),
      ])
    case 'too-long':
      return invalid('The input token count (1215873) exceeds the maximum number of tokens allowed (1048576).')
    case 'rate-limited': {
      const { retryAfterSeconds } = fails
      const violation = { quotaId: 'GenerateRequestsPerMinutePerProjectPerModel', quotaValue: '5' }
      return refusal(429, 'You exceeded your current quota, please check your plan and billing details.', [
        detail('QuotaFailure', { violations: [violation] }),
        detail('Help', {
          links: [{ description: 'Learn more', url: 'https://ai.google.dev/gemini-api/docs/rate-limits' }],
        }),
        ...(retryAfterSeconds === undefined ? [] : [detail('RetryInfo', { retryDelay: `${retryAfterSeconds}s` })]),
      ])
    }
  }
}

/** The parsed request, or the refusal that the provider would send. */
export function parseRequest(
  headers: Record<string, string | undefined>,
  model: string,
  body: unknown,
  key: string,
): GeminiRequest {
  const given = headers['x-goog-api-key']
  if (given === undefined)
    throw refusal(
      403,
      "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
    )
  if (given !== key) throw faultBody({ fault: 'bad-key' })
  if (!headers['content-type']?.startsWith('application/json')) throw invalid('Invalid content type.')
  const parsed = v.safeParse(requestSchema, body)
  if (!parsed.success) throw unlike(parsed.issues)
  const request = { ...parsed.output, model, contents: parsed.output.contents ?? [] }
  checkContents(request.contents)
  checkTools(request)
  checkAnswer(request)
  return request
}

/** Paths are of the protocol's messages, whose fields have underscores. */
function unlike(issues: readonly v.BaseIssue<unknown>[]): Refused {
  const { path, kind, expected } = complaintOf(issues)
  const under = (name: string) => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
  const shown = (keys: readonly (string | number)[]) =>
    keys.reduce<string>(
      (text, one) => (typeof one === 'number' ? `${text}[${one}]` : `${text}${text && '.'}${under(one)}`),
      '',
    )
  const place = shown(path.slice(0, -1))
  const at = place === '' ? '' : ` at '${place}'`
  const description =
    kind === 'unknown'
      ? `Invalid JSON payload received. Unknown name "${path.at(-1)}"${at}: Cannot find field.`
      : kind === 'missing'
        ? `* GenerateContentRequest.${shown(path)}: required field is not set`
        : `Invalid value at '${shown(path)}', expected ${expected}`
  return refusal(400, description, [detail('BadRequest', { fieldViolations: [{ field: place, description }] })])
}

function checkContents(contents: readonly Content[]): void {
  if (contents.length === 0) throw invalid('* GenerateContentRequest.contents: contents is not specified\n')
  for (const [at, { role, parts = [] }] of contents.entries()) {
    if (role !== undefined && role !== 'user' && role !== 'model')
      throw invalid('Please use a valid role: user, model.')
    if (parts.length === 0)
      throw invalid(`* GenerateContentRequest.contents[${at}].parts: contents.parts must not be empty.\n`)
    for (const [place, one] of parts.entries()) checkPart(one, `contents[${at}].parts[${place}]`)
    checkTurn(contents, at)
  }
  if (contents.at(-1)!.role === 'model')
    throw invalid('Please ensure that single turn requests end with a user role or the role field is empty.')
}

function checkPart(one: Part, place: string): void {
  const data = [one.text, one.functionCall, one.functionResponse, one.inlineData].filter(value => value !== undefined)
  if (data.length === 0)
    throw invalid(
      `* GenerateContentRequest.${place}.data: required oneof field 'data' must have one initialized field\n`,
    )
  if (data.length > 1)
    throw invalid(`Invalid value at '${place}' (oneof), oneof field 'data' is already set. Cannot set another.`)
}

const callsOf = ({ parts = [] }: Content) => parts.flatMap(({ functionCall }) => functionCall ?? [])
const resultsOf = ({ parts = [] }: Content) => parts.flatMap(({ functionResponse }) => functionResponse ?? [])

/** Takes the place of the signature where the model did not make the call. */
const unsigned = 'skip_thought_signature_validator'

function checkTurn(contents: readonly Content[], at: number): void {
  const turn = contents[at]!
  const [calls, results] = [callsOf(turn), resultsOf(turn)]
  const before = contents[at - 1]
  if (results.length > 0 && (!before || callsOf(before).length === 0))
    throw invalid('Please ensure that function response turn comes immediately after a function call turn.')
  if (calls.length > 0 && (turn.role !== 'model' || before?.role === 'model' || !before))
    throw invalid(
      'Please ensure that function call turn comes immediately after a user turn or after a function response turn.',
    )
  if (before && callsOf(before).length !== results.length)
    throw invalid(
      'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
    )
  const asked = before ? callsOf(before) : []
  for (const { name } of results)
    if (!asked.some(call => call.name === name)) throw invalid(`Function response ${name} has no function call.`)
  const first = turn.parts?.find(({ functionCall }) => functionCall)
  if (first && !first.thoughtSignature)
    throw invalid(
      `Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call \`default_api:${first.functionCall!.name}\` , position ${at + 1}.`,
    )
  for (const { thoughtSignature, functionCall } of turn.parts ?? [])
    if (thoughtSignature && thoughtSignature !== unsigned && thoughtSignature !== signatureOf(functionCall?.name ?? ''))
      throw invalid('Corrupted thought signature.')
}

/** What a part is signed with: it must come back on the part as it was. */
export function signatureOf(tool: string): string {
  return createHmac('sha256', 'thoughts').update(tool).digest('base64')
}

function checkTools({ tools = [] }: GeminiRequest): void {
  const all = tools.flatMap(({ functionDeclarations = [] }) => functionDeclarations)
  for (const [at, { name, parameters, parametersJsonSchema }] of all.entries()) {
    const place = `tools[0].function_declarations[${at}]`
    if (!/^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$/.test(name))
      throw invalid(
        `* GenerateContentRequest.${place}.name: [FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128.`,
      )
    if (all.findIndex(other => other.name === name) !== at)
      throw invalid(`Duplicate function declaration found: ${name}`)
    if (parameters !== undefined && parametersJsonSchema !== undefined)
      throw invalid(`* GenerateContentRequest.${place}: parameters and parameters_json_schema must not both be set`)
    const given = parametersJsonSchema as { type?: unknown } | undefined
    if (given !== undefined && given?.type !== 'object')
      throw invalid(
        `* GenerateContentRequest.${place}.parameters_json_schema: schema at top-level must be of type object`,
      )
  }
}

function checkAnswer({ generationConfig: config = {}, tools = [] }: GeminiRequest): void {
  const { responseMimeType, responseSchema, responseJsonSchema, maxOutputTokens = 1, candidateCount = 1 } = config
  const hasSchema = responseSchema !== undefined || responseJsonSchema !== undefined
  if (hasSchema && responseMimeType !== 'application/json')
    throw invalid(
      '* GenerateContentRequest.generation_config.response_json_schema: only allowed when response_mime_type is `application/json`.',
    )
  if (responseSchema !== undefined && responseJsonSchema !== undefined)
    throw invalid('response_schema and response_json_schema must not both be set.')
  if (responseMimeType === 'application/json' && tools.length > 0)
    throw invalid("Function calling with a response mime type: 'application/json' is unsupported")
  if (maxOutputTokens < 1) throw invalid('max_output_tokens must be positive.')
  if (candidateCount !== 1) throw invalid('Multiple candidates is not enabled for this model')
}

export function unknownModel(model: string, method: string): Refused {
  return refusal(
    404,
    `models/${model} is not found for API version v1beta, or is not supported for ${method}. Call ListModels to see the list of available models and their supported methods.`,
  )
}

export function askOf(request: GeminiRequest, number: number): Ask {
  const messages = request.contents.flatMap((turn): AskedMessage[] => {
    const text = (turn.parts ?? []).flatMap(one => (one.thought ? [] : (one.text ?? []))).join('')
    if (turn.role === 'model')
      return [
        {
          role: 'agent',
          text,
          calls: callsOf(turn).map(({ id = '', name, args: input = {} }) => ({ id, tool: name, input })),
        },
      ]
    const results = resultsOf(turn).map(
      ({ id = '', name, response }): AskedMessage => ({
        role: 'tool',
        call: id,
        tool: name,
        text: String(response.output ?? response.error ?? JSON.stringify(response)),
        isError: 'error' in response,
      }),
    )
    return text === '' ? results : [...results, { role: 'user', text }]
  })
  return {
    wire: 'gemini',
    model: request.model,
    system: (request.systemInstruction?.parts ?? []).map(({ text }) => text ?? '').join('\n'),
    messages,
    tools: (request.tools ?? []).flatMap(({ functionDeclarations = [] }) =>
      functionDeclarations.map(({ name }) => name),
    ),
    number,
    body: request as unknown as Record<string, unknown>,
  }
}

export interface GeminiUsage {
  promptTokenCount: number
  cachedContentTokenCount?: number
  candidatesTokenCount: number
  thoughtsTokenCount?: number
  totalTokenCount: number
}

/** A prefix that was sent before counts as cached, in steps of 256 tokens from 1,024 on. */
export function usageOf(request: GeminiRequest, says: Says, before: string[]): GeminiUsage {
  const text = JSON.stringify([request.systemInstruction, request.tools, request.contents])
  const shared = before.reduce((most, other) => Math.max(most, sharedPrefix(text, other)), 0)
  before.push(text)
  const cached = Math.floor(shared / 4 / 256) * 256
  const promptTokenCount = Math.ceil(text.length / 4)
  const thoughtsTokenCount = says.think === undefined ? 0 : Math.ceil(says.think.length / 4)
  const all = says.outputTokens ?? Math.ceil(JSON.stringify(says).length / 4) + thoughtsTokenCount
  return {
    promptTokenCount,
    ...(cached >= 1024 ? { cachedContentTokenCount: cached } : {}),
    candidatesTokenCount: all - thoughtsTokenCount,
    ...(thoughtsTokenCount > 0 ? { thoughtsTokenCount } : {}),
    totalTokenCount: promptTokenCount + all,
  }
}

function sharedPrefix(a: string, b: string): number {
  let at = 0
  while (at < a.length && a[at] === b[at]) at++
  return at
}

const stops = { done: 'STOP', tools: 'STOP', length: 'MAX_TOKENS', refused: 'SAFETY' } as const

/** Calls come whole, the first of them signed. One that is no object cannot be said here. */
function callParts(says: Says, number: number): Record<string, unknown>[] {
  return (says.calls ?? []).map(({ tool, input, id }, at) => ({
    functionCall: { id: id ?? `call_${number}_${at}`, name: tool, args: typeof input === 'string' ? { input } : input },
    ...(at === 0 ? { thoughtSignature: signatureOf(tool) } : {}),
  }))
}

function envelope(ask: Ask, candidate: Record<string, unknown>, usage: Partial<GeminiUsage>): Record<string, unknown> {
  const responseId = `resp-${ask.number}`
  return { candidates: [{ index: 0, ...candidate }], usageMetadata: usage, modelVersion: ask.model, responseId }
}

export function wholeAnswer(ask: Ask, says: Says, usage: GeminiUsage): Record<string, unknown> {
  const parts = [...(says.say === undefined ? [] : [{ text: says.say }]), ...callParts(says, ask.number)]
  return envelope(ask, { content: { role: 'model', parts }, finishReason: stops[says.stop ?? 'done'] }, usage)
}

/** The chunks of a stream as they are sent, one string each; the last has the reason of the end. */
export function streamOf(ask: Ask, says: Says, usage: GeminiUsage): string[] {
  const { promptTokenCount } = usage
  const parts: Record<string, unknown>[] = [
    ...pieces(says.think ?? '').map(text => ({ text, thought: true })),
    ...pieces(says.say ?? '').map(text => ({ text })),
    ...callParts(says, ask.number),
  ]
  const chunks = parts.map((one, at) =>
    envelope(
      ask,
      { content: { role: 'model', parts: [one] } },
      { promptTokenCount, candidatesTokenCount: at + 1, totalTokenCount: promptTokenCount + at + 1 },
    ),
  )
  const end = { content: { role: 'model', parts: [{ text: '' }] }, finishReason: stops[says.stop ?? 'done'] }
  return [...chunks, envelope(ask, end, usage)].map(chunk => `data: ${JSON.stringify(chunk)}\r\n\r\n`)
}

export const errorEvent = `data: ${JSON.stringify({ error: { code: 503, message: 'The service is currently unavailable.', status: 'UNAVAILABLE' } })}\r\n\r\n`

function pieces(text: string): string[] {
  const size = Math.max(1, Math.ceil(text.length / 4))
  return text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? []
}
