/** Asks the hub what it alone knows, for a guest of the device's own web app (LO7). It knows no route. */
import type { IncomingMessage } from 'node:http'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'

export interface HubCallsPorts {
  url: string
  /** The right of this device at the hub, for an Authorization header; another one than `stale`, which the hub refused. */
  token(stale?: string): Promise<string>
  /** Whether the hub is in reach. */
  linked(): boolean
}

export interface HubCall {
  incoming: Pick<IncomingMessage, 'url' | 'method' | 'headers'>
  body: unknown
  /** Aborted when the asker goes before the answer has ended. */
  signal: AbortSignal
}

const passedOn = [
  'content-type',
  'content-length',
  'content-range',
  'accept-ranges',
  'etag',
  'content-disposition',
  'x-missing-assets',
]
const asked = ['content-type', 'range', 'if-none-match', 'last-event-id', 'accept']

export class HubCalls {
  readonly #ports: HubCallsPorts | undefined

  constructor(ports: HubCallsPorts | undefined) {
    this.#ports = ports
  }

  /** The hub's answer to the same request; `missing` says what cannot be had without it. Only what a page reads is passed on. */
  async pass(call: HubCall, missing: string): Promise<Response> {
    const ports = this.#ports
    if (!ports?.linked()) throw outOfReach(missing)
    const answer = await this.#ask(ports, call, missing)
    const headers = new Headers({ 'cache-control': 'no-store' })
    for (const name of passedOn) {
      const value = answer.headers.get(name)
      if (value !== null) headers.set(name, value)
    }
    return new Response(answer.body, { status: answer.status, headers })
  }

  /** Once more with another token if the hub takes this one no more: a device has one at a time. */
  async #ask(ports: HubCallsPorts, call: HubCall, missing: string): Promise<Response> {
    const token = await this.#token(ports, missing)
    const first = await this.#send(ports, call, token, missing)
    if (first.status !== 401) return first
    await first.body?.cancel()
    const second = await this.#send(ports, call, await this.#token(ports, missing, token), missing)
    if (second.status !== 401) return second
    await second.body?.cancel()
    throw notTaken()
  }

  async #token({ token }: HubCallsPorts, missing: string, stale?: string): Promise<string> {
    try {
      return await token(stale)
    } catch (cause) {
      throw asMeshError(cause).code === 'UNREACHABLE' ? outOfReach(missing, cause) : notTaken(cause)
    }
  }

  async #send({ url }: HubCallsPorts, call: HubCall, token: string, missing: string): Promise<Response> {
    const { incoming, body, signal } = call
    const headers = new Headers({ authorization: `Bearer ${token}` })
    for (const name of asked) {
      const value = incoming.headers[name]
      if (typeof value === 'string') headers.set(name, value)
    }
    // The head of the answer comes soon; what follows may be a stream without an end.
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), limits.requestMs)
    try {
      return await fetch(new URL(incoming.url ?? '/', url), {
        method: incoming.method ?? 'GET',
        headers,
        redirect: 'error',
        signal: AbortSignal.any([signal, late.signal]),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
    } catch (cause) {
      throw outOfReach(missing, cause)
    } finally {
      clearTimeout(timer)
    }
  }
}

function outOfReach(missing: string, cause?: unknown): MeshError {
  return new MeshError('UNREACHABLE', { detail: `the hub, which alone has ${missing}`, cause })
}

/** The hub does not know this browser: what it says of a credential is about this device's own. */
function notTaken(cause?: unknown): MeshError {
  return new MeshError('FORBIDDEN', { detail: 'the hub does not take the right of this device', cause })
}
