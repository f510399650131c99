/**
 * Who may use the device's own web app: sign-in links, browser sessions, and the token of this machine's commands. It
 * knows neither routes nor documents. Whoever is let in is the owner of the device and may do all that the device may.
 */
import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { MeshError } from '@meshbook/core/errors.ts'
import { type DeviceId, type Now, newId, type OrgId, type RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { cookieOf } from '@meshbook/relay/serve/cookie.ts'
import { checkCookiePage, checkPage, type Visit } from '@meshbook/relay/serve/doorway.ts'
import { hashSecret, newSecret } from '@meshbook/relay/serve/secrets.ts'
import type { DeviceStore } from '../store/device-store.ts'

export interface DoorkeeperPorts {
  device: DeviceId
  org: OrgId
  store: DeviceStore
  now: Now
  random: RandomBytes
}

/** `session` is absent for the commands of this machine. */
export interface Guest {
  session?: string
}

const mostLinks = 100

export class Doorkeeper {
  readonly #ports: DoorkeeperPorts
  readonly #cookie: string
  /** When each link expires, by the hash of its code. */
  readonly #links = new Map<string, number>()
  readonly #doors = new Map<string, Set<() => void>>()
  readonly #tokenHash: string
  /** Of this machine's commands, as long as this process lives. */
  readonly token: string

  constructor(ports: DoorkeeperPorts) {
    this.#ports = ports
    this.#cookie = `mb_device_${ports.device.slice(-10)}`
    this.token = newSecret(ports.random, 'mb_')
    this.#tokenHash = hashSecret(this.token)
  }

  /** The code stands in the fragment, which no browser sends to any server. */
  newLink(url: string, to?: string): string {
    const code = newSecret(this.#ports.random)
    const [oldest] = this.#links.keys()
    if (this.#links.size >= mostLinks) this.#links.delete(oldest!)
    this.#links.set(hashSecret(code), this.#ports.now() + limits.signInLinkMs)
    return `${url}/signin${to === undefined ? '' : `?to=${encodeURIComponent(to)}`}#${code}`
  }

  /** Takes the code of a link; returns the Set-Cookie header of a new browser session. */
  async signIn(code: string): Promise<string> {
    const { now, random, org, store } = this.#ports
    const at = now()
    const expiresAt = this.#links.get(hashSecret(code))
    this.#links.delete(hashSecret(code))
    if (expiresAt === undefined || expiresAt <= at) throw new MeshError('LINK_USED')
    const secret = newSecret(random)
    await store.call('addLoopbackSession', {
      org,
      id: newId('token', at, random),
      hash: hashSecret(secret),
      now: at,
      expiresAt: at + limits.cookieMs,
    })
    return this.#cookieText(secret, limits.cookieMs)
  }

  /** Ends the session and whatever it has open (LO3); returns the Set-Cookie header that forgets it. */
  async signOut({ session }: Guest): Promise<string> {
    if (session !== undefined) {
      await this.#ports.store.call('endLoopbackSession', { org: this.#ports.org, id: session })
      for (const close of [...(this.#doors.get(session) ?? [])]) close()
    }
    return this.#cookieText('', 0)
  }

  /** By Authorization header, else by cookie; a header that is not good is an error, never a fallback. */
  async admit(visit: Visit, headers: IncomingHttpHeaders, changes: boolean): Promise<Guest> {
    if (headers.authorization !== undefined) return this.#byToken(headers.authorization)
    const secret = cookieOf(headers.cookie, this.#cookie)
    if (secret === undefined) throw new MeshError('UNAUTHENTICATED')
    checkPage(visit, headers)
    if (changes) checkCookiePage(headers)
    const { org, store, now } = this.#ports
    const session = await store.query('findLoopbackSession', { org, hash: hashSecret(secret), now: now() })
    if (session === null) throw new MeshError('UNAUTHENTICATED', { detail: 'the browser session has ended' })
    return { session }
  }

  #byToken(header: string): Guest {
    const shown = hashSecret(/^Bearer ([^ ]{1,200})$/i.exec(header)?.[1] ?? '')
    if (timingSafeEqual(Buffer.from(shown), Buffer.from(this.#tokenHash))) return {}
    throw new MeshError('UNAUTHENTICATED', { detail: 'the token is not the one of this start of the device' })
  }

  /** `close` is called when the guest signs out; call the returned function when it is closed. */
  open({ session }: Guest, close: () => void): () => void {
    if (session === undefined) return () => undefined
    const doors = this.#doors.get(session) ?? new Set()
    if (doors.size >= limits.eventStreamsPerUser)
      throw new MeshError('TOO_MANY', { detail: 'open sockets and streams' })
    this.#doors.set(session, doors)
    doors.add(close)
    return () => {
      doors.delete(close)
      if (doors.size === 0 && this.#doors.get(session) === doors) this.#doors.delete(session)
    }
  }

  #cookieText(value: string, ageMs: number): string {
    return `${this.#cookie}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${Math.floor(ageMs / 1000)}`
  }
}
