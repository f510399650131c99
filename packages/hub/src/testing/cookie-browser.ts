/** A browser without a screen for tests of sign-in: keeps cookies per origin, follows redirects one by one, says where it comes from. */
import { type RawAnswer, rawRequest } from './raw-request.ts'

export interface Stop {
  url: URL
  answer: RawAnswer
}

export class CookieBrowser {
  readonly jar = new Map<string, Map<string, string>>()
  /** Every address it has seen, as a history would keep it. */
  readonly visited: string[] = []
  /** As a trusted proxy names it. */
  address: string | undefined

  cookie(origin: string, name: string): string | undefined {
    return this.jar.get(origin)?.get(name)
  }

  async visit(url: string | URL, from?: string): Promise<RawAnswer> {
    const target = new URL(url)
    this.visited.push(target.href)
    const site = from === undefined ? 'none' : from === target.origin ? 'same-origin' : 'cross-site'
    return this.#send(target, { headers: { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate' } })
  }

  /** A fetch of a page of that origin. */
  async send(method: string, url: string, body?: unknown): Promise<RawAnswer> {
    const { origin } = new URL(url)
    return this.#send(new URL(url), {
      method,
      headers: { origin, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }

  /** Follows redirects until there is none, or until `stop` says so of an address that has not been asked yet. */
  async follow(url: string | URL, stop: (url: URL) => boolean = () => false): Promise<Stop> {
    let next = new URL(url)
    let from: string | undefined
    for (let hops = 0; hops < 20; hops++) {
      const answer = await this.visit(next, from)
      const { location } = answer.headers
      if (answer.status < 300 || answer.status >= 400 || typeof location !== 'string') return { url: next, answer }
      from = next.origin
      next = new URL(location, next)
      if (stop(next)) return { url: next, answer }
    }
    throw new Error(`too many redirects, last to ${next.href}`)
  }

  async #send(
    url: URL,
    options: { method?: string; headers: Record<string, string>; body?: string },
  ): Promise<RawAnswer> {
    const cookies = [...(this.jar.get(url.origin) ?? [])].map(([name, value]) => `${name}=${value}`)
    const headers: Record<string, string> = {
      'user-agent': agent,
      ...options.headers,
      ...(cookies.length > 0 && { cookie: cookies.join('; ') }),
    }
    if (this.address !== undefined) headers['x-forwarded-for'] = this.address
    const answer = await rawRequest(url.href, { ...options, headers })
    this.#keep(url.origin, answer.headers['set-cookie'])
    return answer
  }

  #keep(origin: string, set: string | string[] | undefined): void {
    const jar = this.jar.get(origin) ?? new Map<string, string>()
    this.jar.set(origin, jar)
    for (const line of [set ?? []].flat()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '' || /;\s*max-age=0/i.test(line)) jar.delete(name)
      else jar.set(name, value)
    }
  }
}

const agent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'
