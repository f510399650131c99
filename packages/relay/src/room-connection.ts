/**
 * One connection's way into a room: frames in order, each checked before anything is taken from it. It knows what may
 * be refused and with which code; it must not know how a room stores or whom it tells.
 */
import { asMeshError, closeCodes, MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { Inbox } from './inbox.ts'
import { decodeClocks, type KnownState } from './known-state.ts'
import { Outgoing, type OutgoingContext } from './outgoing.ts'
import type { Connection, Delivery, Peer } from './peer.ts'
import {
  awarenessFrame,
  durableFrame,
  epochFrame,
  readSyncFrame,
  type SyncMessage,
  step1Frame,
  updateFrame,
} from './sync-frames.ts'
import type { Gap, UpdateFacts, Verdict } from './update-facts.ts'

/** An update-carrying frame that was found fine. */
export interface Accepted {
  connection: RoomConnection
  /** How many of the connection's frames are durable once this one is; 0 acknowledges nothing. */
  acknowledges: number
  /** Absent when the document has it all already. */
  update: Uint8Array | undefined
  /** The update as others get it. */
  frame: Uint8Array
  facts: UpdateFacts
}

/** An update-carrying frame that is being checked. */
interface Incoming {
  /** Which of the connection's update-carrying frames it is, from 1. */
  number: number
  /** It came as step 2. */
  complete: boolean
  frame: Uint8Array
  update: Uint8Array
}

export interface ConnectionRoom extends OutgoingContext {
  readonly limits: Limits
  readonly epoch: number
  readonly known: KnownState
  /** Yjs clients of the document's earlier epochs. */
  readonly retired: ReadonlySet<number>
  /** Bytes of the stored content and of what waits for the disk. */
  readonly bytes: number
  /** Too much waits for the disk. */
  readonly full: boolean
  inspect(update: Uint8Array): Verdict | Promise<Verdict>
  accept(accepted: Accepted): void
  announce(connection: RoomConnection, states: Uint8Array): void
  everybody(): Uint8Array | undefined
  leave(connection: RoomConnection): void
  refused(connection: RoomConnection, error: MeshError): void
}

const maxReasonBytes = 120

export class RoomConnection implements Connection {
  readonly peer: Peer
  readonly #room: ConnectionRoom
  readonly #outgoing: Outgoing
  readonly #inbox: Inbox
  #closed = false
  /** Update-carrying frames received, and how many of them were told to be durable. */
  #received = 0
  #durable = 0
  #told = 0
  #asked = 0
  /** The first thing missing from frames that were left aside, and the number of the first of them. */
  #gap: (Gap & { frame: number }) | undefined

  constructor(peer: Peer, room: ConnectionRoom) {
    this.peer = peer
    this.#room = room
    const fail = (thrown: unknown) => this.fail(asMeshError(thrown))
    this.#outgoing = new Outgoing(peer, room, fail)
    this.#inbox = new Inbox({
      limits: room.limits,
      held: () => room.full,
      take: frame => this.#take(readSyncFrame(frame)),
      fail,
      pause: () => peer.pause?.(),
      resume: () => peer.resume?.(),
    })
  }

  get paused(): boolean {
    return this.#inbox.paused
  }

  get delivery(): Delivery {
    return this.#outgoing.delivery
  }

  get settled(): boolean {
    return this.#outgoing.settled
  }

  receive(frame: Uint8Array): void {
    if (!this.#closed) this.#inbox.add(frame)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#inbox.end()
    this.#outgoing.close()
    this.#room.leave(this)
  }

  /** The document is loaded: only now does either side learn what the other has. */
  start(): void {
    if (this.#closed) return
    if (this.peer.extensions) this.send(epochFrame(this.#room.epoch))
    this.#ask()
    const everybody = this.#room.everybody()
    if (everybody) this.send(everybody)
    this.#inbox.start()
  }

  /** The disk has caught up. */
  proceed(): void {
    this.#inbox.pump()
  }

  send(frame: Uint8Array): void {
    this.#outgoing.send(frame)
  }

  sendUpdates(frames: readonly Uint8Array[]): void {
    this.#outgoing.deliver(frames)
  }

  sendAwareness(frame: Uint8Array): void {
    this.#outgoing.sendAwareness(frame)
  }

  acknowledge(count: number): void {
    this.#durable = Math.max(this.#durable, count)
  }

  /** Tells what was acknowledged since the last time, in one frame. */
  tellDurable(): void {
    if (this.#durable === this.#told || this.#closed) return
    this.#told = this.#durable
    if (this.peer.extensions) this.send(durableFrame(this.#durable))
  }

  /** Ends the connection from this side. */
  fail(error: MeshError): void {
    this.end(
      error.entry.close ?? closeCodes.storage,
      error.detail ? `${error.code}: ${error.detail}` : error.code,
      error,
    )
  }

  end(code: number, reason: string, error?: MeshError): void {
    if (this.#closed) return
    if (error) this.#room.refused(this, error)
    this.close()
    this.peer.close(code, shorten(reason))
  }

  #take(message: SyncMessage): void | Promise<void> {
    switch (message.type) {
      case 'step1':
        return this.#outgoing.answer(this.#checkStateVector(message.stateVector))
      case 'step2':
        this.#asked = Math.max(0, this.#asked - 1)
        return this.#takeUpdate(message.update, true)
      case 'update':
        return this.#takeUpdate(message.update, false)
      case 'awareness':
        return this.#room.announce(this, message.states)
      case 'query-awareness':
        return this.send(this.#room.everybody() ?? awarenessFrame(new Uint8Array([0])))
      case 'durable':
        return this.#takeDurable(message.count)
      case 'epoch':
        return this.#checkEpoch(message.epoch)
      case 'unknown':
        return
    }
  }

  #checkEpoch(epoch: number): void {
    if (this.peer.extensions && epoch !== this.#room.epoch)
      throw new MeshError('EPOCH', { detail: `the document has epoch ${this.#room.epoch}, not ${epoch}` })
  }

  #checkStateVector(stateVector: Uint8Array): Uint8Array {
    // A client and a clock are at most 16 bytes, and the client may know of more clients than the document does.
    const most = this.#room.limits.clientsPerDocument * 2 * 16
    if (stateVector.byteLength > most)
      throw new MeshError('TOO_LARGE', { detail: `a state vector of ${stateVector.byteLength} bytes` })
    if (this.#mayBeOld) this.#refuseOld(decodeClocks(stateVector).keys())
    return stateVector
  }

  /** Who announces an epoch was asked for it. */
  get #mayBeOld(): boolean {
    return !this.peer.extensions && this.#room.retired.size > 0
  }

  #refuseOld(clients: Iterable<number>): void {
    for (const client of clients)
      if (this.#room.retired.has(client))
        throw new MeshError('EPOCH', { detail: 'this copy is of a document that was replaced since; load it again' })
  }

  #takeDurable(count: number): void {
    const { delivery } = this.#outgoing
    if (!this.peer.extensions || count > delivery.sent || count <= delivery.durable) return
    delivery.durable = count
    this.peer.onDelivery?.(delivery)
  }

  #takeUpdate(bytes: Uint8Array, complete: boolean): void | Promise<void> {
    const number = ++this.#received
    const { updateBytes } = this.#room.limits
    if (bytes.byteLength > updateBytes)
      throw new MeshError('TOO_LARGE', { detail: `an update of ${bytes.byteLength} bytes` })
    // One copy, in a buffer of its own, serves the disk and the readers: what a socket delivers is often a small window
    // on a large buffer, which would be kept alive for as long as the window is.
    const frame = updateFrame(bytes)
    const update = frame.subarray(frame.byteLength - bytes.byteLength)
    const incoming = { number, complete, frame, update }
    const verdict = this.#room.inspect(update)
    if (verdict instanceof Promise) return verdict.then(found => this.#judge(incoming, found))
    this.#judge(incoming, verdict)
  }

  #judge({ number, complete, frame, update }: Incoming, verdict: Verdict): void {
    if (this.#closed) return
    if (verdict.type === 'hostile') throw new MeshError('HOSTILE_UPDATE', { detail: verdict.reason })
    if (verdict.type === 'gap') {
      this.#leaveAside(verdict.gap, number, complete)
      return
    }
    const { facts } = verdict
    if (this.#mayBeOld) this.#refuseOld(facts.structs.map(([client]) => client))
    const wanted = this.#isNew(facts, complete)
    if (wanted) this.#checkCaps(update, facts, complete)
    const cleared = complete && this.#clearGap(facts)
    const acknowledges = this.#gap && !cleared ? this.#gap.frame - 1 : number
    this.#room.accept({ connection: this, acknowledges, update: wanted ? update : undefined, frame, facts })
  }

  /** A read-only client's step 2 may list deletions that only its own copy made while it integrated: they are skipped. */
  #isNew(facts: UpdateFacts, complete: boolean): boolean {
    const { known } = this.#room
    const structs = known.hasNewStructs(facts)
    const deletes = known.hasNewDeletes(facts)
    if (this.peer.access === 'write') return structs || deletes
    if (structs || (deletes && !complete)) throw new MeshError('READ_ONLY')
    return false
  }

  #checkCaps(update: Uint8Array, facts: UpdateFacts, complete: boolean): void {
    const { known, limits, bytes } = this.#room
    const newClients = known.newClients(facts)
    // Only a whole history, which comes as step 2, may bring many clients at once.
    if (!complete && newClients > limits.newClientsPerUpdate)
      throw new MeshError('HOSTILE_UPDATE', { detail: `${newClients} new clients in one update` })
    if (known.clocks.size + newClients > limits.clientsPerDocument)
      throw new MeshError('HOSTILE_UPDATE', { detail: 'too many clients in one document' })
    if (bytes + update.byteLength > limits.documentBytes)
      throw new MeshError('TOO_LARGE', { detail: `the document would have more than ${limits.documentBytes} bytes` })
  }

  /**
   * The update builds on something the document has not got. A client may well send an edit before it has answered what
   * the document lacks, or one that rests on what another tab has not yet sent: its next step 2 brings it all. It is
   * asked for one unless one is due; until then nothing from this frame on is acknowledged.
   */
  #leaveAside(gap: Gap, frame: number, complete: boolean): void {
    if (this.peer.access === 'read') throw new MeshError('READ_ONLY')
    if (complete)
      throw new MeshError('HOSTILE_UPDATE', {
        detail: `it builds on ${gap.client}:${gap.clock}, which it does not bring`,
      })
    this.#gap ??= { ...gap, frame }
    if (this.#asked === 0) this.#ask()
  }

  /** Who answers without what it built on never had it: asking again would go on for ever. */
  #clearGap(facts: UpdateFacts): boolean {
    if (!this.#gap) return false
    const { client, clock } = this.#gap
    const brought = facts.structs.some(([from, , to]) => from === client && clock < to)
    if (!brought && !this.#room.known.hasStruct(client, clock))
      throw new MeshError('HOSTILE_UPDATE', { detail: `it builds on ${client}:${clock}, which nobody has` })
    this.#gap = undefined
    return true
  }

  #ask(): void {
    this.#asked++
    this.send(step1Frame(this.#room.known.stateVector()))
  }
}

/** A close reason has at most 123 bytes. */
function shorten(reason: string): string {
  const bytes = new TextEncoder().encode(reason)
  return bytes.byteLength <= maxReasonBytes
    ? reason
    : new TextDecoder().decode(bytes.slice(0, maxReasonBytes)).replace(/\ufffd+$/, '')
}
