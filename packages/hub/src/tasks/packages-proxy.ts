/**
 * The way out of a worker for packages (BROKER.md, PP1-PP5): a proxy that connects to the hosts of a list and says of every
 * other that it was blocked.
 */
import { lookup as systemLookup } from 'node:dns/promises'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { addressKind } from '../outgoing/address-kind.ts'
import type { PackagesPort } from './broker-sockets.ts'

export interface PackagesProxyOptions {
  /** Names of hosts, or `*.` and the end of names. */
  allowed: readonly string[]
  /** Once for each host. */
  onBlocked(host: string): void
  lookup?: (host: string) => Promise<readonly { address: string }[]>
  /** Whether what a name leads to may be connected to; addresses of the outside alone, unless a test says otherwise. */
  mayConnect?: (address: string) => boolean
  ports?: readonly number[]
}

const hostPattern = /^(?:\*\.)?(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/
const blockedHosts = 1_000
/** Of one hop; what they ask of this proxy is not for the other side. */
const hopHeaders = ['connection', 'proxy-connection', 'proxy-authorization', 'keep-alive', 'te', 'trailer', 'upgrade']

/** BAD_CONFIG for what is no name of a host. */
export function parseAllowedHosts(text: string): string[] {
  const names = text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(name => name.toLowerCase().replace(/\.$/, ''))
  const wrong = names.find(name => !hostPattern.test(name))
  if (wrong === undefined) return names
  throw new MeshError('BAD_CONFIG', {
    detail: `${wrong}: expected names of hosts, such as example.org or *.example.org`,
  })
}

export function isAllowedHost(host: string, allowed: readonly string[]): boolean {
  return allowed.some(name => (name.startsWith('*.') ? host.endsWith(name.slice(1)) : host === name))
}

export function packagesProxy(options: PackagesProxyOptions): PackagesPort {
  const { allowed, onBlocked, lookup = lookUp, mayConnect = isOutside, ports = [443, 80] } = options
  const told = new Set<string>()

  return {
    request(request, response) {
      forward(request, response).catch((thrown: unknown) => refuse(response, wordsOf(thrown)))
    },
    connect(request, socket, head) {
      socket.on('error', () => socket.destroy())
      tunnel(request, socket, head).catch((thrown: unknown) => {
        const { status, text } = wordsOf(thrown)
        socket.end(
          `HTTP/1.1 ${status} ${status === 403 ? 'Forbidden' : 'Bad Gateway'}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
        )
      })
    },
  }

  async function tunnel({ url = '' }: IncomingMessage, near: Duplex, head: Buffer): Promise<void> {
    const [, host = '', port = ''] = /^([^:/@[\]]+):(\d{1,5})$/.exec(url) ?? []
    const far = await reach(host, Number(port))
    near.write('HTTP/1.1 200 Connection established\r\n\r\n')
    if (head.byteLength > 0) far.write(head)
    join(near, far)
  }

  async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = URL.parse(request.url ?? '')
    if (url?.protocol !== 'http:' || url.username !== '' || url.password !== '') throw blocked(request.url ?? '')
    const address = await addressOf(url.hostname, Number(url.port || 80))
    const headers = { ...request.headers, host: url.host }
    for (const name of hopHeaders) delete headers[name as keyof typeof headers]
    const asked = httpRequest({
      host: address,
      port: Number(url.port || 80),
      method: request.method ?? 'GET',
      path: `${url.pathname}${url.search}`,
      headers,
      timeout: limits.packagesIdleMs,
      agent: false,
    })
    asked.once('timeout', () => asked.destroy(new Error('it does not answer')))
    response.once('close', () => asked.destroy())
    request.once('error', () => asked.destroy())
    await new Promise<void>((resolve, reject) => {
      asked.once('error', reject)
      asked.once('response', answer => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.once('error', () => response.destroy())
        answer.pipe(response)
        resolve()
      })
      request.pipe(asked)
    })
  }

  async function reach(host: string, port: number): Promise<Socket> {
    const address = await addressOf(host, port)
    const far = connect({ host: address, port, timeout: limits.packagesIdleMs })
    far.once('timeout', () => far.destroy(new Error('it does not answer')))
    await new Promise<void>((resolve, reject) => {
      far.once('connect', resolve)
      far.once('error', reject)
    })
    return far
  }

  /** The one that is connected to, so that a name cannot lead elsewhere between looking and connecting (PP3). */
  async function addressOf(written: string, port: number): Promise<string> {
    const host = written.toLowerCase().replace(/\.$/, '')
    const isName = hostPattern.test(host) && !host.startsWith('*') && isIP(host) === 0
    if (!isName || !ports.includes(port) || !isAllowedHost(host, allowed)) throw note(written, port)
    const found = await lookup(host)
    const address = found[0]?.address
    if (address === undefined || !found.every(({ address: one }) => mayConnect(one))) throw note(written, port)
    return address
  }

  function note(host: string, port: number): Blocked {
    const name = host.slice(0, 253)
    if (!told.has(name) && told.size < blockedHosts) {
      told.add(name)
      onBlocked(name)
    }
    return blocked(Number.isInteger(port) && port > 0 ? `${name}:${port}` : name)
  }

  function blocked(what: string): Blocked {
    const list = allowed.length === 0 ? 'No host is allowed.' : `Allowed: ${allowed.join(', ')}.`
    return new Blocked(
      `Blocked by Meshbook: ${printable(what)}. ${list} An administrator of the hub can allow it (MESHBOOK_TASK_PACKAGES).\n`,
    )
  }
}

const isOutside = (address: string): boolean => addressKind(address) === 'public'

class Blocked extends Error {}

const printable = (text: string): string => text.replace(/[^\x21-\x7e]/g, '?').slice(0, 300)

function wordsOf(thrown: unknown): { status: number; text: string } {
  if (thrown instanceof Blocked) return { status: 403, text: thrown.message }
  const { code, message } = thrown as NodeJS.ErrnoException
  return { status: 502, text: `It could not be reached: ${code ?? message}.\n` }
}

function refuse(response: ServerResponse, { status, text }: { status: number; text: string }): void {
  if (response.headersSent) return void response.destroy()
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }).end(text)
}

function join(near: Duplex, far: Socket): void {
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    from.pipe(to)
    from.once('error', () => to.destroy())
    from.once('close', () => to.destroy())
  }
}

async function lookUp(host: string): Promise<readonly { address: string }[]> {
  return systemLookup(host, { all: true })
}
