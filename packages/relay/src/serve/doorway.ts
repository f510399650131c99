/**
 * Who may knock: what is decided about a request from its address, Host, Origin and Sec-Fetch-Site alone, for HTTP and
 * for WebSocket upgrades alike (S5, S6). It knows nothing of users, tokens or routes.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { type BlockList, isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { isLoopbackName } from './loopback-name.ts'

export interface Visit {
  /** The origin under which the browser sees this hub: what its Origin header must say. */
  origin: string
  /** As the client sent it (through a trusted proxy: as the proxy was asked), in lower case. */
  host: string
  /** HTTPS, by the hub's own certificate or by the proxy of the public URL. */
  secure: boolean
  /** The browser speaks to its own machine, so plain HTTP cannot be overheard. */
  loopback: boolean
  /** Address of the client, for rate limits. */
  address: string
}

export interface DoorwayConfig {
  /** Under which browsers reach the server from elsewhere, if they do. */
  publicUrl: string | null
  trustedProxies: BlockList
}

/** Throws BAD_ORIGIN when the Host is not one of the hub's names: the control against DNS rebinding (S5). */
export function visitOf(incoming: IncomingMessage, config: DoorwayConfig): Visit {
  const { socket, headers } = incoming
  const peer = plainAddress(socket.remoteAddress)
  const proxied = isTrusted(peer, config)
  const host = hostOf(headers, proxied)
  const forwarded = headerOf(headers, 'x-forwarded-proto')
  const encrypted = isEncrypted(socket) || (proxied && forwarded === 'https')
  const origin =
    host && (knownOrigin(host, encrypted, plainAddress(socket.localAddress), config) ?? named(socket, host))
  if (!origin) throw new MeshError('BAD_ORIGIN', { detail: 'the Host of the request is not a name of this hub' })
  return {
    origin,
    host,
    secure: origin.startsWith('https:') && (encrypted || (isNear(peer, config) && forwarded !== 'http')),
    loopback: isLoopbackName(new URL(origin).hostname),
    address: proxied ? clientAddress(headers, peer, config) : peer,
  }
}

/** Whether somebody between could read the request: it is not encrypted, and does not stay within one machine (TL10). */
export function canBeOverheard(incoming: IncomingMessage, config: DoorwayConfig): boolean {
  if (isEncrypted(incoming.socket)) return false
  try {
    const { secure, loopback } = visitOf(incoming, config)
    return !secure && !loopback
  } catch (thrown) {
    if (asMeshError(thrown).code !== 'BAD_ORIGIN') throw thrown
    return !isNear(plainAddress(incoming.socket.remoteAddress), config)
  }
}

/** The host that the client asked for, without a port; undefined where it is none. */
export function hostNameOf({ headers }: IncomingMessage): string | undefined {
  const host = hostOf(headers, false)
  return host === '' ? undefined : URL.parse(`http://${host}`)?.hostname || undefined
}

/** Throws BAD_ORIGIN unless a browser's own headers say that the request comes from the hub's page, or from no page. */
export function checkPage(visit: Visit, headers: IncomingHttpHeaders): void {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    throw new MeshError('BAD_ORIGIN', { detail: 'the request comes from another site' })
  if (headers.origin !== undefined && headers.origin !== visit.origin)
    throw new MeshError('BAD_ORIGIN', { detail: 'the request comes from another origin' })
}

/** A cookie is believed on a changing request or an upgrade only when the browser says which page sent it (S6). */
export function checkCookiePage(headers: IncomingHttpHeaders): void {
  if (headers.origin === undefined && headers['sec-fetch-site'] === undefined)
    throw new MeshError('BAD_ORIGIN', { detail: 'a request with a cookie must say its origin' })
}

/**
 * The origin that a known Host stands for, or undefined. Known are the public URL, loopback names (a tunnel may end at
 * any port) and the very address that the connection arrived at; none of these can be rebound by a page.
 */
function knownOrigin(
  host: string,
  encrypted: boolean,
  localAddress: string,
  config: DoorwayConfig,
): string | undefined {
  const url = URL.parse(`${encrypted ? 'https' : 'http'}://${host}`)
  if (url?.pathname !== '/' || url.search || url.username) return undefined
  if (config.publicUrl && sameHost(host, config.publicUrl)) return config.publicUrl
  const literal = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return isLoopbackName(url.hostname) || literal === localAddress ? url.origin : undefined
}

/** Over TLS the names in the certificate that the browser was shown are the hub's too (TL7). */
function named(socket: IncomingMessage['socket'], host: string): string | undefined {
  const url = URL.parse(`https://${host}`)
  if (!isEncrypted(socket) || url?.pathname !== '/' || url.search || url.username) return undefined
  const shown = socket.getX509Certificate()
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const isNamed =
    isIP(name) === 0 ? shown?.checkHost(name, { subject: 'never', wildcards: false }) : shown?.checkIP(name)
  return isNamed === undefined ? undefined : url.origin
}

function isEncrypted(socket: IncomingMessage['socket']): socket is TLSSocket {
  return (socket as Partial<TLSSocket>).encrypted === true
}

/** This machine, or a proxy that is believed: what comes from there came there encrypted, unless it says otherwise (TL13). */
function isNear(peer: string, config: DoorwayConfig): boolean {
  return isLoopbackName(peer) || isTrusted(peer, config)
}

function sameHost(host: string, publicUrl: string): boolean {
  const { protocol, host: expected } = new URL(publicUrl)
  return URL.parse(`${protocol}//${host}`)?.host === expected
}

function hostOf(headers: IncomingHttpHeaders, proxied: boolean): string {
  const host = (proxied ? headerOf(headers, 'x-forwarded-host') : undefined) ?? headers.host ?? ''
  return /^[A-Za-z0-9.:[\]-]{1,300}$/.test(host) ? host.toLowerCase() : ''
}

function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value.split(',', 1)[0]!.trim() : undefined
}

/** The nearest address in X-Forwarded-For that is not a trusted proxy: what stands left of it may be invented. */
function clientAddress(headers: IncomingHttpHeaders, peer: string, config: DoorwayConfig): string {
  const forwarded = headers['x-forwarded-for']
  const hops = (Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? ''))
    .split(',')
    .map(hop => plainAddress(hop.trim()))
  return hops.findLast(hop => isIP(hop) !== 0 && !isTrusted(hop, config)) ?? peer
}

function isTrusted(address: string, config: DoorwayConfig): boolean {
  const family = isIP(address)
  return family !== 0 && config.trustedProxies.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

/** IPv4 in IPv6 clothes (`::ffff:10.0.0.1`) is IPv4. */
function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
}
