/** The other tabs of a real browser: BroadcastChannel between them, a Web Lock for the one that leads. */
import type { Campaign, Candidacy, TabChannel } from './link-ports.ts'

const nobody: TabChannel = { post: () => undefined, close: () => undefined }

export function openTabs(document: string, onMessage: (message: unknown) => void): TabChannel {
  if (typeof BroadcastChannel === 'undefined') return nobody
  const channel = new BroadcastChannel(`meshbook:${document}`)
  channel.onmessage = ({ data }) => onMessage(data)
  return {
    post: message => channel.postMessage(message),
    close: () => channel.close(),
  }
}

/** Without Web Locks every tab leads (W14). */
export function campaignWith(locks: LockManager | undefined): Campaign {
  return (document, handlers) => {
    if (locks) return new LockCandidacy(locks, `meshbook:${document}`, handlers)
    queueMicrotask(handlers.onLead)
    return { steal: () => undefined, release: () => undefined }
  }
}

class LockCandidacy implements Candidacy {
  readonly #locks: LockManager
  readonly #name: string
  readonly #handlers: { onLead(): void; onLost(): void }
  readonly #abort = new AbortController()
  #release: (() => void) | undefined
  #ended = false

  constructor(locks: LockManager, name: string, handlers: { onLead(): void; onLost(): void }) {
    this.#locks = locks
    this.#name = name
    this.#handlers = handlers
    this.#request({ signal: this.#abort.signal })
  }

  steal(): void {
    if (!this.#ended && !this.#release) this.#request({ steal: true })
  }

  release(): void {
    this.#ended = true
    this.#abort.abort()
    this.#release?.()
  }

  #request(options: LockOptions): void {
    this.#locks.request(this.#name, options, () => this.#hold()).catch(() => this.#lost())
  }

  #hold(): Promise<void> | undefined {
    // A candidate that stole the lead still stands in the queue.
    if (this.#ended || this.#release) return undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#release = resolve
    this.#handlers.onLead()
    return promise
  }

  /** Another tab took the lead from this one, or the request was given up. */
  #lost(): void {
    if (this.#ended) return
    if (this.#release) {
      this.#release = undefined
      this.#handlers.onLost()
    }
    this.#request({ signal: this.#abort.signal })
  }
}
