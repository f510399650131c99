/**
 * The model of an agent of somebody else, as far as it may be asked (TW41, TW42): what came to its port goes on to the
 * socket of models, which tools cannot open. Only requests of the task's wire format, only while the agent has a prompt.
 */
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { Duplex } from 'node:stream'
import type { TaskOrder } from '@meshbook/core/broker.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { ModelWire } from '@meshbook/core/model-wires.ts'
import type { AcpModels } from '@meshbook/engine/agent/acp-agent.ts'
import * as v from 'valibot'
import { placeholderKey } from './placeholder-key.ts'

export interface AgentModelsPorts {
  /** Of the runner alone. */
  socket: string
  order: Pick<TaskOrder, 'wire' | 'model'>
  /** Makes the port; called again for a program that is begun again. */
  port(taken: (connection: Duplex) => void): Promise<number>
}

const paths: Readonly<Record<ModelWire, RegExp>> = {
  anthropic: /^\/v1\/(?:messages|messages\/count_tokens|models)$/,
  openai: /^\/v1\/(?:chat\/completions|responses|embeddings|models)$/,
  gemini: /^\/v1(?:beta)?\/models\/[\w.-]+:(?:generateContent|streamGenerateContent)$/,
}
/** Neither belongs to one connection alone, nor is a credential. */
const dropped = new Set([
  ...[
    'authorization',
    'x-api-key',
    'x-goog-api-key',
    'cookie',
    'host',
    'connection',
    'keep-alive',
    'upgrade',
    'te',
    'trailer',
  ],
  ...['transfer-encoding', 'proxy-authorization', 'proxy-connection', 'expect'],
])
/** In all formats. */
const refusalSchema = v.pipe(v.string(), v.parseJson(), v.object({ error: v.object({ message: v.string() }) }))
const spentWords = 'The budget for models is used up.'
const reasonChars = 500
const reasonBytes = 16 * 1024

export class AgentModels implements AcpModels {
  readonly #ports: AgentModelsPorts
  readonly #server: Server
  readonly #spent = new AbortController()
  #isLet = false
  #underWay = 0

  constructor(ports: AgentModelsPorts) {
    this.#ports = ports
    this.#server = createServer({ maxHeaderSize: limits.brokerHeaderBytes }, (request, response) =>
      this.#answer(request, response),
    )
    this.#server.requestTimeout = limits.modelAnswerMs
    this.#server.headersTimeout = limits.requestMs
    this.#server.on('clientError', (_error, socket) => socket.destroy())
  }

  get usedUp(): AbortSignal {
    return this.#spent.signal
  }

  async open(): Promise<Readonly<Record<string, string>>> {
    const { wire, model } = this.#ports.order
    const port = await this.#ports.port(connection => void this.#server.emit('connection', connection))
    const url = `http://127.0.0.1:${port}`
    switch (wire) {
      case 'anthropic':
        return { ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: placeholderKey, ANTHROPIC_MODEL: model }
      case 'openai':
        return { OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: placeholderKey, OPENAI_MODEL: model }
      case 'gemini':
        return { GOOGLE_GEMINI_BASE_URL: url, GEMINI_API_KEY: placeholderKey, GEMINI_MODEL: model }
    }
  }

  let(may: boolean): void {
    this.#isLet = may
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = URL.parse(request.url ?? '/', 'http://models')
    const path = url?.pathname ?? ''
    if (!paths[this.#ports.order.wire].test(path)) this.#refuse(response, 404, 'not_found_error', 'Nothing is here.')
    else if (this.#spent.signal.aborted) this.#refuse(response, 402, 'billing_error', spentWords)
    else if (!this.#isLet) this.#refuse(response, 503, 'api_error', 'The agent has nothing to do at this moment.')
    else this.#pass(request, response, `${path}${url?.search ?? ''}`)
  }

  #pass(request: IncomingMessage, response: ServerResponse, path: string): void {
    const { socket: socketPath } = this.#ports
    this.#underWay += 1
    const asked = httpRequest(
      { socketPath, path, method: request.method, headers: passed(request.headers) },
      answer => {
        answer.once('error', () => response.destroy())
        if (answer.statusCode === 402 && this.#underWay > 1) {
          // What others may cost is held back until they have ended: there may be enough then.
          answer.resume()
          this.#refuse(response, 429, 'rate_limit_error', 'The budget is held by calls that are under way.')
          return
        }
        if (answer.statusCode === 402) this.#noteSpent(answer)
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    asked.once('error', () => {
      if (response.headersSent) response.destroy()
      else this.#refuse(response, 502, 'api_error', 'The model cannot be reached at this moment.')
    })
    response.once('close', () => {
      this.#underWay -= 1
      asked.destroy()
    })
    request.pipe(asked)
  }

  #noteSpent(answer: IncomingMessage): void {
    let said = ''
    answer.on('data', (piece: Buffer) => {
      if (said.length < reasonBytes) said += piece.toString('utf8')
    })
    answer.once('close', () => this.#spent.abort(reasonOf(said)))
  }

  #refuse(response: ServerResponse, status: number, type: string, message: string): void {
    const body = JSON.stringify({ type: 'error', error: { type, message } })
    const again = status === 429 || status === 503 ? { 'retry-after': '1' } : {}
    const headers = { ...again, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    response.writeHead(status, headers).end(body)
  }
}

/** What a gateway has to be told, with a key in the place of whichever was there. */
function passed(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const own = Object.entries(headers).flatMap(([name, value]): [string, string | string[]][] =>
    value === undefined || dropped.has(name) ? [] : [[name, value]],
  )
  const credential: [string, string] =
    headers.authorization === undefined ? ['x-api-key', placeholderKey] : ['authorization', `Bearer ${placeholderKey}`]
  return Object.fromEntries([...own, credential])
}

function reasonOf(body: string): string {
  const refusal = v.safeParse(refusalSchema, body)
  return refusal.success ? refusal.output.error.message.slice(0, reasonChars) : spentWords
}
