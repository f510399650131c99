/** The hub's HTTP API as the command line uses it. Answers are checked against core/api; problems become MeshErrors. */

import { type DocumentInfo, documentSchema, listOf } from '@meshbook/core/api.ts'
import { isErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { type AssetId, isAssetId, type Seq } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { isTerminal, type NumberedEvent, runEventSchema } from '@meshbook/core/run.ts'
import { createParser } from 'eventsource-parser'
import * as v from 'valibot'
import { control } from './control.ts'
import type { DataFolder } from './data-folder.ts'

export interface Credentials {
  hub: string
  token: string
}

/** `--hub` with MESHBOOK_TOKEN, or the hub of the daemon that runs on this machine. */
export async function findHub(
  options: { hub?: string },
  folder: DataFolder,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Credentials> {
  const hub = options.hub ?? env.MESHBOOK_HUB
  if (!hub) return control(folder.control, '/token', {})
  if (!env.MESHBOOK_TOKEN)
    throw new MeshError('UNAUTHENTICATED', { detail: '--hub also needs an API token in MESHBOOK_TOKEN' })
  return { hub: hub.replace(/\/$/, ''), token: env.MESHBOOK_TOKEN }
}

/** The hub sends a beat where there is nothing to tell; a stream that has missed two is dead, though nobody said so. */
const silenceMs = 2.5 * limits.eventStreamBeatMs

const assetsNamed = (header: string): AssetId[] => header.split(' ').filter(isAssetId)

export class ApiClient {
  readonly #hub: Credentials
  readonly #silenceMs: number

  constructor(hub: Credentials, times = { silenceMs }) {
    this.#hub = hub
    this.#silenceMs = times.silenceMs
  }

  get<T>(path: string, schema: v.GenericSchema<unknown, T>): Promise<T> {
    return this.#json('GET', path, undefined, schema)
  }

  post<T>(path: string, body: unknown, schema: v.GenericSchema<unknown, T>): Promise<T> {
    return this.#json('POST', path, body, schema)
  }

  put<T>(path: string, body: unknown, schema: v.GenericSchema<unknown, T>): Promise<T> {
    return this.#json('PUT', path, body, schema)
  }

  /** The document at `<owner>/<project>/<path>`; `.md` may be left out, as it is in the addresses of pages. */
  async documentAt(path: string): Promise<DocumentInfo> {
    for (const one of path.endsWith('.md') ? [path] : [path, `${path}.md`]) {
      const { items } = await this.get(`/documents?path=${encodeURIComponent(one)}`, listOf(documentSchema))
      if (items[0]) return items[0]
    }
    throw new MeshError('NOT_FOUND', { detail: path })
  }

  /** As it is, with the mark of its byte order. */
  async text(path: string): Promise<string> {
    const answer = await this.#fetch('GET', path, undefined, AbortSignal.timeout(limits.requestMs))
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(await answer.bytes())
  }

  /** A document as one file of HTML, and how much of it the hub does not have. */
  async html(document: string, outputs: boolean): Promise<{ text: string; missing: AssetId[] }> {
    const path = `/documents/${document}/export?to=html&outputs=${outputs ? 'yes' : 'no'}`
    const answer = await this.#fetch('GET', path, undefined, AbortSignal.timeout(10 * limits.requestMs))
    return { text: await answer.text(), missing: assetsNamed(answer.headers.get('x-missing-assets') ?? '') }
  }

  /** A whole text at a path of a project; over a document only with `replace`. */
  async putDocument(project: string, path: string, text: string, replace: boolean): Promise<DocumentInfo> {
    const query = new URLSearchParams({ path, ...(replace && { replace: 'yes' }) })
    const bytes = new TextEncoder().encode(text)
    const signal = AbortSignal.timeout(10 * limits.requestMs)
    const answer = await this.#fetch('PUT', `/projects/${project}/documents?${query}`, bytes, signal, 'text/markdown')
    return v.parse(documentSchema, await answer.json())
  }

  async bytes(path: string): Promise<Uint8Array> {
    const response = await this.#fetch('GET', path, undefined, AbortSignal.timeout(limits.requestMs))
    if (Number(response.headers.get('content-length')) <= limits.importBytes) return response.bytes()
    await response.body?.cancel()
    throw new MeshError('TOO_LARGE', { detail: path })
  }

  /** Of a blob; nothing happens where the hub has it. */
  async putBytes(path: string, bytes: Uint8Array): Promise<void> {
    const response = await this.#fetch('PUT', path, bytes, AbortSignal.timeout(10 * limits.requestMs))
    await response.body?.cancel()
  }

  async send(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<void> {
    const response = await this.#fetch(method, path, body, AbortSignal.timeout(limits.requestMs))
    await response.body?.cancel()
  }

  async #json<T>(method: string, path: string, body: unknown, schema: v.GenericSchema<unknown, T>): Promise<T> {
    const response = await this.#fetch(method, path, body, AbortSignal.timeout(limits.requestMs))
    const parsed = v.safeParse(schema, await response.json())
    if (parsed.success) return parsed.output
    throw new MeshError('BAD_MESSAGE', { detail: `${method} ${path} answered in a form this version does not know` })
  }

  async #fetch(
    method: string,
    path: string,
    body: unknown,
    signal: AbortSignal,
    bytesType = 'application/octet-stream',
  ): Promise<Response> {
    const { hub, token } = this.#hub
    const headers: Record<string, string> = {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': isBytes(body) ? bytesType : 'application/json' }),
    }
    let response: Response
    try {
      response = await fetch(`${hub}/api/v1${path}`, {
        method,
        headers,
        signal,
        ...(body === undefined ? {} : { body: isBytes(body) ? body : JSON.stringify(body) }),
      })
    } catch (cause) {
      if (signal.aborted && signal.reason instanceof MeshError) throw signal.reason
      throw new MeshError('UNREACHABLE', { detail: hub, cause })
    }
    if (!response.ok) throw await problemFrom(response)
    return response
  }

  /** The events of a run from `after` on, live; reconnects by itself; ends after the terminal event. */
  async *events(run: string, after: number, signal: AbortSignal): AsyncGenerator<NumberedEvent> {
    let last = after
    for (let failures = 0; !signal.aborted; ) {
      try {
        for await (const numbered of this.#eventStream(run, last, signal)) {
          failures = 0
          last = numbered.seq
          yield numbered
          if (isTerminal(numbered.event)) return
        }
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof MeshError) || error.code !== 'UNREACHABLE' || ++failures > 20) throw error
      }
      await new Promise(resolve => setTimeout(resolve, limits.reconnectMinMs))
    }
  }

  async *#eventStream(run: string, after: number, signal: AbortSignal): AsyncGenerator<NumberedEvent> {
    const response = await this.#fetch('GET', `/runs/${run}/events?after=${after}`, undefined, signal)
    const ready: NumberedEvent[] = []
    const parser = createParser({
      onEvent: ({ id, data }) =>
        ready.push({ seq: Number(id) as Seq, event: v.parse(runEventSchema, JSON.parse(data)) }),
    })
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    try {
      for (;;) {
        const { done, value } = await this.#inTime(reader.read()).catch((cause: unknown) => {
          throw new MeshError('UNREACHABLE', { detail: 'the event stream was cut', cause })
        })
        if (done) return
        parser.feed(value)
        yield* ready.splice(0)
      }
    } finally {
      await reader.cancel().catch(() => undefined)
    }
  }

  async #inTime<T>(read: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new MeshError('TIMEOUT', { detail: 'the event stream is silent' })),
        this.#silenceMs,
      )
    })
    try {
      return await Promise.race([read, silence])
    } finally {
      clearTimeout(timer)
    }
  }
}

const isBytes = (body: unknown): body is Uint8Array<ArrayBuffer> => body instanceof Uint8Array

async function problemFrom(response: Response): Promise<MeshError> {
  const body: unknown = await response.json().catch(() => undefined)
  const problem = v.safeParse(v.object({ code: v.string(), detail: v.optional(v.string()) }), body)
  if (!problem.success || !isErrorCode(problem.output.code))
    return new MeshError('UNREACHABLE', { detail: `HTTP ${response.status}` })
  return new MeshError(
    problem.output.code,
    problem.output.detail === undefined ? {} : { detail: problem.output.detail },
  )
}
