/**
 * Requests to a runtime: only to its URL and below, no redirect followed, nothing sent twice, each answer with a cap
 * and a time (MK1, MK2, MK7). It knows nothing of runs.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'

const connectMs = 10_000
const answerBytes = 4 * 1024 * 1024
const keepAliveMs = 30_000

/** The runtime was not reached: nothing was done. */
export class Unreachable extends Error {}
/** It answered with something else than success. */
export class Refused extends Error {
  readonly status: number
  constructor(status: number, detail: string) {
    super(detail)
    this.status = status
  }
}

export class RuntimeClient {
  readonly #base: URL

  constructor(url: string) {
    this.#base = new URL(url.endsWith('/') ? url : `${url}/`)
    if (!/^https?:$/.test(this.#base.protocol)) throw new Error(`not an address of a runtime: ${url}`)
  }

  /** For people. */
  get address(): string {
    return this.#base.href.replace(/\/$/, '')
  }

  /** An answer as JSON within `ms`. */
  async json(method: 'GET' | 'POST', path: string, body: unknown, ms: number): Promise<unknown> {
    return JSON.parse((await this.bytes(method, path, body, answerBytes, ms)).toString('utf8'))
  }

  async bytes(method: 'GET' | 'POST', path: string, body: unknown, maxBytes: number, ms: number): Promise<Buffer> {
    const signal = AbortSignal.timeout(ms)
    const response = await this.#send(method, path, body, signal)
    try {
      return await read(response, maxBytes)
    } finally {
      response.destroy()
    }
  }

  /** The answer itself, to be read as it comes for as long as it takes. */
  stream(path: string, body: unknown, signal: AbortSignal): Promise<IncomingMessage> {
    return this.#send('POST', path, body, signal)
  }

  #send(method: 'GET' | 'POST', path: string, body: unknown, signal: AbortSignal): Promise<IncomingMessage> {
    const url = new URL(path, this.#base)
    if (url.origin !== this.#base.origin || !url.pathname.startsWith(this.#base.pathname))
      return Promise.reject(new Refused(0, 'the address lies outside the runtime'))
    const text = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const headers = {
      accept: 'application/json, text/event-stream',
      ...(text ? { 'content-type': 'application/json', 'content-length': text.length } : {}),
    }
    // A connection of its own for each: nothing is repeated because another one was found closed.
    const options: RequestOptions = { method, headers, agent: false, signal }
    return new Promise((resolve, reject) => {
      const sent = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options)
      watchConnection(sent, reject, this.address)
      sent.on('response', response => take(response, resolve, reject))
      sent.end(text)
    })
  }
}

function watchConnection(sent: ClientRequest, reject: (error: Error) => void, address: string): void {
  let isConnected = false
  const timer = setTimeout(() => sent.destroy(new Error(`no connection within ${connectMs / 1000} s`)), connectMs)
  sent.on('socket', socket =>
    socket.once('connect', () => {
      isConnected = true
      clearTimeout(timer)
      socket.setKeepAlive(true, keepAliveMs)
    }),
  )
  sent.on('close', () => clearTimeout(timer))
  sent.on('error', error => reject(isConnected ? error : new Unreachable(`${address}: ${reasonOf(error)}`)))
}

/** An error of a name with several addresses has its reasons inside. */
function reasonOf(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map(each => (each as Error).message).join('; ')
  return error.message
}

function take(response: IncomingMessage, resolve: (it: IncomingMessage) => void, reject: (error: Error) => void): void {
  const { statusCode = 0 } = response
  if (statusCode >= 200 && statusCode < 300) {
    resolve(response)
    return
  }
  void refusal(response, statusCode).then(reject)
}

async function refusal(response: IncomingMessage, status: number): Promise<Refused> {
  const isRedirect = status >= 300 && status < 400
  const text = isRedirect ? '' : await read(response, 1_000).then(String, () => '')
  response.destroy()
  const said = isRedirect ? 'a redirect, which is not followed' : text.slice(0, 500)
  return new Refused(status, `it answered ${status}: ${said}`)
}

async function read(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length
    if (bytes > maxBytes) throw new Refused(response.statusCode ?? 0, `its answer has more than ${maxBytes} bytes`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}
