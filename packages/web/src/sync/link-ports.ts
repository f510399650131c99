/**
 * What a document link needs of the world around it, so that the same classes run in a page and in a test: a database,
 * a wire to the hub, other tabs, time, chance, and the page itself. `browser-ports.ts` has those of a browser, the
 * folder `testing/` those of a test.
 */
import type { After } from '@meshbook/relay/timers.ts'
import type { EditVector } from './edit-vector.ts'

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
  /** The page may be hidden, frozen or closed after this. */
  onHide(hide: () => void): () => void
}

/** One update as it is kept, with the edits in it: of each tab the number of the last. None: it came from the hub. */
export interface StoredRow {
  update: Uint8Array
  edits: EditVector
}

export interface StoredHead {
  epoch: number
  /** All edits that are in the rows, or were. */
  made: EditVector
  /** Those that the hub acknowledged. */
  acked: EditVector
  /** Edits of earlier epochs that are still to be carried over. */
  carried: number
}

/** The document that this one took the place of. */
export interface OldDocument {
  epoch: number
  rows: StoredRow[]
  made: EditVector
  acked: EditVector
  /** What the hub had not acknowledged. */
  unsent: number
  /** The text that has been carried over; undefined until that is done. */
  applied: string | undefined
}

export interface StoredDocument {
  head: StoredHead
  rows: StoredRow[]
  old: OldDocument[]
}

export interface ReadDocument extends StoredDocument {
  /** Rows that were put aside because they cannot be read. */
  unreadable: number
}

export interface Appended {
  rows: readonly StoredRow[]
  acked: EditVector
}

/** The documents that this device keeps. Every call is one transaction, durable when it resolves, or nothing. */
export interface DocumentDatabase {
  /** Whether what is in it outlives the page. */
  readonly lasting: boolean
  read(document: string): Promise<ReadDocument | undefined>
  /** Adds rows and joins the vectors of the head. Undefined if what is stored has another epoch: nothing was written. */
  append(document: string, epoch: number, change: Appended): Promise<StoredHead | undefined>
  /** Replaces all of a document by what the function makes of it; undefined leaves it as it is. */
  rewrite(document: string, make: (stored: ReadDocument | undefined) => StoredDocument | undefined): Promise<void>
  /** Puts rows aside that the function finds to be unreadable. */
  quarantine(document: string, isBad: (row: StoredRow) => boolean): Promise<void>
  heads(): Promise<Map<string, StoredHead>>
  /** Removes a document that the hub has all of; false if it has edits of its own, and nothing was removed (W2). */
  forget(document: string): Promise<boolean>
}

/** A channel to the same document in the browser's other tabs; messages keep their order. */
export interface TabChannel {
  post(message: unknown): void
  close(): void
}

export interface Candidacy {
  /** Takes the lead from a tab that does not answer. */
  steal(): void
  release(): void
}

/** Chooses one tab of the browser for each document; one that lost the lead stays a candidate. */
export type Campaign = (document: string, handlers: { onLead(): void; onLost(): void }) => Candidacy

export interface LinkPorts {
  database: DocumentDatabase
  dial: Dial
  openTabs(document: string, onMessage: (message: unknown) => void): TabChannel
  campaign: Campaign
  after: After
  /** From 0 up to, but not including, 1. */
  random: () => number
  /** A name for this tab that no other tab ever has. */
  newTab: () => string
  /** A name for this browser, the same in all its tabs; others see it in presence. */
  browser: string
  page: PagePort
  /** The first edits are kept here that the hub does not have: the moment to ask for storage that lasts. */
  onPrecious: () => void
}
