/**
 * Browsers without a browser: tabs that share a database, a channel and a lock, on a wire to a real relay. Each of them
 * can fail, be cut or be killed by hand. For tests and simulations.
 */
import type { Connection, Peer } from '@meshbook/relay/peer.ts'
import type { DocumentKey } from '@meshbook/relay/store/document-store.ts'
import type { After } from '@meshbook/relay/timers.ts'
import { DocumentLink } from '../document-link.ts'
import type { Campaign, Dial, DocumentDatabase, LinkPorts, Wire, WireHandlers } from '../link-ports.ts'
import { MemoryDatabase } from '../memory-database.ts'
import { WatchedDatabase } from '../watched-database.ts'

/** A relay, as much of it as a wire needs. */
export interface RelayEnd {
  open(key: DocumentKey, peer: Peer): Connection
}

/** The hub as browsers reach it. */
export class HubSide {
  relay: RelayEnd | undefined
  readonly key: DocumentKey
  readonly #wires = new Set<() => void>()

  constructor(relay: RelayEnd, key: DocumentKey) {
    this.relay = relay
    this.key = key
  }

  get connections(): number {
    return this.#wires.size
  }

  /** Cuts all connections; what is under way is lost. */
  cut(): void {
    for (const end of [...this.#wires]) end()
  }

  readonly dial: Dial = (_address, handlers) => {
    const wire = new RelayWire(handlers, () => this.#wires.delete(end))
    const end = () => wire.end(1006, '')
    this.#wires.add(end)
    const { relay } = this
    setImmediate(() => (relay ? wire.connect(relay, this.key) : end()))
    return wire
  }
}

class RelayWire implements Wire {
  readonly #handlers: WireHandlers
  readonly #onEnd: () => void
  #connection: Connection | undefined
  #ended = false

  constructor(handlers: WireHandlers, onEnd: () => void) {
    this.#handlers = handlers
    this.#onEnd = onEnd
  }

  get open(): boolean {
    return this.#connection !== undefined && !this.#ended
  }

  connect(relay: RelayEnd, key: DocumentKey): void {
    if (this.#ended) return
    const later = (deliver: () => void) => setImmediate(() => this.#ended || deliver())
    const peer: Peer = {
      name: 'browser',
      access: 'write',
      canRun: false,
      extensions: true,
      backlogBytes: 0,
      send: frame => void later(() => this.#handlers.frame(frame)),
      close: (code, reason) => void later(() => this.end(code, reason)),
    }
    this.#handlers.opened(true)
    this.#connection = relay.open(key, peer)
  }

  send(frame: Uint8Array): void {
    const connection = this.#connection
    setImmediate(() => this.#ended || connection?.receive(frame))
  }

  end(code: number, reason: string): void {
    if (this.#ended) return
    this.close()
    this.#handlers.closed(code, reason)
  }

  close(): void {
    if (this.#ended) return
    this.#ended = true
    this.#connection?.close()
    this.#onEnd()
  }
}

interface Stand {
  tab: object
  onLead(): void
  onLost(): void
}

/** A browser: what its tabs share. */
export class BrowserSide {
  readonly name: string
  readonly hub: HubSide
  readonly database = new MemoryDatabase(true)
  /** Set: every write fails with this. */
  refuses: Error | undefined
  online = true
  locks = true
  readonly #channels = new Map<object, (message: unknown) => void>()
  #stands: Stand[] = []
  #tabs = 0

  constructor(name: string, hub: HubSide) {
    this.name = name
    this.hub = hub
  }

  open(options: { onReplaced?: (unsent: number) => void } = {}): BrowserTab {
    return new BrowserTab(this, `${this.name}-${++this.#tabs}`, options.onReplaced)
  }

  join(tab: object, onMessage: (message: unknown) => void) {
    this.#channels.set(tab, onMessage)
    return {
      post: (message: unknown) => {
        const copy = structuredClone(message)
        for (const [other] of this.#channels) if (other !== tab) setImmediate(() => this.#channels.get(other)?.(copy))
      },
      close: () => void this.#channels.delete(tab),
    }
  }

  stand(stand: Stand) {
    if (!this.locks) queueMicrotask(() => stand.onLead())
    else if (this.#stands.push(stand) === 1) queueMicrotask(() => stand.onLead())
    return {
      steal: () => {
        const [leader] = this.#stands
        if (leader === stand) return
        this.#stands = [stand, ...this.#stands.filter(other => other !== stand)]
        if (leader) queueMicrotask(() => leader.onLost())
        stand.onLead()
      },
      release: () => {
        const led = this.#stands[0] === stand
        this.#stands = this.#stands.filter(other => other !== stand)
        if (led && this.#stands[0]) queueMicrotask(this.#stands[0].onLead)
      },
    }
  }

  /** Takes a tab away as a crash does: nothing that it still wants to do happens. */
  forget(tab: object): void {
    this.#channels.delete(tab)
    const led = this.#stands[0]?.tab === tab
    this.#stands = this.#stands.filter(other => other.tab !== tab)
    if (led) this.#stands[0]?.onLead()
  }
}

export class BrowserTab {
  readonly browser: BrowserSide
  readonly name: string
  link: DocumentLink
  /** Frozen or killed: no message, timer or frame arrives, and nothing is written. */
  stopped = false
  unavailable = false
  #generation = 0
  readonly #onReplaced: ((unsent: number) => void) | undefined
  readonly #wakes = new Set<() => void>()
  readonly #wires = new Set<Wire>()
  #losesWork = () => false

  constructor(browser: BrowserSide, name: string, onReplaced?: (unsent: number) => void) {
    this.browser = browser
    this.name = name
    this.#onReplaced = onReplaced
    this.link = this.#open(this.#ports(this.#database()))
  }

  get text(): string {
    return this.link.doc.getText('content').toString()
  }
  get facts() {
    return this.link.facts.peek()
  }
  get losesWork(): boolean {
    return this.#losesWork()
  }

  type(text: string, at = this.text.length): void {
    this.link.doc.getText('content').insert(at, text)
  }

  wake(): void {
    for (const wake of this.#wakes) wake()
  }

  close(): void {
    this.link.close()
  }

  kill(): void {
    this.stopped = true
    for (const wire of this.#wires) wire.close()
    this.browser.forget(this)
  }

  #open(ports: LinkPorts): DocumentLink {
    const link = new DocumentLink(
      {
        document: this.browser.hub.key.document,
        address: 'me/demo/a.md',
        user: 'me',
        onReplaced: (unsent, next) => {
          this.#onReplaced?.(unsent)
          link.close()
          this.link = this.#open({ ...next, ...this.#lastingParts() })
        },
        onUnavailable: () => {
          this.unavailable = true
        },
      },
      ports,
    )
    link.open().catch(() => undefined)
    return link
  }

  #lastingParts(): Pick<LinkPorts, 'newTab' | 'openTabs' | 'campaign'> {
    const generation = ++this.#generation
    const me = generation === 1 ? this : {}
    const campaign: Campaign = (_document, handlers) =>
      this.browser.stand({
        tab: this,
        onLead: () => this.stopped || handlers.onLead(),
        onLost: () => this.stopped || handlers.onLost(),
      })
    return {
      newTab: () => `${this.name}.${generation}`,
      openTabs: (_document, onMessage) => {
        const channel = this.browser.join(me, message => this.stopped || onMessage(message))
        return { ...channel, post: message => this.stopped || channel.post(message) }
      },
      campaign,
    }
  }

  #database(): DocumentDatabase {
    const database = this.browser.database
    const guarded = <T>(work: () => Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        setImmediate(() => {
          if (this.stopped) return
          if (this.browser.refuses) reject(this.browser.refuses)
          else work().then(resolve, reject)
        })
      })
    return new WatchedDatabase(
      {
        lasting: true,
        read: document => guarded(() => database.read(document)),
        append: (document, epoch, change) => guarded(() => database.append(document, epoch, change)),
        rewrite: (document, make) => guarded(() => database.rewrite(document, make)),
        quarantine: (document, isBad) => guarded(() => database.quarantine(document, isBad)),
        heads: () => guarded(() => database.heads()),
        forget: document => guarded(() => database.forget(document)),
      },
      () => undefined,
      () => undefined,
    )
  }

  #ports(database: DocumentDatabase): LinkPorts {
    /** A hundred times faster than in a page. */
    const after: After = (ms, task) => {
      const timer = setTimeout(() => this.stopped || task(), ms / 100)
      return () => clearTimeout(timer)
    }
    const listener = (set: Set<() => void>, call: () => void) => {
      set.add(call)
      return () => void set.delete(call)
    }
    return {
      database,
      dial: (address, handlers) => this.#dial(address, handlers),
      ...this.#lastingParts(),
      after,
      random: () => 0,
      browser: this.browser.name,
      page: {
        onWake: wake => listener(this.#wakes, wake),
        onLeave: losesWork => {
          this.#losesWork = losesWork
          return () => undefined
        },
        onHide: () => () => undefined,
      },
      onPrecious: () => undefined,
    }
  }

  #dial(address: string, handlers: WireHandlers): Wire {
    if (!this.browser.online) {
      const dead: Wire = { open: false, send: () => undefined, close: () => clearImmediate(timer) }
      const timer = setImmediate(() => handlers.closed(1006, ''))
      return dead
    }
    const wire = this.browser.hub.dial(address, {
      opened: extensions => this.stopped || handlers.opened(extensions),
      frame: frame => this.stopped || handlers.frame(frame),
      closed: (code, reason) => this.stopped || handlers.closed(code, reason),
    })
    this.#wires.add(wire)
    return wire
  }
}
