/**
 * An open document: its connections, what waits for the disk, and the order store → relay → acknowledge (I1). It never
 * interprets content (I3). A room that fails is thrown away whole, so that it can store nothing wrong and hold up
 * nobody else; its clients still have what was not acknowledged and bring it again.
 */
import { asMeshError, closeCodes, MeshError } from '@meshbook/core/errors.ts'
import type { Epoch } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { DocumentContent } from './document-content.ts'
import { type FollowingRoom, ForeignLog, type SharedLog } from './foreign-log.ts'
import { frameOverheadBytes } from './inbox.ts'
import { addClocks, KnownState } from './known-state.ts'
import type { Peer } from './peer.ts'
import { Provenance } from './provenance.ts'
import { readRetired } from './retired-clients.ts'
import { RoomAwareness } from './room-awareness.ts'
import { type Accepted, type ConnectionRoom, RoomConnection } from './room-connection.ts'
import type { DocumentKey, DocumentSnapshot, DocumentStore, StoredDocument } from './store/document-store.ts'
import { storedFacts } from './stored-facts.ts'
import { updateFrame } from './sync-frames.ts'
import type { After } from './timers.ts'
import type { UpdateFacts, Verdict } from './update-facts.ts'
import { isEmptyStateVector } from './update-jobs.ts'
import type { UpdateWorker } from './update-worker.ts'

export interface RoomContext {
  readonly store: DocumentStore
  readonly limits: Limits
  readonly now: () => number
  readonly after: After
  readonly work: UpdateWorker
  /** Where other hubs write to the same documents. */
  readonly shared: SharedLog | undefined
  /** Something waits in the room; the relay calls `flush` on all such rooms together. */
  dirty(room: Room): void
  /** The room is closed: a later `open` makes a new one from the store. */
  gone(room: Room): void
  refused(room: Room, peer: Peer, error: MeshError): void
  /** An update of the peer is durable, at this position. */
  readonly changed: ((key: DocumentKey, peer: Peer, position: number) => void) | undefined
  stored(): void
  failed(room: Room, error: MeshError): void
}

export class Room implements ConnectionRoom, FollowingRoom {
  readonly key: DocumentKey
  readonly limits: Limits
  readonly after: After
  readonly known = new KnownState()
  readonly published = new Map<number, number>()
  retired: ReadonlySet<number> = new Set()
  readonly connections = new Set<RoomConnection>()
  readonly provenance: Provenance<Peer>
  readonly #context: RoomContext
  readonly #awareness: RoomAwareness
  readonly #foreign: ForeignLog | undefined
  #epoch: Epoch | undefined
  #content: DocumentContent | undefined
  #waiting: Accepted[] = []
  #waitingBytes = 0
  #storing: Promise<void> | undefined
  #compacting: Promise<void> | undefined
  #compactAfter: number
  #closed = false
  #cancelIdle: (() => void) | undefined
  #awarenessDue = false
  #awarenessAt = 0
  /** Differences that are being made. */
  readonly #diffs = new Map<string, Promise<Uint8Array>>()

  constructor(key: DocumentKey, context: RoomContext) {
    this.key = key
    this.limits = context.limits
    this.after = context.after
    this.#context = context
    this.provenance = new Provenance(context.limits.deliveriesPerDocument)
    this.#compactAfter = context.limits.compactAfterUpdates
    this.#awareness = new RoomAwareness(context.limits, context.now)
    this.#foreign = context.shared && new ForeignLog(this, context.shared, context.work)
  }

  get epoch(): number {
    return this.#epoch ?? 0
  }
  get position(): number {
    return this.#content?.position ?? 0
  }
  get closed(): boolean {
    return this.#closed
  }
  get readers(): number {
    return this.connections.size
  }
  get loaded(): boolean {
    return this.#content !== undefined
  }
  get bytes(): number {
    return (this.#content?.bytes ?? 0) + this.#waitingBytes
  }
  get full(): boolean {
    return this.#waitingBytes > this.limits.documentUnsavedBytes
  }
  get unsavedBytes(): number {
    return this.#waitingBytes
  }

  /** Reads the document. When that fails, the connections are closed and nothing is ever stored from here. */
  async load(): Promise<void> {
    if (this.#closed) return
    try {
      const stored = await this.#context.store.open(this.key)
      const facts = await storedFacts(stored, this.#context.work)
      if (this.#closed) return
      for (const piece of facts) this.known.add(piece)
      for (const piece of facts) addClocks(this.published, piece)
      this.#begin(stored)
    } catch (thrown) {
      this.fail(asMeshError(thrown))
    }
  }

  #begin(stored: StoredDocument): void {
    this.#epoch = stored.epoch
    this.retired = readRetired(stored.retired)
    this.#content = new DocumentContent(stored, this.limits.compactChunkUpdates)
    for (const connection of this.connections) connection.start()
    if (this.connections.size === 0) this.#waitIdle()
    this.#foreign?.started()
    this.flush()
  }

  join(peer: Peer): RoomConnection {
    const connection = new RoomConnection(peer, this)
    this.connections.add(connection)
    this.#cancelIdle?.()
    if (this.loaded) queueMicrotask(() => connection.start())
    return connection
  }

  leave(connection: RoomConnection): void {
    this.connections.delete(connection)
    if (this.#closed) return
    if (this.#awareness.leave(connection)) this.#announceSoon()
    if (this.connections.size === 0) this.#waitIdle()
  }

  refused(connection: RoomConnection, error: MeshError): void {
    this.#context.refused(this, connection.peer, error)
  }

  announce(connection: RoomConnection, states: Uint8Array): void {
    if (this.#awareness.take(connection, states)) this.#announceSoon()
  }

  everybody(): Uint8Array | undefined {
    return this.#awareness.everybody()
  }

  inspect(update: Uint8Array): Verdict | Promise<Verdict> {
    return this.#context.work.run('inspect', { update, known: this.known.clocks })
  }

  /** Readers who ask the same at the same time, as many do after a cut or a jam, share one answer. */
  diff(stateVector: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const content = this.#content!
    const question = `${content.position} ${Buffer.from(stateVector).toString('latin1')}`
    const asked = this.#diffs.get(question)
    if (asked) return asked
    content.fold()
    const pieces = content.pieces()
    if (pieces.length === 1 && isEmptyStateVector(stateVector)) return pieces[0]!
    const { compactChunkUpdates: chunkUpdates } = this.limits
    const answer = this.#context.work.run('diff', { pieces, chunkUpdates, stateVector })
    if (answer instanceof Promise) {
      this.#diffs.set(question, answer)
      const forget = () => this.#diffs.delete(question)
      answer.then(forget, forget)
    }
    return answer
  }

  accept(accepted: Accepted): void {
    if (this.#closed) return
    if (accepted.update) {
      this.#noteProvenance(accepted)
      this.known.add(accepted.facts)
      this.#waitingBytes += accepted.update.byteLength + frameOverheadBytes
    }
    this.#waiting.push(accepted)
    this.#context.dirty(this)
  }

  #noteProvenance({ facts, connection }: Accepted): void {
    for (const [client, from, to] of facts.structs) {
      const first = Math.max(from, this.known.clocks.get(client) ?? 0)
      if (first < to) this.provenance.add(client, first, to, connection.peer)
    }
  }

  /** Stores all that waits, in one append; what comes meanwhile goes with the next one. */
  flush(): void {
    if (this.#storing || this.#closed || !this.loaded) return
    if (this.#waiting.length === 0) {
      if (this.#foreign?.isBehind) this.follow()
      return
    }
    const batch = this.#waiting
    this.#waiting = []
    const updates = batch.flatMap(({ update }) => (update ? [update] : []))
    if (updates.length === 0) {
      this.#publish(batch)
      return
    }
    this.#storing = this.#context.store
      .append(this.key, this.#epoch!, updates)
      .then(position => this.#onStored(batch, position - updates.length))
      .catch((thrown: unknown) => this.fail(asMeshError(thrown)))
      .finally(() => {
        this.#storing = undefined
        // In turns, so that neither side's edits hold up the other's.
        if (this.#foreign?.isBehind) this.follow()
        else this.flush()
      })
  }

  /** The batch is in the log from the position after `before` on; what others appended up to there goes first (RL130). */
  #onStored(batch: Accepted[], before: number): void | Promise<void> {
    if (this.#closed) return
    this.#context.stored()
    if (this.position === before) return this.#onInOrder(batch)
    if (!this.#foreign) throw new MeshError('STORAGE_FAILED', { detail: 'somebody else wrote to the document' })
    return this.#foreign.catchUp(before).then(() => this.#onInOrder(batch, before))
  }

  #onInOrder(batch: Accepted[], before = this.position): void {
    if (this.#closed) return
    // Another hub's snapshot may stand for the batch already: then everybody has got it with that.
    if (this.position > before) this.#acknowledge(batch)
    else this.#publish(batch)
    this.#foreign?.stored()
    this.#compactIfDue()
  }

  /** Reads what others appended; own updates wait meanwhile, as they do for an append. */
  follow(): void {
    if (this.#storing || this.#closed || !this.loaded || !this.#foreign) return
    this.#storing = this.#foreign
      .catchUp()
      .catch((thrown: unknown) => this.fail(asMeshError(thrown)))
      .finally(() => {
        this.#storing = undefined
        this.flush()
      })
  }

  /** How far the log goes, as somebody else says. */
  goesTo(epoch: number, position: number): void {
    if (this.loaded) this.#foreign?.goesTo(epoch, position)
  }

  takeForeign(updates: Uint8Array[], facts: UpdateFacts[]): void {
    const frames = updates.map(updateFrame)
    for (const reader of this.connections) reader.sendUpdates(frames)
    for (const [i, update] of updates.entries()) {
      this.known.add(facts[i]!)
      this.#content!.append(update)
      addClocks(this.published, facts[i]!)
    }
    this.#compactIfDue()
  }

  takeSnapshot(snapshot: DocumentSnapshot, facts: UpdateFacts, missed: Uint8Array): void {
    this.known.add(facts)
    const frames = [updateFrame(missed)]
    for (const reader of this.connections) reader.sendUpdates(frames)
    addClocks(this.published, facts)
    const stored = { epoch: this.#epoch!, position: snapshot.position, snapshot, tail: [] }
    this.#content = new DocumentContent(stored, this.limits.compactChunkUpdates)
  }

  announceFrom(neighbour: string, states: Uint8Array): void {
    if (this.#awareness.takeFrom(neighbour, states)) this.#announceSoon()
  }

  introduce(): void {
    const states = this.#awareness.everybodyHere()
    if (states) this.#foreign?.tell({ type: 'awareness', states })
  }

  removed(): void {
    this.close(closeCodes.notFound, 'NOT_FOUND').catch((thrown: unknown) => this.fail(asMeshError(thrown)))
  }

  /** Everything in the batch is durable: only now may others see it, and its senders hear so. */
  #publish(batch: Accepted[]): void {
    this.#tellReaders(batch)
    for (const { connection, update, facts } of batch) {
      if (!update) continue
      this.#content!.append(update)
      this.#context.changed?.(this.key, connection.peer, this.#content!.position)
      addClocks(this.published, facts)
    }
    this.#acknowledge(batch)
  }

  #acknowledge(batch: Accepted[]): void {
    for (const { connection, acknowledges, update } of batch) {
      if (update) this.#waitingBytes -= update.byteLength + frameOverheadBytes
      connection.acknowledge(acknowledges)
    }
    for (const connection of new Set(batch.map(accepted => accepted.connection))) connection.tellDurable()
    if (!this.full) for (const connection of this.connections) if (connection.paused) connection.proceed()
  }

  /** Readers who wrote none of it get the same array, so that whoever holds their sockets need encode it only once. */
  #tellReaders(batch: readonly Accepted[]): void {
    const news = batch.filter(({ update }) => update !== undefined)
    if (news.length === 0) return
    const writers = new Set(news.map(({ connection }) => connection))
    const all = news.map(({ frame }) => frame)
    for (const reader of this.connections) {
      if (!writers.has(reader)) reader.sendUpdates(all)
      else if (writers.size > 1)
        reader.sendUpdates(news.filter(({ connection }) => connection !== reader).map(({ frame }) => frame))
    }
  }

  #announceSoon(): void {
    if (this.#awarenessDue) return
    this.#awarenessDue = true
    const wait = Math.max(0, this.#awarenessAt + this.limits.awarenessMs - this.#context.now())
    this.after(wait, () => {
      this.#awarenessDue = false
      this.#awarenessAt = this.#context.now()
      const states = this.#foreign && this.#awareness.changesHere()
      if (states && !this.#closed) this.#foreign?.tell({ type: 'awareness', states })
      const frameFor = this.#awareness.takeChanges()
      for (const connection of this.connections) {
        const frame = frameFor(connection)
        if (frame) connection.sendAwareness(frame)
      }
    })
  }

  /** A larger snapshot is rewritten after proportionally more updates. */
  #compactIfDue(): void {
    const { looseUpdates, snapshotBytes } = this.#content!
    const mebibytes = Math.max(1, snapshotBytes / 2 ** 20)
    if (looseUpdates >= this.#compactAfter * mebibytes && !this.#compacting) this.#compact()
  }

  #compact(): void {
    this.#compacting = this.#tryCompact().finally(() => {
      this.#compacting = undefined
      if (!this.#closed) this.#compactIfDue()
      if (this.connections.size === 0) this.#waitIdle()
    })
  }

  async #tryCompact(): Promise<void> {
    const content = this.#content!
    const { position, pieces } = content.seal()
    try {
      const { compactChunkUpdates: chunkUpdates } = this.limits
      const { data, facts } = await this.#context.work.run('compact', { pieces, chunkUpdates })
      await this.#context.store.compact(this.key, this.#epoch!, { position, data, facts })
      content.replaceSealed(data)
    } catch (thrown) {
      // The updates are all still there; only the next attempt waits for more of them.
      this.#compactAfter *= 2
      this.#context.failed(this, asMeshError(thrown))
    }
  }

  #waitIdle(): void {
    this.#cancelIdle?.()
    if (!this.#closed) this.#cancelIdle = this.after(this.limits.roomIdleMs, () => this.#unload())
  }

  #unload(): void {
    if (this.#closed || this.connections.size > 0 || !this.loaded) return
    if (this.#storing || this.#compacting || this.#waiting.length > 0) {
      this.#waitIdle()
      return
    }
    const due = Math.min(this.limits.compactChunkUpdates, this.#compactAfter)
    const compactable = this.#compactAfter <= this.limits.compactAfterUpdates
    if (compactable && this.#content!.looseUpdates >= due) this.#compact()
    else this.#end()
  }

  /** Ends the room and all its connections. Nothing that waits is acknowledged or passed on. */
  fail(error: MeshError): void {
    if (this.#closed) return
    this.#end()
    this.#context.failed(this, error)
    const code = error.entry.close ?? closeCodes.storage
    for (const connection of [...this.connections])
      connection.end(code, error.detail ? `${error.code}: ${error.detail}` : error.code)
  }

  #end(): void {
    this.#closed = true
    this.#foreign?.end()
    this.#cancelIdle?.()
    this.#waiting = []
    this.#waitingBytes = 0
    this.#context.gone(this)
  }

  /** Waits until everything that was received is stored, but not for ever, then ends the room. */
  async close(code: number, reason: string): Promise<void> {
    for (const connection of [...this.connections]) connection.end(code, reason)
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const cancel = this.after(this.limits.shutdownMs, resolve)
    await Promise.race([late, this.#settled()])
    cancel()
    if (!this.#closed) this.#end()
  }

  async #settled(): Promise<void> {
    this.flush()
    while (this.#storing || this.#compacting) await (this.#storing ?? this.#compacting)
  }
}
