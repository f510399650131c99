/** Asks the hub what it alone knows, for a guest of the device's own web app (LO7). It knows no route. */
import type { IncomingMessage } from 'node:http'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'

export interface HubCallsPorts {
  url: string
  /** The right of this device's owner at the hub, for an Authorization header. */
  token(): Promise<string>
  /** Whether the hub is in reach. */
  linked(): boolean
}

const passedOn = ['content-type', 'content-length', 'content-range', 'accept-ranges', 'etag', 'content-disposition']
const asked = ['content-type', 'range', 'if-none-match', 'last-event-id', 'accept']

export class HubCalls {
  readonly #ports: HubCallsPorts | undefined

  constructor(ports: HubCallsPorts | undefined) {
    this.#ports = ports
  }

  /** The hub's answer to the same request; `missing` says what cannot be had without it. Only what a page reads is passed on. */
  async pass(incoming: IncomingMessage, body: unknown, missing: string): Promise<Response> {
    const ports = this.#ports
    if (!ports?.linked()) throw new MeshError('UNREACHABLE', { detail: `the hub, which alone has ${missing}` })
    const answer = await this.#fetch(ports, incoming, body, missing)
    const headers = new Headers({ 'cache-control': 'no-store' })
    for (const name of passedOn) {
      const value = answer.headers.get(name)
      if (value !== null) headers.set(name, value)
    }
    // The hub does not know this browser: what it says of a credential is about this device's own.
    if (answer.status === 401)
      throw new MeshError('FORBIDDEN', { detail: 'the hub does not take the right of this device' })
    return new Response(answer.body, { status: answer.status, headers })
  }

  async #fetch(ports: HubCallsPorts, incoming: IncomingMessage, body: unknown, missing: string): Promise<Response> {
    const headers = new Headers({ authorization: `Bearer ${await ports.token()}` })
    for (const name of asked) {
      const value = incoming.headers[name]
      if (typeof value === 'string') headers.set(name, value)
    }
    const gone = new AbortController()
    incoming.socket.once('close', () => gone.abort())
    // The head of the answer comes soon; what follows may be a stream without an end.
    const late = setTimeout(() => gone.abort(), limits.requestMs)
    try {
      return await fetch(new URL(incoming.url ?? '/', ports.url), {
        method: incoming.method ?? 'GET',
        headers,
        redirect: 'error',
        signal: gone.signal,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
    } catch (cause) {
      throw new MeshError('UNREACHABLE', { detail: `the hub, which alone has ${missing}`, cause })
    } finally {
      clearTimeout(late)
    }
  }
}
