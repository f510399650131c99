/**
 * The documents that are open on this device: one Yjs peer in the device's own relay for each, shared by all who use it,
 * and piped to the hub's room while the link is up. It knows neither files nor runs.
 */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { sharedNames } from '@meshbook/core/executions.ts'
import type { DocumentId, Epoch, OrgId, ProjectId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type LocalPeer, openLocalPeer } from '@meshbook/relay/local-peer.ts'
import type { Relay } from '@meshbook/relay/relay.ts'
import type { DocumentPeer } from './document-peer.ts'
import type { EpochMoves } from './epoch-moves.ts'
import type { Problems } from './problems.ts'
import { Turns } from './projects/turns.ts'
import { writeWaits } from './projects/write-waits.ts'
import type { Uplink } from './uplink.ts'

/** A document that is in step with the hub, whether it is open here or not. */
interface Joined {
  project: ProjectId
  /** Those that want to know of changes while it is not open. */
  followers: Set<() => void>
  /** The hub's content has come at least once. */
  isSynced: boolean
}

interface OpenDocument {
  local: LocalPeer
  users: number
  synced: PromiseWithResolvers<void>
  peer: DocumentPeer
  replaced: PromiseWithResolvers<void>
  /** Everybody has let go of it. */
  left: PromiseWithResolvers<void>
  isReplaced: boolean
  /** Something changed since the text was last known to be at the hub. */
  isDirty: boolean
  /** The newest text that was known to be at the hub, until it is stored. */
  unnoted: { epoch: Epoch; text: string } | undefined
  isNoting: boolean
}

/** On the way into another epoch. */
interface Away {
  back: PromiseWithResolvers<void>
  turns: Turns
}

/** How often at most the text that is at the hub is stored, while it changes. */
const noteMs = 1_000
const retryMs = 5_000

export interface DocumentsPorts {
  relay: Relay
  org: OrgId
  /** Absent where there is no hub. */
  uplink: Uplink | undefined
  problems: Problems
  moves: EpochMoves
  opened(peer: DocumentPeer, project: ProjectId): void
  closed(peer: DocumentPeer): void
}

export class Documents {
  readonly #ports: DocumentsPorts
  readonly #open = new Map<DocumentId, OpenDocument>()
  readonly #joined = new Map<DocumentId, Joined>()
  readonly #away = new Map<DocumentId, Away>()

  constructor(ports: DocumentsPorts) {
    this.#ports = ports
  }

  /** Takes up what a stop interrupted; before anything is opened. */
  async load(): Promise<void> {
    for (const id of await this.#ports.moves.list()) this.#leaveFor(id)
  }

  /** Opens the document, or shares it if it is open. Each opening must be closed once. */
  open(project: ProjectId, id: DocumentId): DocumentPeer {
    const known = this.#open.get(id) ?? this.#start(project, id)
    known.users++
    let isOpen = true
    const close = async () => {
      if (!isOpen) return
      isOpen = false
      await this.#leave(project, id, known)
    }
    return { ...known.peer, close }
  }

  /**
   * Keeps the document in step with the hub while nobody has it open; `changed` is called when it is to be looked at: at
   * once, if it is open.
   */
  follow(project: ProjectId, id: DocumentId, changed: () => void): () => void {
    this.#join(project, id).followers.add(changed)
    if (this.#open.has(id)) changed()
    return () => {
      this.#joined.get(id)?.followers.delete(changed)
      this.#part(id)
    }
  }

  /** Of a document that is in use on this device. */
  projectOf(id: DocumentId): ProjectId | undefined {
    return this.#joined.get(id)?.project
  }

  #join(project: ProjectId, id: DocumentId): Joined {
    const known = this.#joined.get(id)
    if (known) return known
    const joined: Joined = { project, followers: new Set(), isSynced: this.#ports.uplink === undefined }
    this.#joined.set(id, joined)
    const synced = () => {
      const away = this.#away.get(id)
      joined.isSynced = true
      if (away) void this.#comeBack(id, away)
      this.#open.get(id)?.synced.resolve()
      this.#noteSoon(id)
    }
    this.#ports.uplink?.open(project, id, {
      synced,
      changed: () => this.#open.has(id) || this.#tell(joined),
      delivered: isLast => (isLast ? void this.#noteHubText(id) : this.#noteSoon(id)),
      replaced: epoch => this.#replace(id, joined, epoch),
    })
    return joined
  }

  /** The text of a document that is as it is at the hub is kept, at most so often (DV61). */
  #noteSoon(id: DocumentId): void {
    const open = this.#open.get(id)
    const isNew = open?.isDirty && this.#ports.uplink?.settledAt(id) !== undefined
    if (!open || open.isNoting || (!isNew && !open.unnoted)) return
    open.isNoting = true
    const { length } = open.local.doc.getText(sharedNames.content)
    this.#ports.relay.after(Math.max(noteMs, writeWaits(length, limits).longestMs), () => {
      open.isNoting = false
      void this.#noteHubText(id)
    })
  }

  /** What a disk refused is tried again, also when the hub is out of reach: it was there, and still tells what it had. */
  async #noteHubText(id: DocumentId): Promise<void> {
    const open = this.#open.get(id)
    const epoch = this.#ports.uplink?.settledAt(id)
    if (!open || this.#away.has(id)) return
    if (open.isDirty && open.local.settled && epoch !== undefined) {
      open.isDirty = false
      open.unnoted = { epoch, text: open.local.doc.getText(sharedNames.content).toString() }
    }
    const { unnoted } = open
    if (!unnoted) return
    try {
      await this.#ports.moves.noteHubText(id, unnoted.epoch, unnoted.text)
      if (open.unnoted === unnoted) open.unnoted = undefined
      if (!open.unnoted) this.#ports.problems.solve(`hub text ${id}`)
    } catch (thrown) {
      if (open.unnoted !== unnoted || this.#open.get(id) !== open) return
      this.#ports.problems.report(`hub text ${id}`, asMeshError(thrown))
      this.#noteSoon(id)
    }
  }

  #leaveFor(id: DocumentId): Away {
    const known = this.#away.get(id)
    if (known) return known
    const away: Away = { back: Promise.withResolvers(), turns: new Turns() }
    this.#away.set(id, away)
    return away
  }

  /** Whoever has the document open is told first, and lets go of it with all edits stored (DV62). */
  async #replace(id: DocumentId, joined: Joined, epoch: Epoch): Promise<void> {
    const open = this.#open.get(id)
    if (open && open.local.doc.getMap(sharedNames.files).size > 0)
      throw new MeshError('EPOCH', { detail: 'the hub has another file tree for this project' })
    const away = this.#leaveFor(id)
    await away.turns.take(async () => {
      joined.isSynced = false
      if (open) await this.#release(id, open)
      await this.#ports.moves.begin(id, epoch)
    })
  }

  async #release(id: DocumentId, open: OpenDocument): Promise<void> {
    if (this.#open.get(id) === open) this.#open.delete(id)
    open.isReplaced = true
    this.#ports.closed(open.peer)
    open.replaced.resolve()
    await Promise.race([open.left.promise, this.#closingTime()])
    await Promise.race([open.local.durable().catch(() => undefined), this.#closingTime()])
    open.local.close()
    open.synced.reject(new MeshError('EPOCH'))
  }

  /** The hub's content is here: with what is carried into it, the document is to be had again. */
  async #comeBack(id: DocumentId, away: Away): Promise<void> {
    try {
      await away.turns.take(async () => {
        // Another epoch may have come first: then the hub's content is still to come.
        if (this.#joined.get(id)?.isSynced) await this.#ports.moves.finish(id)
      })
    } catch (thrown) {
      this.#ports.problems.report(id, asMeshError(thrown))
      this.#ports.relay.after(retryMs, () => this.#away.get(id) === away && void this.#comeBack(id, away))
      return
    }
    if (this.#away.get(id) !== away || !this.#joined.get(id)?.isSynced) return
    this.#away.delete(id)
    away.back.resolve()
    this.#ports.problems.solve(id)
    this.#tell(this.#joined.get(id)!)
  }

  #tell({ followers }: Joined): void {
    for (const changed of followers) changed()
  }

  #part(id: DocumentId): void {
    if (this.#open.has(id) || this.#joined.get(id)?.followers.size !== 0) return
    this.#joined.delete(id)
    this.#ports.uplink?.close(id)
  }

  #start(project: ProjectId, id: DocumentId): OpenDocument {
    const { relay, org, problems, opened } = this.#ports
    const local = openLocalPeer(
      relay,
      { org, document: id },
      {
        name: 'device',
        after: this.#away.get(id)?.back.promise,
        onError: error => problems.report(id, error),
        onSynced: () => problems.solve(id),
      },
    )
    local.ready.catch(thrown => this.#open.get(id)?.local === local && problems.report(id, asMeshError(thrown)))
    const synced = Promise.withResolvers<void>()
    synced.promise.catch(() => undefined)
    const [replaced, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    local.doc.on('update', () => {
      started.isDirty = true
      this.#noteSoon(id)
    })
    const peer: DocumentPeer = {
      id,
      doc: local.doc,
      ready: local.ready,
      replaced: replaced.promise,
      isAway: () => this.#away.has(id),
      synced: synced.promise,
      durable: () => local.durable(),
      isShared: () => started.users > 1,
      close: () => Promise.resolve(),
    }
    const started: OpenDocument = {
      local,
      users: 0,
      synced,
      peer,
      replaced,
      left,
      isReplaced: false,
      isDirty: false,
      unnoted: undefined,
      isNoting: false,
    }
    this.#open.set(id, started)
    const joined = this.#join(project, id)
    if (joined.isSynced) synced.resolve()
    opened(peer, project)
    this.#tell(joined)
    return started
  }

  async #leave(project: ProjectId, id: DocumentId, known: OpenDocument): Promise<void> {
    known.users--
    if (known.isReplaced) {
      if (known.users === 0) known.left.resolve()
      return
    }
    if (known.users > 0) {
      // Whoever lets it rest while others have it open must look after it again.
      this.#tell(this.#join(project, id))
      return
    }
    await this.#noteHubText(id)
    if (known.isReplaced) return known.left.resolve()
    if (known.users > 0 || this.#open.get(id) !== known) return
    this.#open.delete(id)
    this.#ports.closed(known.peer)
    this.#part(id)
    await Promise.race([known.local.durable().catch(() => undefined), this.#closingTime()])
    known.local.close()
    if (!this.#open.has(id)) for (const about of [id, `hub text ${id}`]) this.#ports.problems.solve(about)
    known.synced.reject(new MeshError('SHUTTING_DOWN'))
  }

  /** A disk that does not answer must not keep the device from stopping. */
  #closingTime(): Promise<void> {
    return new Promise(resolve => this.#ports.relay.after(1_000, resolve))
  }
}
