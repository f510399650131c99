/**
 * The Docker Engine API over its unix socket: one request at a time, each with a time-out and a cap on its answer. It
 * knows what an answer looks like and nothing of what is made with it.
 */
import { type IncomingMessage, request } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'

/** Every engine since Docker 20.10 speaks it. */
const version = 'v1.41'

export interface EngineAnswer {
  status: number
  body: Buffer
}

interface EngineRequest {
  body?: unknown
  /** Sent as it comes, in the place of `body`. */
  stream?: Readable
  timeoutMs?: number
}

type Method = 'GET' | 'POST' | 'DELETE'

export class DockerEngine {
  readonly #socketPath: string

  constructor(socketPath: string) {
    this.#socketPath = socketPath
  }

  /** The answer, if its status is a good one or one of `also`; COMPUTE_UNAVAILABLE for every other. */
  async ask(
    method: Method,
    path: string,
    options: EngineRequest = {},
    also: readonly number[] = [],
  ): Promise<EngineAnswer> {
    const answer = await this.#send(method, path, options)
    if (answer.status < 300 || also.includes(answer.status)) return answer
    throw new MeshError('COMPUTE_UNAVAILABLE', { detail: `${whatFor(path)}: ${messageOf(answer)}` })
  }

  async json<S extends v.GenericSchema>(method: Method, path: string, schema: S): Promise<v.InferOutput<S>> {
    return parsed(await this.ask(method, path), path, schema)
  }

  async #send(method: Method, path: string, options: EngineRequest): Promise<EngineAnswer> {
    const signal = AbortSignal.timeout(options.timeoutMs ?? limits.engineAnswerMs)
    try {
      return await this.#exchange(method, path, options, signal)
    } catch (cause) {
      if (cause instanceof MeshError) throw cause
      const why = signal.aborted ? 'it does not answer' : whyOf(cause as NodeJS.ErrnoException)
      throw new MeshError('COMPUTE_UNAVAILABLE', { detail: `the engine at ${this.#socketPath}: ${why}`, cause })
    }
  }

  async #exchange(
    method: Method,
    path: string,
    { body, stream }: EngineRequest,
    signal: AbortSignal,
  ): Promise<EngineAnswer> {
    const text = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const headers = {
      host: 'engine',
      ...(text && { 'content-type': 'application/json', 'content-length': text.byteLength }),
      ...(stream && { 'content-type': 'application/x-tar' }),
    }
    const sent = request({ socketPath: this.#socketPath, path: `/${version}${path}`, method, headers, signal })
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sent.once('response', resolve)
      sent.once('error', reject)
    })
    answered.catch(() => undefined)
    // The engine may refuse what is sent before it has all of it: then its answer tells more than the cut.
    if (stream) await pipeline(stream, sent, { signal }).catch(() => undefined)
    else sent.end(text)
    const response = await answered
    return { status: response.statusCode ?? 0, body: await bodyOf(response) }
  }
}

export function parsed<S extends v.GenericSchema>({ body }: EngineAnswer, path: string, schema: S): v.InferOutput<S> {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), body.toString('utf8'))
  if (result.success) return result.output
  throw new MeshError('COMPUTE_UNAVAILABLE', { detail: `${whatFor(path)}: the answer is not understood` })
}

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength
    if (bytes > limits.engineAnswerBytes) {
      response.destroy()
      throw new MeshError('COMPUTE_UNAVAILABLE', { detail: 'the engine answers more than is read' })
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const whatFor = (path: string): string => path.split('?', 1)[0]!.replace(/^\//, '')

const problemSchema = v.pipe(v.string(), v.parseJson(), v.object({ message: v.string() }))

function messageOf({ status, body }: EngineAnswer): string {
  const problem = v.safeParse(problemSchema, body.toString('utf8'))
  return (problem.success ? problem.output.message : `HTTP ${status}`).slice(0, 500)
}

function whyOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT' || code === 'ECONNREFUSED') return 'it does not run'
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not use it'
  return message
}
