/**
 * A strict local server of models. It speaks the streaming formats of Anthropic Messages (`/v1/messages`), OpenAI chat
 * completions (`/v1/chat/completions`) and Gemini (`/v1beta/models/…:streamGenerateContent`), refuses what the providers refuse, with their bodies, and answers what a script
 * decides from the conversation. What it would have billed is written down, also of streams that it broke.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import * as anthropic from './anthropic-wire.ts'
import * as gemini from './gemini-wire.ts'
import * as openai from './openai-wire.ts'
import { Refused } from './refused.ts'
import type { Ask, Fails, Says, Script } from './script.ts'

export interface Billed {
  wire: Ask['wire']
  model: string
  inputTokens: number
  outputTokens: number
  cacheReadTokens: number
  cacheWriteTokens: number
  /** Whether the answer was sent whole. */
  whole: boolean
}

export interface ModelServer {
  /** For the SDKs of Anthropic and Gemini; OpenAI's wants `/v1` behind it. */
  url: string
  key: string
  /** All requests that were understood. */
  asked: Ask[]
  /** All that were refused as the provider would refuse them; faults of the script are not among them. */
  refused: { status: number; body: Record<string, unknown> }[]
  billed: Billed[]
  /** Every header and body that came, as text: where a secret must not be. */
  received: string[]
  close(): Promise<void>
}

export interface ModelServerOptions {
  script: Script
  /** The only key that is taken. */
  key?: string
  /** Names of models that there are; without it every name. */
  models?: readonly string[]
  /** A path for a Unix socket instead of a port. */
  socket?: string
}

const bodyBytes = 40 * 1024 * 1024

export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const { key = 'test-key', socket } = options
  const state = { asked: [], refused: [], billed: [], received: [], cache: new Set<string>(), before: [] } as State
  const server = createServer((request, response) => {
    serve({ ...options, key }, state, request, response).catch(error => response.destroy(error as Error))
  })
  server.listen(socket === undefined ? { port: 0, host: '127.0.0.1' } : { path: socket })
  await once(server, 'listening')
  const url = socket === undefined ? `http://127.0.0.1:${(server.address() as AddressInfo).port}` : 'http://models'
  return {
    url,
    key,
    asked: state.asked,
    refused: state.refused,
    billed: state.billed,
    received: state.received,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

interface State extends Pick<ModelServer, 'asked' | 'refused' | 'billed' | 'received'> {
  cache: Set<string>
  before: string[]
}

async function serve(
  options: ModelServerOptions & { key: string },
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const text = await bodyOf(request)
    state.received.push(`${request.url} ${JSON.stringify(request.headers)} ${text}`)
    if (request.method !== 'POST') throw notFound(request)
    if (request.url === '/v1/messages') await messages(options, state, request, response, text)
    else if (request.url === '/v1/chat/completions') await completions(options, state, request, response, text)
    else if (request.url?.startsWith('/v1beta/')) await contents(options, state, request, response, text)
    else throw notFound(request)
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    state.refused.push({ status: error.status, body: error.body })
    send(response, error)
  }
}

function notFound(request: IncomingMessage): Refused {
  return anthropic.refusal(404, 'not_found_error', `Not found: ${request.method} ${request.url}`)
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bodyBytes) throw anthropic.refusal(413, 'request_too_large', 'Request exceeds the maximum size')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function send(response: ServerResponse, { status, body, headers }: Refused): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

function headersOf(request: IncomingMessage): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, `${value}`]))
}

async function messages(
  { script, key, models }: ModelServerOptions & { key: string },
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
  text: string,
): Promise<void> {
  const body = parsed(text, () => anthropic.refusal(400, 'invalid_request_error', 'The request body is not valid JSON'))
  const wanted = anthropic.parseRequest(headersOf(request), body, key)
  if (models && !models.includes(wanted.model))
    throw anthropic.refusal(404, 'not_found_error', `model: ${wanted.model}`)
  const ask = anthropic.askOf(wanted, state.asked.length + 1)
  state.asked.push(ask)
  const reply = await script(ask)
  if ('fault' in reply && !('after' in reply)) return send(response, anthropic.faultBody(reply))
  const says = 'fault' in reply ? reply.answer : reply
  const usage = { ...anthropic.inputUsage(wanted, state.cache), output_tokens: anthropic.outputTokens(says) }
  const billed: Billed = {
    wire: 'anthropic',
    model: ask.model,
    inputTokens: usage.input_tokens,
    outputTokens: usage.output_tokens,
    cacheReadTokens: usage.cache_read_input_tokens,
    cacheWriteTokens: usage.cache_creation_input_tokens,
    whole: false,
  }
  state.billed.push(billed)
  if (!wanted.stream) return json(response, anthropic.wholeAnswer(ask, says, usage), billed)
  await stream(response, reply, anthropic.streamOf(ask, says, usage), anthropic.errorEvent, billed)
}

async function completions(
  { script, key, models }: ModelServerOptions & { key: string },
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
  text: string,
): Promise<void> {
  const unreadable = 'We could not parse the JSON body of your request.'
  const body = parsed(text, () => openai.refusal(400, { message: unreadable, type: 'invalid_request_error' }))
  const wanted = openai.parseRequest(headersOf(request), body, key)
  if (models && !models.includes(wanted.model))
    throw openai.refusal(404, {
      message: `The model \`${wanted.model}\` does not exist or you do not have access to it.`,
      type: 'invalid_request_error',
      code: 'model_not_found',
    })
  const ask = openai.askOf(wanted, state.asked.length + 1)
  state.asked.push(ask)
  const reply = await script(ask)
  if ('fault' in reply && !('after' in reply)) return send(response, openai.faultBody(reply))
  const says = 'fault' in reply ? reply.answer : reply
  const usage = openai.usageOf(wanted, says, state.before)
  const cached = usage.prompt_tokens_details.cached_tokens
  const billed: Billed = {
    wire: 'openai',
    model: ask.model,
    inputTokens: usage.prompt_tokens - cached,
    outputTokens: usage.completion_tokens,
    cacheReadTokens: cached,
    cacheWriteTokens: 0,
    whole: false,
  }
  state.billed.push(billed)
  if (!wanted.stream) return json(response, openai.wholeAnswer(ask, says, usage), billed)
  await stream(response, reply, openai.streamOf(ask, says, usage), openai.errorEvent, billed)
}

async function contents(
  { script, key, models }: ModelServerOptions & { key: string },
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
  text: string,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://models')
  const [, model = '', method = ''] =
    /^\/v1beta\/models\/([\w.-]+):(generateContent|streamGenerateContent)$/.exec(pathname) ?? []
  const isStream = method === 'streamGenerateContent'
  // Without it the provider sends one array; nobody here asks for that.
  if (model === '' || isStream !== (searchParams.get('alt') === 'sse')) throw gemini.refusal(404, 'Not Found')
  const body = parsed(text, () => gemini.refusal(400, 'Invalid JSON payload received. Expected a value.'))
  const wanted = gemini.parseRequest(headersOf(request), model, body, key)
  if (models && !models.includes(model)) throw gemini.unknownModel(model, method)
  const ask = gemini.askOf(wanted, state.asked.length + 1)
  state.asked.push(ask)
  const reply = await script(ask)
  if ('fault' in reply && !('after' in reply)) return send(response, gemini.faultBody(reply))
  const says = 'fault' in reply ? reply.answer : reply
  const usage = gemini.usageOf(wanted, says, state.before)
  const cached = usage.cachedContentTokenCount ?? 0
  const billed: Billed = {
    wire: 'gemini',
    model: ask.model,
    inputTokens: usage.promptTokenCount - cached,
    outputTokens: usage.candidatesTokenCount + (usage.thoughtsTokenCount ?? 0),
    cacheReadTokens: cached,
    cacheWriteTokens: 0,
    whole: false,
  }
  state.billed.push(billed)
  if (!isStream) return json(response, gemini.wholeAnswer(ask, says, usage), billed)
  await stream(response, reply, gemini.streamOf(ask, says, usage), gemini.errorEvent, billed)
}

function parsed(text: string, refusal: () => Refused): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw refusal()
  }
}

function json(response: ServerResponse, body: Record<string, unknown>, billed: Billed): void {
  billed.whole = true
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** Sends the events; a reply that fails breaks after as many of them as it says. */
async function stream(
  response: ServerResponse,
  reply: Says | Extract<Fails, { after: number }>,
  events: readonly string[],
  errorEvent: string,
  billed: Billed,
): Promise<void> {
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
  const fails = 'fault' in reply ? reply : undefined
  const slowMs = (fails?.answer ?? (reply as Says)).slowMs ?? 0
  for (const event of fails ? events.slice(0, fails.after) : events) {
    if (slowMs > 0) await pause(slowMs, gone.signal)
    if (gone.signal.aborted) return
    response.write(event)
  }
  if (!fails) {
    billed.whole = true
    response.end()
  } else await breakOff(response, fails.fault, events[fails.after] ?? '', errorEvent, gone.signal)
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await after(ms, undefined, { signal }).catch(error => {
    if (!signal.aborted) throw error
  })
}

async function breakOff(
  response: ServerResponse,
  fault: Extract<Fails, { after: number }>['fault'],
  next: string,
  errorEvent: string,
  gone: AbortSignal,
): Promise<void> {
  if (fault === 'cut') {
    response.write(next.slice(0, next.length / 2))
    await pause(20, gone)
    response.destroy()
  } else if (fault === 'malformed') response.end(`${next.slice(0, next.length / 2)}}\n\n`)
  else if (fault === 'error-event') response.end(errorEvent)
  else if (fault === 'ends-early') response.end()
}
