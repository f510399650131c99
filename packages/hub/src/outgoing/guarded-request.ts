/**
 * A request to an address that a user gave (S15): http(s) only, the name is resolved once, every address that it has is
 * checked, and the connection goes to one of those. No redirect is followed, the answer has a cap and all of it a
 * deadline. What is sent and what the answer means is not known here.
 */
import { lookup as resolveName } from 'node:dns/promises'
import { type IncomingMessage, type RequestOptions, request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type AddressKind, addressKind } from './address-kind.ts'

export interface OutgoingRequest {
  url: string
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  headers: Record<string, string>
  body?: Uint8Array | string
  /** Which kinds of addresses it may go to. */
  allows: readonly AddressKind[]
}

export interface OutgoingAnswer {
  status: number
  headers: IncomingMessage['headers']
  /** At most `limits.outgoingAnswerBytes`. */
  text: string
}

export interface OutgoingPorts {
  /** All addresses of a name. */
  resolve(name: string): Promise<{ address: string; family: number }[]>
  times: { outgoingMs: number; outgoingAnswerBytes: number }
}

export type Outgoing = (request: OutgoingRequest, signal?: AbortSignal) => Promise<OutgoingAnswer>

export const systemResolve: OutgoingPorts['resolve'] = name => resolveName(name, { all: true })
const systemPorts: OutgoingPorts = { resolve: systemResolve, times: limits }

/** Throws OUTGOING_REFUSED before anything is sent, UNREACHABLE or TIMEOUT; an answer of any status is an answer. */
export function outgoing(ports: OutgoingPorts = systemPorts): Outgoing {
  return async (request, signal) => {
    const timeout = AbortSignal.timeout(ports.times.outgoingMs)
    const ended = signal ? AbortSignal.any([signal, timeout]) : timeout
    const url = checkedUrl(request.url)
    try {
      const addresses = await checkedAddresses(ports, url, request.allows, ended)
      return await send(url, request, addresses, ports.times.outgoingAnswerBytes, ended)
    } catch (thrown) {
      if (thrown instanceof MeshError) throw thrown
      if (timeout.aborted) throw new MeshError('TIMEOUT', { detail: url.host, cause: thrown })
      throw new MeshError('UNREACHABLE', { detail: `${url.host}: ${reasonOf(thrown)}`, cause: thrown })
    }
  }
}

/** Ports of other services of a machine are no addresses for this. */
const webPorts = ['', '80', '443']

export function checkedUrl(text: string): URL {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) throw refused('expected an http or https address')
  if (url.username || url.password) throw refused('a name or password in an address is not sent')
  if (!webPorts.includes(url.port) && Number(url.port) < 1024) throw refused(`port ${url.port} is not one of the web`)
  return url
}

export async function checkedAddresses(
  { resolve }: Pick<OutgoingPorts, 'resolve'>,
  url: URL,
  allows: readonly AddressKind[],
  signal: AbortSignal,
): Promise<{ address: string; family: number }[]> {
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const family = isIP(name)
  const found = family ? [{ address: name, family }] : await orAborted(resolve(name), signal)
  if (found.length === 0) throw new MeshError('UNREACHABLE', { detail: `${url.host}: the name has no address` })
  // One that may not be is enough: which of them a connection takes is chance.
  for (const { address } of found)
    if (!allows.includes(addressKind(address))) throw refused(`${url.host} is in a network that it may not reach`)
  return found
}

function refused(detail: string): MeshError {
  return new MeshError('OUTGOING_REFUSED', { detail })
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

/** The URL stays as it was, so that Host and the name in TLS are those that were asked for; only the address is given. */
function send(
  url: URL,
  { method, headers, body }: OutgoingRequest,
  addresses: readonly { address: string; family: number }[],
  capBytes: number,
  signal: AbortSignal,
): Promise<OutgoingAnswer> {
  const lookup: LookupFunction = (_name, { all }, found) =>
    all ? found(null, [...addresses]) : found(null, addresses[0]!.address, addresses[0]!.family)
  const bytes = body === undefined ? undefined : Buffer.from(body)
  const length = bytes === undefined ? {} : { 'content-length': String(bytes.length) }
  const options: RequestOptions = { method, headers: { ...headers, ...length }, lookup, agent: false, signal }
  return new Promise((resolve, reject) => {
    const ask = (url.protocol === 'https:' ? requestTls : requestPlain)(url, options, answer => {
      readCapped(answer, capBytes).then(
        text => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }),
        reject,
      )
    })
    ask.on('error', reject)
    ask.end(bytes)
  })
}

/** What is beyond the cap is not read. */
async function readCapped(answer: IncomingMessage, capBytes: number): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of answer as AsyncIterable<Buffer>) {
    pieces.push(piece.subarray(0, capBytes - bytes))
    bytes += piece.length
    if (bytes >= capBytes) break
  }
  answer.destroy()
  return Buffer.concat(pieces).toString('utf8')
}

function reasonOf(thrown: unknown): string {
  if (thrown instanceof AggregateError) return reasonOf(thrown.errors[0])
  if (!(thrown instanceof Error)) return String(thrown)
  return 'code' in thrown ? String(thrown.code) : thrown.message
}
