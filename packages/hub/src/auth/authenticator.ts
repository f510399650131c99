/**
 * Turns what a client shows (cookie, API token, ticket, device proof) into a principal, or nothing. Secrets are compared
 * as hashes by the store; none is kept or logged here (S7).
 */
import { createPublicKey, verify } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { type ChannelProof, channelProofText, proofWindowMs, readChannelProof } from '@meshbook/core/device-auth.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now } from '@meshbook/core/ids.ts'
import { cookieOf } from '@meshbook/relay/serve/cookie.ts'
import { checkCookiePage, checkPage, type Visit } from '@meshbook/relay/serve/doorway.ts'
import { hashSecret, isApiToken } from '@meshbook/relay/serve/secrets.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { DeviceRow, Found } from '../store/identity.ts'
import { deviceOwner, type Principal, scopesUpTo } from './principal.ts'

/** `provedAt`: when it signed, by its own clock. */
export type ProvenDevice = DeviceRow & { provedAt: number }

/** Nonces remembered at once; more within one window is a flood. */
const mostNonces = 100_000

export class Authenticator {
  readonly #store: HubStore
  readonly #now: Now
  readonly #nonces = new Map<string, number>()

  constructor(store: HubStore, now: Now) {
    this.#store = store
    this.#now = now
  }

  /** By Authorization header, else by cookie. A header that is there and not good is an error, never a fallback. */
  async byHeaders(visit: Visit, headers: IncomingHttpHeaders, changes: boolean): Promise<Principal | undefined> {
    if (headers.authorization !== undefined) return this.#byAuthorization(visit, headers.authorization)
    const secret = cookieOf(headers.cookie, cookieName(visit))
    if (secret === undefined || !(visit.secure || visit.loopback)) return undefined
    const found = await this.#store.query('findBrowserSession', { hash: hashSecret(secret), now: this.#now() })
    if (!found) throw new MeshError('UNAUTHENTICATED', { detail: 'the browser session has ended' })
    checkPage(visit, headers)
    if (changes) checkCookiePage(headers)
    return principalOf(found, 'session')
  }

  /** Throws UNAUTHENTICATED when the token is not good. */
  async byToken(token: string): Promise<Principal> {
    const found = isApiToken(token) ? await this.#store.query('findToken', { hash: hashSecret(token) }) : null
    if (!found) throw new MeshError('UNAUTHENTICATED', { detail: 'the token is not known or has been revoked' })
    return principalOf(found, 'token')
  }

  /** `client` is what the ticket is bound to at its first use: the address of the client. */
  async byTicket(ticket: string, client: string): Promise<Principal> {
    const found =
      ticket.length <= 100
        ? await this.#store.call('useTicket', { hash: hashSecret(ticket), client, now: this.#now() })
        : null
    if (!found)
      throw new MeshError('UNAUTHENTICATED', {
        detail: 'the ticket is not known, has expired or belongs to another client',
      })
    const { org, user, name, id, issuer, document, project, scope } = found
    return { org, user, name, can: scopesUpTo(scope), credential: { kind: 'ticket', id, issuer, document, project } }
  }

  /** A registered device that has just signed for this hub and not been revoked. */
  async byProof(visit: Visit, header: string | undefined): Promise<ProvenDevice> {
    const proof = readChannelProof(header)
    if (!proof) throw new MeshError('UNAUTHENTICATED', { detail: 'the channel needs the proof of a device' })
    const device = await this.#store.query('findDevice', { id: proof.device })
    if (!device || !signed(device.publicKey, visit, proof))
      throw new MeshError('UNAUTHENTICATED', { detail: 'the proof of the device is not valid' })
    if (device.revoked !== null) throw new MeshError('REVOKED', { detail: device.revoked })
    this.#spend(proof)
    return { ...device, provedAt: proof.timestamp }
  }

  async #byAuthorization(visit: Visit, header: string): Promise<Principal> {
    const bearer = /^Bearer ([^ ]+)$/i.exec(header)?.[1]
    if (bearer !== undefined) return this.byToken(bearer)
    return deviceOwner(await this.byProof(visit, header))
  }

  /** A proof is good once, and only around its own time. */
  #spend(proof: ChannelProof): void {
    const now = this.#now()
    if (Math.abs(now - proof.timestamp) > proofWindowMs)
      throw new MeshError('UNAUTHENTICATED', {
        detail: 'the clock of the device and that of the hub differ by more than a minute',
      })
    for (const [nonce, until] of this.#nonces) {
      if (until > now) break
      this.#nonces.delete(nonce)
    }
    const key = `${proof.device} ${proof.nonce}`
    if (this.#nonces.has(key)) throw new MeshError('UNAUTHENTICATED', { detail: 'the proof has been used before' })
    if (this.#nonces.size >= mostNonces) throw new MeshError('SLOW_DOWN')
    this.#nonces.set(key, now + 2 * proofWindowMs)
  }
}

export function cookieName(visit: Visit): string {
  return visit.secure ? '__Host-mb_session' : 'mb_session'
}

function principalOf(found: Found, kind: 'session' | 'token'): Principal {
  return {
    org: found.org,
    user: found.user,
    name: found.name,
    can: new Set(found.scopes),
    credential: { kind, id: found.id },
  }
}

function signed(publicKey: string, visit: Visit, proof: ChannelProof): boolean {
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' })
  return verify(null, Buffer.from(channelProofText(visit.host, proof)), key, Buffer.from(proof.signature, 'base64url'))
}
