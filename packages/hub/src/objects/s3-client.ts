/**
 * Signed requests to one bucket: time-outs, retries with back-off, and what the service says as our errors. It knows
 * nothing of what is stored, and lets no key or signature out (OB6, OB7).
 */
import { createHash } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now, RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { retry, systemSleep } from '@meshbook/engine/backoff.ts'
import { AwsClient } from 'aws4fetch'
import { errorCodeOf } from './s3-answers.ts'
import type { S3Config } from './s3-config.ts'

export type S3Fetch = (request: Request) => Promise<Response>

export interface S3Ports {
  now: Now
  random: RandomBytes
  limits: Limits
  /** How bytes get to the service; `fetch` if absent. */
  fetch?: S3Fetch
}

export interface S3Ask {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  name?: string
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: Uint8Array<ArrayBuffer>
  /** Statuses besides success that the caller wants to see. */
  expect?: number[]
}

const mostErrorChars = 4_000

export class S3Client {
  readonly #config: S3Config
  readonly #ports: S3Ports
  readonly #signer: AwsClient
  readonly #stop = new AbortController()

  constructor(config: S3Config, ports: S3Ports) {
    const { accessKeyId, secretAccessKey, region } = config
    this.#config = config
    this.#ports = ports
    this.#signer = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 })
  }

  /** The answer once its head is there; its body comes under `bodyOf`. */
  ask(ask: S3Ask): Promise<Response> {
    const { limits, random } = this.#ports
    return retry(() => this.#once(ask), {
      attempts: limits.objectTriesPerCall,
      minMs: limits.reconnectMinMs / 5,
      maxMs: limits.reconnectMaxMs / 10,
      random: () => random(1)[0]! / 256,
      signal: this.#stop.signal,
      sleep: systemSleep,
      mayRetry: error => error instanceof MeshError && temporary.has(error.code),
    })
  }

  async text(ask: S3Ask): Promise<string> {
    const response = await this.ask(ask)
    const chunks: Uint8Array[] = []
    for await (const chunk of bodyOf(response, this.#ports.limits.requestMs)) chunks.push(chunk)
    return Buffer.concat(chunks).toString('utf8')
  }

  close(): void {
    this.#stop.abort(new MeshError('SHUTTING_DOWN'))
  }

  /** The time-out is for the head of the answer; its body may take as long as bytes come. */
  async #once(ask: S3Ask): Promise<Response> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(new MeshError('TIMEOUT', { detail: 'the object store' })), this.#askMs)
    try {
      const request = await this.#sign(ask, AbortSignal.any([this.#stop.signal, late.signal]))
      const response = await (this.#ports.fetch ?? fetch)(request)
      if (response.ok || ask.expect?.includes(response.status)) return response
      throw await refusalOf(response)
    } catch (cause) {
      throw failedToReach(cause)
    } finally {
      clearTimeout(timer)
    }
  }

  get #askMs(): number {
    return this.#ports.limits.requestMs
  }

  /** The hash of the body is signed too, so that nothing on the way can exchange it. */
  #sign({ method, name, query, headers, body }: S3Ask, signal: AbortSignal): Promise<Request> {
    const hash = createHash('sha256')
      .update(body ?? new Uint8Array())
      .digest('hex')
    const datetime = new Date(this.#ports.now()).toISOString().replace(/[:-]|\.\d{3}/g, '')
    return this.#signer.sign(this.#url(name, query), {
      method,
      headers: { ...headers, 'x-amz-content-sha256': hash },
      redirect: 'error',
      signal,
      aws: { datetime },
      ...(body ? { body } : {}),
    })
  }

  #url(name = '', query: Record<string, string> = {}): string {
    const { endpoint, bucket, prefix, pathStyle } = this.#config
    const url = new URL(endpoint)
    if (!pathStyle) url.hostname = `${bucket}.${url.hostname}`
    url.pathname = `${pathStyle ? `/${bucket}` : ''}/${name === '' ? '' : `${prefix}${name}`}`.replace(/(.)\/$/, '$1')
    url.search = new URLSearchParams(query).toString()
    return url.href
  }
}

const temporary = new Set(['UNREACHABLE', 'TIMEOUT', 'SLOW_DOWN'])

function failedToReach(cause: unknown): MeshError {
  return cause instanceof MeshError ? cause : new MeshError('UNREACHABLE', { detail: 'the object store', cause })
}

async function refusalOf(response: Response): Promise<MeshError> {
  const { status } = response
  const said = await response.text().catch(() => '')
  const detail = `the object store answered ${status} ${errorCodeOf(said.slice(0, mostErrorChars))}`.trim()
  if (status === 429 || status === 503) return new MeshError('SLOW_DOWN', { detail })
  if (status >= 500) return new MeshError('UNREACHABLE', { detail })
  return new MeshError(status === 404 ? 'NOT_FOUND' : 'STORAGE_FAILED', { detail })
}

/** The chunks of an answer, each awaited no longer than the limit. */
export async function* bodyOf(response: Response, chunkMs: number): AsyncGenerator<Uint8Array> {
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader()
  if (!reader) return
  try {
    for (;;) {
      const { done, value } = await readWithin(reader, chunkMs)
      if (done) return
      yield value
    }
  } finally {
    // Also when whoever reads has had enough: the connection is not kept waiting.
    await reader.cancel().catch(() => undefined)
  }
}

async function readWithin(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  ms: number,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new MeshError('TIMEOUT', { detail: 'the object store' })), ms)
  })
  try {
    return await Promise.race([reader.read(), late])
  } catch (cause) {
    throw failedToReach(cause)
  } finally {
    clearTimeout(timer)
  }
}
