/**
 * A link between two ends that is flushed by hand or by microtasks, and that can break: the network of a test. Frames
 * keep their order; a break loses what was under way, in both directions.
 */
import type { Connection, DocumentKey, Peer, Relay } from '../relay.ts'
import { SyncClient, type SyncClientOptions } from '../sync-client.ts'

export class Link {
  #open = true
  #queue: (() => void)[] = []

  /** Hands something over in a later turn, unless the link breaks first. */
  carry(deliver: () => void): void {
    if (!this.#open) return
    this.#queue.push(deliver)
    setImmediate(() => {
      if (this.#open) this.#queue.shift()?.()
    })
  }
  break(): void {
    this.#open = false
    this.#queue = []
  }
  get open(): boolean {
    return this.#open
  }
}

const peerOver = (
  link: Link,
  name: string,
  send: (frame: Uint8Array) => void,
  closed: () => void,
  extensions = true,
): Peer => ({
  name,
  access: 'write',
  canRun: false,
  extensions,
  backlogBytes: 0,
  send: frame => link.carry(() => send(frame)),
  close: () => {
    link.break()
    closed()
  },
})

/** A SyncClient that is connected to a relay over a link of its own at each `connect`. */
export class LinkedClient {
  readonly client: SyncClient
  #link = new Link()
  #connection: Connection | undefined
  readonly #relay: Relay
  readonly #key: DocumentKey

  constructor(relay: Relay, key: DocumentKey, options: Omit<SyncClientOptions, 'send'>) {
    this.#relay = relay
    this.#key = key
    this.client = new SyncClient({
      ...options,
      send: frame => {
        const connection = this.#connection
        this.#link.carry(() => connection?.receive(frame))
      },
    })
  }

  connect(extensions = true): void {
    this.#link = new Link()
    this.#connection = this.#relay.open(
      this.#key,
      peerOver(
        this.#link,
        'linked',
        frame => this.client.receive(frame),
        () => this.disconnect(),
        extensions,
      ),
    )
    this.client.opened({ extensions })
  }
  disconnect(): void {
    this.#link.break()
    this.#connection?.close()
    this.client.closed()
  }
}

/** Two relays joined in one document, each the other's client. */
export class Pipe {
  readonly link = new Link()
  readonly ends: [Connection, Connection]

  constructor(a: Relay, b: Relay, key: DocumentKey) {
    const end = (relay: Relay, other: 0 | 1): Connection =>
      relay.open(
        key,
        peerOver(
          this.link,
          'pipe',
          frame => this.ends[other].receive(frame),
          () => this.break(),
        ),
      )
    this.ends = [end(a, 1), end(b, 0)]
  }
  break(): void {
    this.link.break()
    for (const end of this.ends) end.close()
  }
}
