/**
 * One room's eye on a log that other hubs append to as well: it hears news, reads what the room has not got, and hands it
 * over in the order of the log. It must not know how a room tells its connections, nor what an update means.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { DocumentLog } from './document-log.ts'
import { encodeClocks } from './known-state.ts'
import type { Neighbours, News } from './neighbours.ts'
import type { DocumentKey, DocumentSnapshot } from './store/document-store.ts'
import type { UpdateFacts } from './update-facts.ts'
import type { UpdateWorker } from './update-worker.ts'

export interface SharedLog {
  log: DocumentLog
  neighbours: Neighbours
}

/** What it asks of its room, which is loaded. */
export interface FollowingRoom {
  readonly key: DocumentKey
  readonly epoch: number
  readonly position: number
  readonly closed: boolean
  readonly published: ReadonlyMap<number, number>
  /** Durable updates of others that follow the room's position. */
  takeForeign(updates: Uint8Array[], facts: UpdateFacts[]): void
  /** A snapshot that stands for more than the room has; `missed` is what it has beyond that. */
  takeSnapshot(snapshot: DocumentSnapshot, facts: UpdateFacts, missed: Uint8Array): void
  /** Reads as soon as nothing is being stored. */
  follow(): void
  /** Others are in the room whose states came from elsewhere. */
  announceFrom(neighbour: string, states: Uint8Array): void
  /** Tells the neighbours who is here. */
  introduce(): void
  removed(): void
}

export class ForeignLog {
  readonly #room: FollowingRoom
  readonly #shared: SharedLog
  readonly #work: UpdateWorker
  readonly #leave: () => void
  /** How far the log is known to go; the epoch of another life of the document is beyond any position of this one. */
  #heard = 0

  constructor(room: FollowingRoom, shared: SharedLog, work: UpdateWorker) {
    this.#room = room
    this.#shared = shared
    this.#work = work
    this.#leave = shared.neighbours.join(room.key, (news, from) => this.#onNews(news, from))
  }

  /** The log is known to have something that the room has not got. */
  get isBehind(): boolean {
    return this.#heard > this.#room.position
  }

  /** The room is loaded and hears news from now on; what came before is remembered. */
  started(): void {
    this.tell({ type: 'who' })
  }

  tell(news: News): void {
    this.#shared.neighbours.tell(this.#room.key, news)
  }

  stored(): void {
    this.tell({ type: 'position', epoch: this.#room.epoch, position: this.#room.position })
  }

  /** News from neighbours, and what a look at the log showed. */
  goesTo(epoch: number, position: number): void {
    const reaches = epoch === this.#room.epoch || this.#room.epoch === 0 ? position : Number.POSITIVE_INFINITY
    this.#heard = Math.max(this.#heard, reaches)
    if (this.isBehind) this.#room.follow()
  }

  /** Brings the room to the end of the log, or up to a position, beyond which stands what it appended itself. */
  async catchUp(to = Number.POSITIVE_INFINITY): Promise<void> {
    const room = this.#room
    const { epoch, position, snapshot, tail } = await this.#shared.log.since(room.key, room.position)
    if (epoch !== room.epoch) throw new MeshError('EPOCH', { detail: `the document has epoch ${epoch} now` })
    this.#heard = position
    if (snapshot) await this.#takeSnapshot(snapshot)
    if (room.closed) return
    const updates = tail.slice(0, Math.max(0, to - room.position))
    const facts = await this.#work.run('facts', { pieces: updates })
    if (!room.closed && updates.length > 0) room.takeForeign(updates, facts)
  }

  end(): void {
    this.#leave()
  }

  async #takeSnapshot(snapshot: DocumentSnapshot): Promise<void> {
    const pieces = [snapshot.data]
    const stateVector = encodeClocks(this.#room.published)
    const missed = await this.#work.run('diff', { pieces, chunkUpdates: 1, stateVector })
    const [facts] = await this.#work.run('facts', { pieces })
    if (!this.#room.closed) this.#room.takeSnapshot(snapshot, facts!, missed)
  }

  #onNews(news: News, from: string): void {
    if (this.#room.closed) return
    if (news.type === 'position') this.goesTo(news.epoch, news.position)
    else if (news.type === 'removed') this.#room.removed()
    else if (news.type === 'who') this.#room.introduce()
    else this.#room.announceFrom(from, news.states)
  }
}
