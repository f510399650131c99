/** JSON over HTTPS to a platform that runs workers elsewhere: one request at a time, with a time-out and caps. */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'

export interface PlatformOptions {
  /** How the platform is called in errors. */
  name: string
  url: string
  /** Read for each request: platforms change them under us. */
  token(): Promise<string>
  /** Certificates of the platform's own authority, read as the token is; the usual ones where there is none. */
  ca?(): Promise<string>
}

export interface PlatformAnswer {
  status: number
  text: string
}

interface Sent {
  body?: unknown
  timeoutMs?: number
}

const problemSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.union([v.object({ message: v.string() }), v.object({ error: v.string() })]),
)

export class PlatformApi {
  readonly #options: PlatformOptions

  constructor(options: PlatformOptions) {
    this.#options = options
  }

  /** The answer, if its status is a good one or one of `also`; COMPUTE_UNAVAILABLE for every other. */
  async ask(method: string, path: string, sent: Sent = {}, also: readonly number[] = []): Promise<PlatformAnswer> {
    const { name } = this.#options
    const signal = AbortSignal.timeout(sent.timeoutMs ?? limits.engineAnswerMs)
    let answer: PlatformAnswer
    try {
      answer = await this.#send(method, path, sent, signal)
    } catch (cause) {
      if (cause instanceof MeshError) throw cause
      const why = signal.aborted ? 'it does not answer' : (cause as Error).message
      throw new MeshError('COMPUTE_UNAVAILABLE', { detail: `${name}: ${why}`, cause })
    }
    if ((answer.status >= 200 && answer.status < 300) || also.includes(answer.status)) return answer
    throw new MeshError('COMPUTE_UNAVAILABLE', { detail: `${name}: ${messageOf(answer)}` })
  }

  async json<S extends v.GenericSchema>(
    method: string,
    path: string,
    schema: S,
    sent: Sent = {},
  ): Promise<v.InferOutput<S>> {
    return this.parsed(await this.ask(method, path, sent), schema)
  }

  parsed<S extends v.GenericSchema>({ text }: PlatformAnswer, schema: S): v.InferOutput<S> {
    const found = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text)
    if (found.success) return found.output
    throw new MeshError('COMPUTE_UNAVAILABLE', { detail: `${this.#options.name}: the answer is not understood` })
  }

  async #send(method: string, path: string, { body }: Sent, signal: AbortSignal): Promise<PlatformAnswer> {
    const { url, token } = this.#options
    const ca = await this.#options.ca?.()
    const at = new URL(path, url)
    const text = body === undefined ? undefined : JSON.stringify(body)
    const headers = {
      authorization: `Bearer ${await token()}`,
      accept: 'application/json',
      ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    }
    const send = at.protocol === 'https:' ? httpsRequest : httpRequest
    return new Promise((resolve, reject) => {
      const sent = send(at, { method, headers, signal, ...(ca !== undefined && { ca }) }, response => {
        textOf(response).then(answered => resolve({ status: response.statusCode ?? 0, text: answered }), reject)
      })
      sent.once('error', reject)
      sent.end(text)
    })
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.byteLength
    if (bytes > limits.engineAnswerBytes) {
      response.destroy()
      throw new MeshError('COMPUTE_UNAVAILABLE', { detail: 'the platform answers more than is read' })
    }
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

function messageOf({ status, text }: PlatformAnswer): string {
  const problem = v.safeParse(problemSchema, text)
  if (!problem.success) return `HTTP ${status}`
  return ('message' in problem.output ? problem.output.message : problem.output.error).slice(0, 500)
}
