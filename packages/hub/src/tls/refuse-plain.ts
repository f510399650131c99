/**
 * Stands before every route: what could be overheard is refused, but for the page of the ways out, the certificate of the
 * own authority, and health (TL10, TL11). It looks at no credential.
 */
import { randomUUID, type X509Certificate } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { MeshError, problemOf } from '@meshbook/core/errors.ts'
import { canBeOverheard, type DoorwayConfig, hostNameOf } from '@meshbook/relay/serve/doorway.ts'
import { refuseUpgrade } from '@meshbook/relay/serve/upgrades.ts'
import { mobileConfig } from './mobile-config.ts'
import { waysOutPage, waysOutPolicy } from './ways-out.ts'

export interface Listeners {
  request: RequestListener
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

export interface PlainPorts {
  config: DoorwayConfig
  /** Whether the hub answers TLS on its port. */
  isSecure: boolean
  /** Of the own authority. */
  authority(): X509Certificate | undefined
}

const always = new Set(['/healthz', '/readyz'])

export function refusingPlain(ports: PlainPorts, main: Listeners): Listeners {
  return {
    request: (request, response) => {
      const path = (request.url ?? '').split('?', 1)[0]!
      const isRead = request.method === 'GET' || request.method === 'HEAD'
      const listed = isRead ? served(ports, request, path) : undefined
      if (listed) return send(request, response, listed)
      const isOpen = isRead && always.has(path)
      if (isOpen || !canBeOverheard(request, ports.config)) return main.request(request, response)
      send(
        request,
        response,
        isRead && wantsPage(request, path) ? pageOf(ports, request, false) : problem('PLAIN_HTTP'),
      )
    },
    upgrade: (request, socket, head) => {
      if (!canBeOverheard(request, ports.config)) return main.upgrade(request, socket, head)
      socket.on('error', () => socket.destroy())
      refuseUpgrade(socket, new MeshError('PLAIN_HTTP'))
    },
  }
}

interface Answer {
  status: number
  type: string
  body: string | Buffer
  headers?: Record<string, string>
}

function served(ports: PlainPorts, request: IncomingMessage, path: string): Answer | undefined {
  if (path === '/tls') return pageOf(ports, request, true)
  const authority = ports.authority()
  if (path === '/tls/ca.crt')
    return authority
      ? file('application/x-x509-ca-cert', 'meshbook-ca.crt', authority.toString())
      : problem('NOT_FOUND')
  if (path === '/tls/meshbook.mobileconfig')
    return authority
      ? file('application/x-apple-aspen-config', 'meshbook.mobileconfig', mobileConfig(authority))
      : problem('NOT_FOUND')
  return undefined
}

function file(type: string, name: string, body: string): Answer {
  return { status: 200, type, body, headers: { 'content-disposition': `attachment; filename="${name}"` } }
}

function problem(code: 'PLAIN_HTTP' | 'NOT_FOUND'): Answer {
  const told = problemOf(new MeshError(code), randomUUID())
  return { status: told.status, type: 'application/problem+json', body: JSON.stringify(told) }
}

function pageOf({ config, isSecure, authority }: PlainPorts, request: IncomingMessage, isAsked: boolean): Answer {
  const port = request.socket.localPort ?? 0
  const host = hostNameOf(request)
  const here = isSecure && host !== undefined ? `https://${host}:${port}` : null
  const secureUrl = config.publicUrl?.startsWith('https:') ? config.publicUrl : here
  const page = waysOutPage({ secureUrl, fingerprint: authority()?.fingerprint256 ?? null, port, isAsked })
  const headers = { 'content-security-policy': waysOutPolicy }
  return { status: isAsked ? 200 : 403, type: 'text/html; charset=utf-8', body: page, headers }
}

/** A browser that goes somewhere, rather than a program that asks the API. */
function wantsPage({ headers }: IncomingMessage, path: string): boolean {
  return /\btext\/html\b/.test(headers.accept ?? '') || !/^\/(?:api|sync|channel|metrics)(?:\/|$)/.test(path)
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body, headers }: Answer): void {
  // What it came to say is not taken in.
  if (request.method !== 'GET' && request.method !== 'HEAD') response.setHeader('connection', 'close')
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}
