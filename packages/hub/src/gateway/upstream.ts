/**
 * One request to a provider, at an address that was checked (GW10). It knows neither keys nor wires: headers and bytes
 * go out, the answer comes back as it begins.
 */
import { Agent, type IncomingMessage, type RequestOptions, request as requestPlain } from 'node:http'
import { request as requestTls, Agent as TlsAgent } from 'node:https'
import type { LookupFunction } from 'node:net'
import { MeshError } from '@meshbook/core/errors.ts'
import type { AddressKind } from '../outgoing/address-kind.ts'
import { checkedAddresses, checkedUrl, type OutgoingPorts } from '../outgoing/guarded-request.ts'

export interface UpstreamRequest {
  url: string
  method: 'GET' | 'POST'
  headers: Record<string, string>
  body: Buffer | undefined
  allows: readonly AddressKind[]
  signal: AbortSignal
}

export interface UpstreamPorts {
  resolve: OutgoingPorts['resolve']
  times: { modelAnswerMs: number }
}

/** Connections are kept for the next call: an agent makes many. */
const idleMs = 60_000

export class Upstream {
  readonly #ports: UpstreamPorts
  readonly #plain = new Agent({ keepAlive: true, timeout: idleMs })
  readonly #tls = new TlsAgent({ keepAlive: true, timeout: idleMs })

  constructor(ports: UpstreamPorts) {
    this.#ports = ports
  }

  /**
   * Resolves when the answer begins. Throws OUTGOING_REFUSED or UNREACHABLE before it, TIMEOUT, or what the signal
   * was aborted with. A kept connection that the provider had closed meanwhile is replaced once.
   */
  async send(ask: UpstreamRequest): Promise<IncomingMessage> {
    const url = checkedUrl(ask.url)
    const timeout = AbortSignal.timeout(this.#ports.times.modelAnswerMs)
    const beginning = AbortSignal.any([ask.signal, timeout])
    try {
      const addresses = await checkedAddresses(this.#ports, url, ask.allows, beginning)
      const first = await this.#attempt(url, ask, addresses, beginning)
      return first === 'stale'
        ? ((await this.#attempt(url, ask, addresses, beginning, true)) as IncomingMessage)
        : first
    } catch (thrown) {
      if (ask.signal.aborted) throw ask.signal.reason
      if (thrown instanceof MeshError) throw thrown
      if (timeout.aborted) throw new MeshError('TIMEOUT', { detail: `${url.host} did not begin to answer` })
      throw new MeshError('UNREACHABLE', { detail: `${url.host}: ${codeOf(thrown)}`, cause: thrown })
    }
  }

  #attempt(
    url: URL,
    { method, headers, body, signal }: UpstreamRequest,
    addresses: readonly { address: string; family: number }[],
    beginning: AbortSignal,
    isFresh = false,
  ): Promise<IncomingMessage | 'stale'> {
    const lookup: LookupFunction = (_name, { all }, found) =>
      all ? found(null, [...addresses]) : found(null, addresses[0]!.address, addresses[0]!.family)
    const isTls = url.protocol === 'https:'
    const length = body === undefined ? {} : { 'content-length': String(body.byteLength) }
    const agent = isFresh ? false : isTls ? this.#tls : this.#plain
    const options: RequestOptions = { method, headers: { ...headers, ...length }, lookup, agent }
    return new Promise((resolve, reject) => {
      const sent = (isTls ? requestTls : requestPlain)(url, options, answer => {
        beginning.removeEventListener('abort', stop)
        // From here on the call is ended by its own signal alone.
        const cut = (): void => void answer.destroy()
        if (signal.aborted) cut()
        signal.addEventListener('abort', cut, { once: true })
        answer.once('close', () => signal.removeEventListener('abort', cut))
        resolve(answer)
      })
      const stop = (): void => void sent.destroy(new Error('stopped'))
      beginning.addEventListener('abort', stop, { once: true })
      if (beginning.aborted) stop()
      sent.on('error', error => {
        beginning.removeEventListener('abort', stop)
        const isStale = sent.reusedSocket && codeOf(error) === 'ECONNRESET' && !beginning.aborted
        if (isStale && !isFresh) resolve('stale')
        else reject(error)
      })
      sent.end(body)
    })
  }

  close(): void {
    this.#plain.destroy()
    this.#tls.destroy()
  }
}

function codeOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return codeOf(thrown.errors[0])
  if (!(thrown instanceof Error)) return 'failed'
  return 'code' in thrown ? String(thrown.code) : thrown.message
}
