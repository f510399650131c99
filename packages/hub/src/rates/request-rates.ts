/** Decides which quotas count a request, and refuses it when one of them is used up (RQ10 to RQ15, RQ20). Knows no route. */
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { retryAfter } from '@meshbook/relay/serve/http-app.ts'
import { credentialKey, type Principal } from '../auth/principal.ts'
import { addressBlock } from './address-block.ts'
import { longestWaitMs, rateHeaders, type Standing } from './rate-headers.ts'
import { type Counted, type RateWindows, type Share, windowMs } from './rate-windows.ts'
import type { PacedClass, RatesConfig } from './rates-config.ts'

/** Of a route. `begin`: a sign-in is begun; `try`: a secret is tried; `none`: is not counted. */
export type RateClass = PacedClass | 'begin' | 'try' | 'none'

/** How a request stands with its quotas; a refused one is told so by an error, after the headers have been given out. */
export type Tell = (headers: Readonly<Record<string, string>>) => void

interface Named extends Share {
  name: string
}

const signInMost = { begin: limits.signInStartsPerMinute, try: limits.authTriesPerMinute } as const

export class RequestRates {
  readonly #windows: RateWindows
  readonly #config: RatesConfig | null

  constructor(windows: RateWindows, config: RatesConfig | null) {
    this.#windows = windows
    this.#config = config
  }

  /** A request that anybody may make, before anything is done for it. `route` tells sign-ins of different kinds apart. */
  async countVisitor(rate: RateClass, route: string, address: string, tell: Tell): Promise<void> {
    if (rate === 'none') return
    const block = addressBlock(address)
    const trying: Named[] =
      rate === 'begin' || rate === 'try'
        ? [{ name: `${rate}-address`, of: 'address', key: `${rate}:${route}:${block}`, most: signInMost[rate] }]
        : []
    await this.#count([...trying, ...this.#ofAddress(block)], tell)
  }

  /** A request whose credential is missing or not good. */
  countStranger(address: string, tell: Tell): Promise<void> {
    return this.#count(this.#ofAddress(addressBlock(address)), tell)
  }

  async countCaller(rate: RateClass, { org, credential }: Principal, tell: Tell): Promise<void> {
    const config = this.#config
    if (!config || rate === 'none' || rate === 'begin' || rate === 'try') return
    const share = (of: 'token' | 'org', key: string): Named => {
      return { name: `${rate}-${of}`, of, key: `${rate}:${key}`, most: config[of][rate] }
    }
    await this.#count([share('token', credentialKey(credential)), share('org', org)], tell)
  }

  #ofAddress(block: string): Named[] {
    return this.#config ? [{ name: 'address', of: 'address', key: block, most: this.#config.address }] : []
  }

  async #count(shares: Named[], tell: Tell): Promise<void> {
    if (shares.length === 0) return
    const { isAllowed, now, counts } = await this.#windows.take(shares)
    const standings = shares.map(({ name, most }, i): Standing => {
      return { name, quota: { most, windowMs }, counts: counts[i]! }
    })
    const headers = rateHeaders(standings, now)
    if (isAllowed) return tell(headers)
    // Where nothing but room to remember is missing, there is some after a window.
    const retryMs = longestWaitMs(standings, now) || windowMs
    tell({ ...headers, 'retry-after': retryAfter(retryMs) })
    throw new MeshError('SLOW_DOWN', { detail: detailOf(shares, standings, now), retryMs })
  }
}

const owners: Readonly<Record<Counted, string>> = {
  address: 'from one address',
  token: 'with one credential',
  org: 'of one org',
}

function detailOf(shares: readonly Named[], standings: readonly Standing[], now: number): string {
  const used = shares.find((_, i) => longestWaitMs([standings[i]!], now) > 0)
  return used
    ? `more than ${used.most} requests of this kind ${owners[used.of]} within a minute`
    : 'too many callers at once'
}
