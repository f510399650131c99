/** One JSON request to the hub: time-out, problem+json errors, checked answers. Knows no route. */
import { type ErrorCode, isErrorCode } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import { ApiError } from './api-error.ts'

const problemSchema = v.object({
  code: v.string(),
  title: v.optional(v.string()),
  detail: v.optional(v.string()),
  hint: v.optional(v.string()),
})

const byStatus: Record<number, ErrorCode> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  409: 'CONFLICT',
  413: 'TOO_LARGE',
  429: 'SLOW_DOWN',
  504: 'TIMEOUT',
}

async function errorOf(response: Response): Promise<ApiError> {
  const body = v.safeParse(problemSchema, await response.json().catch(() => undefined))
  const fallback = byStatus[response.status] ?? 'INTERNAL'
  if (!body.success) return new ApiError(fallback)
  const { code, title, detail, hint } = body.output
  return isErrorCode(code) ? new ApiError(code, detail, hint, title) : new ApiError(fallback, detail, hint)
}

export interface RequestOptions {
  body?: unknown
  signal?: AbortSignal
  headers?: Record<string, string>
}

type Listener = () => void
const signedOutListeners = new Set<Listener>()
/** Calls back whenever the hub says that nobody is signed in. */
export function onSignedOut(listener: Listener): void {
  signedOutListeners.add(listener)
}

async function send(method: string, path: string, options: RequestOptions): Promise<Response> {
  const timeout = AbortSignal.timeout(limits.requestMs)
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout
  const headers: Record<string, string> = { accept: 'application/json', ...options.headers }
  if (options.body !== undefined)
    headers['content-type'] ??= options.body instanceof Uint8Array ? 'application/octet-stream' : 'application/json'
  try {
    const body = bodyOf(options.body)
    return await fetch(`/api/v1${path}`, { method, headers, body, signal, credentials: 'same-origin' })
  } catch (thrown) {
    if (options.signal?.aborted) throw thrown
    if (timeout.aborted) throw new ApiError('TIMEOUT')
    throw new ApiError(
      'UNREACHABLE',
      'The hub does not answer.',
      'Check that Meshbook is running; the page goes on when it is back.',
    )
  }
}

function bodyOf(body: unknown): BodyInit | null {
  if (body === undefined) return null
  return body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body)
}

async function sendChecked(method: string, path: string, options: RequestOptions): Promise<Response> {
  const response = await send(method, path, options)
  if (response.ok) return response
  const error = await errorOf(response)
  if (error.code === 'UNAUTHENTICATED') for (const listener of signedOutListeners) listener()
  throw error
}

/** The body of an answer as text, whatever it is. */
export async function requestText(method: string, path: string, options: RequestOptions = {}): Promise<string> {
  return (await sendChecked(method, path, options)).text()
}

/** A blob; undefined if it is not there or larger than that. */
export async function requestBytes(path: string, mostBytes: number): Promise<Uint8Array | undefined> {
  const response = await send('GET', path, { headers: { accept: '*/*' } })
  if (response.status === 404) return undefined
  if (!response.ok) throw await errorOf(response)
  if (Number(response.headers.get('content-length')) <= mostBytes) return new Uint8Array(await response.arrayBuffer())
  await response.body?.cancel()
  return undefined
}

/** An answer that becomes a file, and one of its headers. */
export async function requestFile(path: string, header: string): Promise<[Blob, string]> {
  const response = await sendChecked('GET', path, { headers: { accept: '*/*' } })
  return [await response.blob(), response.headers.get(header) ?? '']
}

export async function sendBytes(method: string, path: string, body: Uint8Array): Promise<void> {
  const response = await sendChecked(method, path, { body })
  await response.body?.cancel()
}

/** The beginning of a blob and its type; of an image the type alone, the browser loads it itself. */
export async function requestStart(path: string, bytes: number, signal: AbortSignal): Promise<[string, Uint8Array]> {
  const headers = { accept: '*/*', range: `bytes=0-${bytes - 1}` }
  const response = await sendChecked('GET', path, { headers, signal })
  const type = response.headers.get('content-type') ?? ''
  // Whoever ignores ranges would send all of it.
  const isStart = response.status === 206 || Number(response.headers.get('content-length')) <= bytes
  if (!type.startsWith('image/') && isStart) return [type, new Uint8Array(await response.arrayBuffer())]
  await response.body?.cancel()
  return [type, new Uint8Array()]
}

export async function request<S extends v.GenericSchema>(
  method: string,
  path: string,
  schema: S,
  options: RequestOptions = {},
): Promise<v.InferOutput<S>> {
  const text = await requestText(method, path, options)
  const parsed = v.safeParse(schema, text === '' ? undefined : JSON.parse(text))
  if (parsed.success) return parsed.output
  throw new ApiError(
    'BAD_MESSAGE',
    `The hub's answer to ${path} is not understood.`,
    'Reload the page; the hub may have been updated.',
  )
}
