/**
 * A provider of models for tests of the gateway, in all wire formats: it wants its key, checks what it gets, and answers
 * as a script says. Strict about the request's form; what a model would say is not its business.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { atEnd } from './at-end.ts'

type Json = Record<string, unknown>

export interface Seen {
  path: string
  headers: IncomingMessage['headers']
  body: Json
  /** The client went before the answer was over. */
  left: Promise<boolean>
}

export interface Script {
  /** Pieces of text of the answer; a pause in ms between them where it is a number. */
  says?: readonly (string | number)[]
  usage?: { input: number; output: number; cacheRead?: number; cacheWrite?: number }
  /** After so many pieces the connection breaks. */
  cutAfter?: number
  /** Before the report of the usage in a stream, it breaks. */
  cutBeforeEnd?: boolean
  refuses?: { status: number; body: Json; headers?: Record<string, string> }
  /** Never begins to answer. */
  isSilent?: boolean
  /** Answers without a usage. */
  reportsNothing?: boolean
}

export interface ModelProvider {
  url: string
  key: string
  seen: Seen[]
  script: (seen: Seen) => Script
}

const usual: NonNullable<Script['usage']> = { input: 10, output: 5 }

export async function startProvider(t: TestContext, key: string): Promise<ModelProvider> {
  const provider: ModelProvider = { url: '', key, seen: [], script: () => ({}) }
  const server = createServer((request, response) => {
    answer(provider, request, response).catch(() => response.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  provider.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  atEnd(t, () => {
    server.closeAllConnections()
    return new Promise(resolve => server.close(resolve))
  })
  return provider
}

async function answer(provider: ModelProvider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString('utf8')
  const body = text === '' ? {} : (JSON.parse(text) as Json)
  const path = request.url ?? ''
  const left = new Promise<boolean>(resolve => response.once('close', () => resolve(!response.writableFinished)))
  const seen: Seen = { path, headers: request.headers, body, left }
  provider.seen.push(seen)
  if (/^\/v1(?:beta)?\/models\/./.test(path)) return contents(provider, seen, response)
  const isAnthropic = /^\/v1\/messages|^\/v1\/models/.test(path) && request.headers['anthropic-version'] !== undefined
  const shown = isAnthropic ? request.headers['x-api-key'] : request.headers.authorization?.replace(/^Bearer /, '')
  if (shown !== provider.key)
    return send(response, 401, refusal(isAnthropic, 'authentication_error', `the key ${String(shown)} is not valid`))
  if (request.method === 'GET') return send(response, 200, models(isAnthropic))
  if (typeof body.model !== 'string') return send(response, 400, refusal(isAnthropic, 'invalid_request_error', 'model'))
  const script = provider.script(seen)
  if (script.isSilent) return
  if (script.refuses) return send(response, script.refuses.status, script.refuses.body, script.refuses.headers)
  if (path.startsWith('/v1/messages/count_tokens')) return send(response, 200, { input_tokens: 7 })
  if (path.startsWith('/v1/messages')) return messages(body, script, response)
  if (path.startsWith('/chat/completions')) return chat(body, script, response)
  if (path.startsWith('/responses')) return responses(body, script, response)
  if (path.startsWith('/embeddings')) return embeddings(body, script, response)
  return send(response, 404, refusal(isAnthropic, 'not_found_error', path))
}

function refusal(isAnthropic: boolean, type: string, message: string): Json {
  return isAnthropic
    ? { type: 'error', error: { type, message } }
    : { error: { message, type, param: null, code: null } }
}

function models(isAnthropic: boolean): Json {
  const item = isAnthropic
    ? { type: 'model', id: 'claude-haiku-4-5', display_name: 'Haiku', created_at: '2025-10-01T00:00:00Z' }
    : { id: 'gpt-4o-mini', object: 'model', created: 1, owned_by: 'openai' }
  return { object: 'list', data: [item], has_more: false, first_id: item.id, last_id: item.id }
}

function send(response: ServerResponse, status: number, body: Json, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

/** Pieces with pauses; false when it broke off or the client went. */
async function stream(
  response: ServerResponse,
  { says = ['Hello', ' there'], cutAfter, cutBeforeEnd }: Script,
  write: (text: string) => void,
): Promise<boolean> {
  let pieces = 0
  for (const piece of says) {
    if (response.destroyed) return false
    if (cutAfter !== undefined && pieces >= cutAfter) return broken(response)
    if (typeof piece === 'number') await new Promise(resolve => setTimeout(resolve, piece))
    else {
      write(piece)
      pieces++
    }
  }
  return cutBeforeEnd || cutAfter !== undefined ? broken(response) : !response.destroyed
}

/** What was written is on its way before the connection breaks. */
async function broken(response: ServerResponse): Promise<false> {
  await new Promise(resolve => setTimeout(resolve, 20))
  response.destroy()
  return false
}

const textOf = ({ says = ['Hello', ' there'] }: Script): string => says.filter(one => typeof one === 'string').join('')

function openStream(response: ServerResponse): (event: Json, named?: boolean) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
  return (event, named = false) => {
    response.write(`${named ? `event: ${String(event.type)}\n` : ''}data: ${JSON.stringify(event)}\n\n`)
  }
}

async function messages(body: Json, script: Script, response: ServerResponse): Promise<void> {
  if (!Array.isArray(body.messages) || typeof body.max_tokens !== 'number')
    return send(response, 400, refusal(true, 'invalid_request_error', 'max_tokens: Field required'))
  const { input, output, cacheRead = 0, cacheWrite = 0 } = script.usage ?? usual
  const base = { id: 'msg_1', type: 'message', role: 'assistant', model: body.model }
  const ended = { stop_reason: 'end_turn', stop_sequence: null }
  const entering = { input_tokens: input, cache_read_input_tokens: cacheRead, cache_creation_input_tokens: cacheWrite }
  if (body.stream !== true) {
    const usage = script.reportsNothing ? undefined : { ...entering, output_tokens: output }
    return send(response, 200, { ...base, ...ended, content: [{ type: 'text', text: textOf(script) }], usage })
  }
  const write = openStream(response)
  const none = { stop_reason: null, stop_sequence: null }
  const usage = { ...entering, output_tokens: 1 }
  if (!script.reportsNothing) write({ type: 'message_start', message: { ...base, ...none, content: [], usage } }, true)
  write({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }, true)
  const say = (text: string) =>
    write({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }, true)
  if (!(await stream(response, script, say))) return
  write({ type: 'content_block_stop', index: 0 }, true)
  if (!script.reportsNothing) write({ type: 'message_delta', delta: ended, usage: { output_tokens: output } }, true)
  write({ type: 'message_stop' }, true)
  response.end()
}

async function chat(body: Json, script: Script, response: ServerResponse): Promise<void> {
  if (!Array.isArray(body.messages)) return send(response, 400, refusal(false, 'invalid_request_error', 'messages'))
  const { input, output, cacheRead = 0 } = script.usage ?? usual
  const details = { prompt_tokens_details: { cached_tokens: cacheRead } }
  const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output, ...details }
  const base = { id: 'chatcmpl-1', created: 1, model: body.model }
  if (body.stream !== true) {
    const choice = { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: textOf(script) } }
    const reported = script.reportsNothing ? {} : { usage }
    return send(response, 200, { ...base, object: 'chat.completion', choices: [choice], ...reported })
  }
  const write = openStream(response)
  const chunk = (choices: Json[], more: Json = {}) =>
    write({ ...base, object: 'chat.completion.chunk', choices, ...more })
  const say = (content: string) => chunk([{ index: 0, delta: { content }, finish_reason: null }], { usage: null })
  if (!(await stream(response, script, say))) return
  chunk([{ index: 0, delta: {}, finish_reason: 'stop' }], { usage: null })
  const asked = (body.stream_options as { include_usage?: boolean } | undefined)?.include_usage === true
  if (asked && !script.reportsNothing) chunk([], { usage })
  response.write('data: [DONE]\n\n')
  response.end()
}

async function responses(body: Json, script: Script, response: ServerResponse): Promise<void> {
  if (body.input === undefined) return send(response, 400, refusal(false, 'invalid_request_error', 'input'))
  const { input, output, cacheRead = 0 } = script.usage ?? usual
  const details = { input_tokens_details: { cached_tokens: cacheRead }, output_tokens_details: { reasoning_tokens: 0 } }
  const usage = { input_tokens: input, output_tokens: output, total_tokens: input + output, ...details }
  const content = [{ type: 'output_text', text: textOf(script), annotations: [] }]
  const item = { type: 'message', id: 'msg_1', status: 'completed', role: 'assistant', content }
  const base = { id: 'resp_1', object: 'response', created_at: 1, model: body.model }
  const whole = { ...base, status: 'completed', output: [item], usage }
  if (body.stream !== true) return send(response, 200, whole)
  const write = openStream(response)
  let number = 0
  const event = (type: string, more: Json) => write({ type, sequence_number: number++, ...more }, true)
  event('response.created', { response: { ...base, status: 'in_progress', output: [], usage: null } })
  const place = { item_id: 'msg_1', output_index: 0, content_index: 0 }
  if (!(await stream(response, script, delta => event('response.output_text.delta', { ...place, delta })))) return
  event('response.completed', { response: whole })
  response.end()
}

function embeddings(body: Json, script: Script, response: ServerResponse): void {
  const { input } = script.usage ?? usual
  const data = [{ object: 'embedding', index: 0, embedding: [0.5, 0.25] }]
  const usage = { prompt_tokens: input, total_tokens: input }
  send(response, 200, { object: 'list', model: body.model, data, usage })
}

async function contents(provider: ModelProvider, seen: Seen, response: ServerResponse): Promise<void> {
  const refuse = (code: number, status: string, message: string, details: Json[] = []) =>
    send(response, code, { error: { code, message, status, details } })
  const { path, headers, body } = seen
  if (headers['x-goog-api-key'] !== provider.key) {
    const invalid = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' }]
    return refuse(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', invalid)
  }
  const [, model, method] =
    /^\/v1(?:beta)?\/models\/([\w.-]+):(generateContent|streamGenerateContent\?alt=sse)$/.exec(path) ?? []
  if (!model) return refuse(404, 'NOT_FOUND', path)
  if (!Array.isArray(body.contents)) return refuse(400, 'INVALID_ARGUMENT', 'contents is not specified')
  const script = provider.script(seen)
  if (script.isSilent) return
  if (script.refuses) return send(response, script.refuses.status, script.refuses.body, script.refuses.headers)
  const { input, output, cacheRead = 0 } = script.usage ?? usual
  const thoughtsTokenCount = Math.floor(output / 2)
  const counts = { promptTokenCount: input, cachedContentTokenCount: cacheRead, totalTokenCount: input + output }
  const used = { ...counts, candidatesTokenCount: output - thoughtsTokenCount, thoughtsTokenCount }
  const chunk = (text: string, more: Json = {}, usageMetadata: Json = { promptTokenCount: input }) => ({
    candidates: [{ index: 0, content: { role: 'model', parts: [{ text }] }, ...more }],
    ...{ modelVersion: model, responseId: 'r1' },
    ...(script.reportsNothing ? {} : { usageMetadata }),
  })
  if (method === 'generateContent') return send(response, 200, chunk(textOf(script), { finishReason: 'STOP' }, used))
  const write = openStream(response)
  if (!(await stream(response, script, text => write(chunk(text))))) return
  write(chunk('', { finishReason: 'STOP' }, used))
  response.end()
}
