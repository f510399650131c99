/**
 * All open documents of a process. It makes rooms, flushes those with something to store together (so that one commit
 * carries all of them), and tells the outside about storage. It must not know what a document means or who a peer is.
 */
import { asMeshError, closeCodes, type MeshError } from '@meshbook/core/errors.ts'
import type { Now, RandomBytes } from '@meshbook/core/ids.ts'
import { limits as defaultLimits, type Limits } from '@meshbook/core/limits.ts'
import type { SharedLog } from './foreign-log.ts'
import type { Connection, Peer } from './peer.ts'
import { Room, type RoomContext } from './room.ts'
import type { StorageHealth } from './sql/database.ts'
import type { DocumentKey, DocumentStore } from './store/document-store.ts'
import { type After, systemAfter } from './timers.ts'
import { UpdateWorker } from './update-worker.ts'

export type { Connection, Delivery, Peer } from './peer.ts'
export type { DocumentKey, DocumentStore } from './store/document-store.ts'

/** A logger with pino's argument order. */
export interface RelayLog {
  warn(detail: object, message: string): void
}

export interface RelayOptions {
  store: DocumentStore
  now: Now
  random: RandomBytes
  limits?: Limits
  after?: After
  log?: RelayLog
  /** Given where other hubs write to the same store. */
  shared?: SharedLog | undefined
  /** Called for each update that is durable, with the connection that brought it; it must return at once. */
  onChange?: (key: DocumentKey, peer: Peer, position: number) => void
  /** Called when the store stops taking updates, and when it takes them again. */
  onStorage?: (health: StorageHealth) => void
}

export interface RelayStats {
  rooms: number
  connections: number
  /** Bytes of updates that wait for the disk. */
  unsavedBytes: number
  /** Connections ended for what they sent, since the start. */
  refused: number
}

const roomName = (key: DocumentKey) => `${key.org}/${key.document}`

export class Relay {
  /** For peers made in this process, which need client ids. */
  readonly random: RandomBytes
  readonly after: After
  readonly #options: RelayOptions
  readonly #rooms = new Map<string, Room>()
  readonly #dirty = new Set<Room>()
  readonly #work: UpdateWorker
  readonly #context: RoomContext
  #refused = 0
  #failing = false
  #closed = false
  #cancelWatch: (() => void) | undefined

  constructor(options: RelayOptions) {
    const limits = options.limits ?? defaultLimits
    this.random = options.random
    this.after = options.after ?? systemAfter
    this.#options = options
    this.#work = new UpdateWorker(limits)
    this.#context = {
      store: options.store,
      limits,
      now: options.now,
      after: this.after,
      work: this.#work,
      shared: options.shared,
      dirty: room => this.#schedule(room),
      gone: room => this.#forget(room),
      refused: (room, peer, error) => this.#onRefused(room, peer, error),
      changed: options.onChange,
      stored: () => this.#onStored(),
      failed: (room, error) => this.#onFailed(room, error),
    }
    if (options.shared) this.#watch(options.shared)
  }

  /** Gives the peer a place in the document's room; returns at once, also while the document is still being read. */
  open(key: DocumentKey, peer: Peer): Connection {
    const connection = this.#room(key).join(peer)
    if (this.#closed) connection.end(closeCodes.goingAway, 'SHUTTING_DOWN')
    return connection
  }

  /** The connection, live or recent, that brought a struct into a document; undefined if that is not known any more. */
  delivered(key: DocumentKey, client: number, clock: number): Peer | undefined {
    return this.#rooms.get(roomName(key))?.provenance.find(client, clock)
  }

  /** Ends the connections that the predicate names; returns how many. */
  kick(predicate: (peer: Peer, key: DocumentKey) => boolean, code: number, reason: string): number {
    let count = 0
    for (const room of this.#rooms.values()) {
      for (const connection of [...room.connections]) {
        if (!predicate(connection.peer, room.key)) continue
        connection.end(code, reason)
        count++
      }
    }
    return count
  }

  /** Deletes a document's content for good; its readers are told that it is gone. */
  async remove(key: DocumentKey): Promise<void> {
    const room = this.#rooms.get(roomName(key))
    await room?.close(closeCodes.notFound, 'NOT_FOUND')
    await this.#options.store.remove(key)
    this.#options.shared?.neighbours.tell(key, { type: 'removed' })
  }

  stats(): RelayStats {
    const rooms = [...this.#rooms.values()]
    return {
      rooms: rooms.length,
      connections: rooms.reduce((sum, room) => sum + room.connections.size, 0),
      unsavedBytes: rooms.reduce((sum, room) => sum + room.unsavedBytes, 0),
      refused: this.#refused,
    }
  }

  /** Ends all connections, stores what was received, and stops. The store stays open: it is its maker's. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancelWatch?.()
    await Promise.all([...this.#rooms.values()].map(room => room.close(closeCodes.goingAway, 'SHUTTING_DOWN')))
    await this.#work.close()
  }

  #room(key: DocumentKey): Room {
    const name = roomName(key)
    const known = this.#rooms.get(name)
    if (known) return known
    const room = new Room({ org: key.org, document: key.document }, this.#context)
    this.#rooms.set(name, room)
    room.load().catch((thrown: unknown) => room.fail(asMeshError(thrown)))
    return room
  }

  /** News may be lost, so rooms look at the log by themselves too (RL131). */
  #watch(shared: SharedLog): void {
    const { neighbourPollMs } = this.#context.limits
    this.#cancelWatch = this.after(neighbourPollMs, () => {
      this.#look(shared)
        .catch((thrown: unknown) => this.#onLookFailed(thrown))
        .finally(() => {
          if (!this.#closed) this.#watch(shared)
        })
    })
  }

  async #look({ log }: SharedLog): Promise<void> {
    const rooms = [...this.#rooms.values()].filter(room => room.loaded)
    if (rooms.length === 0) return
    for (const { key, epoch, position } of await log.heads(rooms.map(room => room.key)))
      this.#rooms.get(roomName(key))?.goesTo(epoch, position)
  }

  /** The database tells its health itself, and it is asked again. */
  #onLookFailed(thrown: unknown): void {
    if (!this.#closed) this.#options.log?.warn({ err: thrown }, 'looking for news in the log failed')
  }

  #forget(room: Room): void {
    const name = roomName(room.key)
    if (this.#rooms.get(name) === room) this.#rooms.delete(name)
  }

  /** After the sockets of this turn are read, so that one message to the disk carries what they all brought. */
  #schedule(room: Room): void {
    if (this.#dirty.size === 0) setImmediate(() => this.#flush())
    this.#dirty.add(room)
  }

  #flush(): void {
    const rooms = [...this.#dirty]
    this.#dirty.clear()
    for (const room of rooms) room.flush()
  }

  #onRefused(room: Room, peer: Peer, error: MeshError): void {
    this.#refused++
    this.#options.log?.warn(
      { document: room.key.document, peer: peer.name, code: error.code, detail: error.detail },
      'a connection was ended for what it sent',
    )
  }

  #onStored(): void {
    if (!this.#failing) return
    this.#failing = false
    this.#options.onStorage?.({ ok: true, detail: '' })
  }

  #onFailed(room: Room, error: MeshError): void {
    this.#options.log?.warn(
      { document: room.key.document, code: error.code, detail: error.detail, err: error.cause },
      'a document could not be stored or read',
    )
    if (error.code !== 'STORAGE_FAILED' && error.code !== 'DISK_FULL') return
    this.#failing = true
    this.#options.onStorage?.({ ok: false, detail: error.message })
  }
}
