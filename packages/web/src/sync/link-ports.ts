/**
 * What a document link needs of the world around it, so that the same classes run in a page and in a test: a place to
 * keep documents, a wire to the hub, time, chance, and the page itself. `browser-ports.ts` has those of a browser.
 */
import type { After } from '@meshbook/relay/timers.ts'

/** What arrives over a wire. Nothing is called after `closed`, nor after the wire's own `close`. */
export interface WireHandlers {
  /** `extensions`: the server speaks the subprotocol meshbook.v1. */
  opened(extensions: boolean): void
  frame(frame: Uint8Array): void
  closed(code: number, reason: string): void
}

/** One connection. It does not come back; what is sent before it is open is dropped. */
export interface Wire {
  readonly open: boolean
  send(frame: Uint8Array): void
  close(): void
}

/** Connects to a document's address `<owner>/<project>/<path>`. The handlers are called in a later turn. */
export type Dial = (address: string, handlers: WireHandlers) => Wire

/** The page that a document is open in. Each function returns what takes the listener away. */
export interface PagePort {
  /** The network or the user may be back: no reason to wait. */
  onWake(wake: () => void): () => void
  /** Asked when the page is about to be closed: whether the user is to be warned. */
  onLeave(losesWork: () => boolean): () => void
  /** Loads the page again. */
  reload(): void
}

/** What the store says of itself. */
export interface StoreState {
  /** Updates handed in that are not stored yet. */
  pending: number
  failed: boolean
}

/** What a device knows of a document besides its text. */
export interface StoredMeta {
  epoch: number
  /** Some edits were not known to be durable on the hub when this was written. */
  dirty: boolean
}

/** One document as this device keeps it. */
export interface DocumentKeeper {
  /** What is stored; undefined if nothing is. Throws if nothing can be stored. */
  load(): Promise<{ update: Uint8Array; meta: StoredMeta } | undefined>
  /** Takes an update; the state tells when it is stored. */
  append(update: Uint8Array): void
  remember(meta: StoredMeta): Promise<void>
  /** Forgets the document. */
  clear(): Promise<void>
}

export interface LinkPorts {
  /** A document's keeper, which tells its state as it changes. */
  keep(document: string, onState: (state: StoreState) => void): DocumentKeeper
  dial: Dial
  after: After
  /** From 0 up to, but not including, 1. */
  random: () => number
  page: PagePort
}
