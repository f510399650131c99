/**
 * All open documents of a process. It makes rooms, flushes those with something to store together (so that one commit
 * carries all of them), and tells the outside about storage. It must not know what a document means or who a peer is.
 */
import { asMeshError, closeCodes, MeshError } from '@meshbook/core/errors.ts'
import type { Epoch, Now, RandomBytes } from '@meshbook/core/ids.ts'
import { limits as defaultLimits, type Limits } from '@meshbook/core/limits.ts'
import type { SharedLog } from './foreign-log.ts'
import type { Connection, Peer } from './peer.ts'
import { retire } from './retired-clients.ts'
import { Room, type RoomContext } from './room.ts'
import type { StorageHealth } from './sql/database.ts'
import type { DocumentKey, DocumentStore, StoredDocument } from './store/document-store.ts'
import { storedFacts } from './stored-facts.ts'
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

/** How often another hub may append between reading a document and replacing it. */
const exchangeTries = 10

const roomName = (key: DocumentKey) => `${key.org}/${key.document}`

export class Relay {
  /** For peers made in this process, which need client ids. */
  readonly random: RandomBytes
  readonly after: After
  readonly #options: RelayOptions
  readonly #rooms = new Map<string, Room>()
  readonly #dirty = new Set<Room>()
  /** Documents that are being replaced in the store: who opens one waits. */
  readonly #apartFrom = new Map<string, Promise<void>>()
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
    await this.#apart(key, closeCodes.notFound, 'NOT_FOUND', () =>
      this.#options.store.replace(key, { epoch: this.#leastEpoch(), updates: [] }),
    )
    this.#options.shared?.neighbours.tell(key, { type: 'removed' })
  }

  /**
   * Gives a document new content under a new epoch. `rebuild` makes it from all that is durable by then; it is called
   * again if another hub appended meanwhile. Readers are ended with 4409 and carry over what they had not sent; those who
   * know no epochs stay outside for as long as they hold the old content.
   */
  renew(key: DocumentKey, rebuild: (stored: StoredDocument) => Promise<readonly Uint8Array[]>): Promise<Epoch> {
    const { store } = this.#options
    return this.exchange(key, async from => {
      const [updates, ending] = await Promise.all([rebuild(from), storedFacts(from, this.#work)])
      const retired = retire(ending, from.retired, this.#context.limits.clientsPerDocument)
      return store.replace(key, { from, epoch: this.#leastEpoch(), retired, updates })
    })
  }

  /**
   * The same for who replaces the document in the store by other means: `replace` resolves with the new epoch, undefined
   * if the log had moved on since it was read. Who opens the document meanwhile waits for its new content.
   */
  exchange(key: DocumentKey, replace: (stored: StoredDocument) => Promise<Epoch | undefined>): Promise<Epoch> {
    return this.#apart(key, closeCodes.epoch, 'EPOCH', async () => {
      for (let tries = 0; tries < exchangeTries; tries++) {
        const epoch = await replace(await this.#options.store.open(key))
        if (epoch === undefined) continue
        this.#options.shared?.neighbours.tell(key, { type: 'position', epoch, position: 0 })
        return epoch
      }
      throw new MeshError('CONFLICT', { detail: 'others write to the document without a pause' })
    })
  }

  /** Above every epoch that was given before this moment, also in a time that a backup took back. */
  #leastEpoch(): { least: number } {
    return { least: Math.floor(this.#options.now() / 1_000) }
  }

  /** Acts on a document in the store while it has no room; one after the other. */
  async #apart<T>(key: DocumentKey, code: number, reason: string, act: () => Promise<T>): Promise<T> {
    const name = roomName(key)
    const before = this.#apartFrom.get(name)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#apartFrom.set(name, promise)
    try {
      await before
      await this.#rooms.get(name)?.close(code, reason)
      return await act()
    } finally {
      if (this.#apartFrom.get(name) === promise) this.#apartFrom.delete(name)
      resolve()
    }
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
    const load = () => room.load().catch((thrown: unknown) => room.fail(asMeshError(thrown)))
    const apart = this.#apartFrom.get(name)
    void (apart ? apart.then(load) : load())
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
