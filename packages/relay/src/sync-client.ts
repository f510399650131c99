/**
 * A Yjs document's end of a connection to a relay, or to any y-websocket server, over a socket that somebody else owns
 * and reconnects. Browser-safe. It owns the answer to "is it saved?": an edit counts as saved only when the server said
 * that a frame which contains it is durable (I1).
 */
import type { MeshError } from '@meshbook/core/errors.ts'
import {
  type Awareness,
  applyAwarenessUpdate,
  encodeAwarenessUpdate,
  removeAwarenessStates,
} from 'y-protocols/awareness'
import * as Y from 'yjs'
import {
  awarenessFrame,
  epochFrame,
  readSyncFrame,
  type SyncMessage,
  step1Frame,
  step2Frame,
  updateFrame,
} from './sync-frames.ts'

export interface SyncStatus {
  connected: boolean
  /** The server's content has arrived on this connection. */
  synced: boolean
  /** Own edits that are not known to be durable; undefined at a server that never tells. */
  unacked: number | undefined
}

export interface SyncClientOptions {
  doc: Y.Doc
  awareness?: Awareness
  send(frame: Uint8Array): void
  onStatus?: (status: SyncStatus) => void
  /** The server's document has another epoch than this one: nothing more is exchanged (I2). */
  onEpoch?: (theirs: number, ours: number) => void
}

interface Waiting {
  edits: number
  resolve(): void
  reject(error: MeshError): void
}

export class SyncClient {
  readonly doc: Y.Doc
  readonly #options: SyncClientOptions
  readonly #awareness: Awareness | undefined
  #extensions: boolean | undefined
  #connected = false
  #synced = false
  #epoch: number | undefined
  #foreign = false
  /** Edits made here since the start, and how many of the first of them are durable. What the document held at the start is one. */
  #made: number
  #saved = 0
  /** Update-carrying frames sent on this connection. */
  #sent = 0
  /** How far this document's own structs go in what is durable. */
  #savedClock = 0
  /** Of each frame that, with those before it, carries everything: how many edits that were, and how far they go. */
  #marks: { frame: number; made: number; clock: number }[] = []
  #complete = false
  #waiting: Waiting[] = []
  #ended: MeshError | undefined

  constructor(options: SyncClientOptions) {
    this.#options = options
    this.doc = options.doc
    this.#awareness = options.awareness
    this.#made = isEmpty(this.doc) ? 0 : 1
    this.doc.on('update', this.#onEdit)
    this.#awareness?.on('update', this.#onAwareness)
  }

  get status(): SyncStatus {
    return { connected: this.#connected, synced: this.#synced, unacked: this.unacked }
  }
  get synced(): boolean {
    return this.#synced
  }
  get unacked(): number | undefined {
    return this.#extensions === false ? undefined : this.#made - this.#saved
  }

  /**
   * The socket is open. `extensions`: the server chose the subprotocol meshbook.v1. Call it inside the socket's `open`
   * event, before any frame is handed to `receive`: the server's first frames may come in the same turn.
   */
  opened({ extensions }: { extensions: boolean }): void {
    if (this.#connected) this.closed()
    this.#connected = true
    this.#extensions = extensions
    if (extensions && this.#epoch !== undefined) this.#options.send(epochFrame(this.#epoch))
    this.#options.send(step1Frame(Y.encodeStateVector(this.doc)))
    // With a newer clock than the last connection's: others forgot this client at that one, and ignore it from then.
    const presence = this.#awareness?.getLocalState()
    if (presence) this.#awareness?.setLocalState(presence)
    this.#tell()
  }

  /** A frame from the server. Throws BAD_MESSAGE for one that is none. */
  receive(frame: Uint8Array): void {
    if (this.#connected && !this.#foreign) this.#take(readSyncFrame(frame))
  }

  /** The socket is closed. What was not acknowledged counts as unsaved; the next connection brings it all again. */
  closed(): void {
    if (!this.#connected) return
    this.#connected = false
    this.#synced = false
    this.#complete = false
    this.#sent = 0
    this.#marks = []
    this.#forgetOthers()
    this.#tell()
  }

  /** Their clocks are forgotten too, so that the same states are taken again from the next connection. */
  #forgetOthers(): void {
    const awareness = this.#awareness
    if (!awareness) return
    const others = [...awareness.getStates().keys()].filter(client => client !== this.doc.clientID)
    removeAwarenessStates(awareness, others, this)
    for (const client of others) awareness.meta.delete(client)
  }

  /** Resolves when every edit made so far is durable at the server. */
  saved(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(this.#ended)
        return
      }
      this.#waiting.push({ edits: this.#made, resolve, reject })
      this.#settle()
    })
  }

  /** Lets go of the document; whoever waits for `saved` gets the error. */
  destroy(error: MeshError): void {
    this.#ended = error
    this.doc.off('update', this.#onEdit)
    this.#awareness?.off('update', this.#onAwareness)
    this.closed()
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error)
  }

  #take(message: SyncMessage): void {
    switch (message.type) {
      case 'step1':
        this.#answer(message.stateVector)
        return
      case 'step2':
        Y.applyUpdate(this.doc, message.update, this)
        this.#synced = true
        this.#tell()
        return
      case 'update':
        Y.applyUpdate(this.doc, message.update, this)
        return
      case 'awareness':
        if (this.#awareness) applyAwarenessUpdate(this.#awareness, message.states, this)
        return
      case 'query-awareness':
        this.#sendAwareness(this.#awareness ? [...this.#awareness.getStates().keys()] : [])
        return
      case 'durable':
        this.#acknowledge(message.count)
        return
      case 'epoch':
        this.#checkEpoch(message.epoch)
        return
      case 'unknown':
        return
    }
  }

  /** The answer holds everything the server lacks, whatever happened on earlier connections. */
  #answer(stateVector: Uint8Array): void {
    if (this.#saved > 0 && this.#hasLost(Y.decodeStateVector(stateVector))) {
      this.#saved = 0
      this.#savedClock = 0
    }
    this.#complete = true
    this.#sendUpdate(step2Frame(Y.encodeStateAsUpdate(this.doc, stateVector)))
  }

  /** A server that was restored from a backup has not got all that it once said to be durable. */
  #hasLost(theirs: Map<number, number>): boolean {
    const ours = Y.decodeStateVector(Y.encodeStateVector(this.doc))
    for (const [client, clock] of ours) {
      const durable = client === this.doc.clientID ? this.#savedClock : clock
      if ((theirs.get(client) ?? 0) < durable) return true
    }
    return false
  }

  #onEdit = (update: Uint8Array, origin: unknown): void => {
    if (origin === this) return
    this.#made++
    if (this.#connected && !this.#foreign) this.#sendUpdate(updateFrame(update))
    this.#tell()
  }

  #sendUpdate(frame: Uint8Array): void {
    this.#sent++
    // Before the answer to step 1 a frame says nothing about the edits that were made offline.
    if (this.#complete) this.#marks.push({ frame: this.#sent, made: this.#made, clock: this.#ownClock() })
    this.#options.send(frame)
  }

  #acknowledge(count: number): void {
    if (!this.#extensions || count > this.#sent) return
    while (this.#marks[0] && this.#marks[0].frame <= count) {
      const { made, clock } = this.#marks.shift()!
      this.#saved = Math.max(this.#saved, made)
      this.#savedClock = Math.max(this.#savedClock, clock)
    }
    this.#settle()
    this.#tell()
  }

  #ownClock(): number {
    return Y.getState(this.doc.store, this.doc.clientID)
  }

  #settle(): void {
    const done = this.#waiting.filter(waiting => waiting.edits <= this.#saved)
    this.#waiting = this.#waiting.filter(waiting => waiting.edits > this.#saved)
    for (const waiting of done) waiting.resolve()
  }

  #onAwareness = (
    { added, updated, removed }: { added: number[]; updated: number[]; removed: number[] },
    origin: unknown,
  ): void => {
    if (origin !== this) this.#sendAwareness([...added, ...updated, ...removed])
  }

  #sendAwareness(clients: number[]): void {
    if (this.#awareness && this.#connected && !this.#foreign)
      this.#options.send(awarenessFrame(encodeAwarenessUpdate(this.#awareness, clients)))
  }

  #checkEpoch(epoch: number): void {
    this.#epoch ??= epoch
    if (epoch === this.#epoch) return
    this.#foreign = true
    this.#options.onEpoch?.(epoch, this.#epoch)
  }

  #tell(): void {
    this.#options.onStatus?.(this.status)
  }
}

function isEmpty(doc: Y.Doc): boolean {
  return doc.store.clients.size === 0
}
