/**
 * The documents that are open on this device: one Yjs peer in the device's own relay for each, shared by all who use it,
 * and piped to the hub's room while the link is up. It knows neither files nor runs.
 */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { DocumentId, OrgId, ProjectId } from '@meshbook/core/ids.ts'
import { type LocalPeer, openLocalPeer } from '@meshbook/relay/local-peer.ts'
import type { Relay } from '@meshbook/relay/relay.ts'
import type { DocumentPeer } from './document-peer.ts'
import type { Problems } from './problems.ts'

/** Keeps the room of a document in step with the hub's, for as long as it is open. */
export interface Uplink {
  /** `synced` is called each time that the hub's content has become part of the document, `changed` when the hub sends some. */
  open(project: ProjectId, document: DocumentId, synced: () => void, changed: () => void): void
  close(document: DocumentId): void
}

/** A document that is in step with the hub, whether it is open here or not. */
interface Joined {
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
}

export interface DocumentsPorts {
  relay: Relay
  org: OrgId
  /** Absent where there is no hub. */
  uplink: Uplink | undefined
  problems: Problems
  opened(peer: DocumentPeer): void
  closed(peer: DocumentPeer): void
}

export class Documents {
  readonly #ports: DocumentsPorts
  readonly #open = new Map<DocumentId, OpenDocument>()
  readonly #joined = new Map<DocumentId, Joined>()

  constructor(ports: DocumentsPorts) {
    this.#ports = ports
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

  /** Keeps the document in step with the hub while nobody has it open; `changed` is called when it is to be looked at. */
  follow(project: ProjectId, id: DocumentId, changed: () => void): () => void {
    this.#join(project, id).followers.add(changed)
    return () => {
      this.#joined.get(id)?.followers.delete(changed)
      this.#part(id)
    }
  }

  #join(project: ProjectId, id: DocumentId): Joined {
    const known = this.#joined.get(id)
    if (known) return known
    const joined: Joined = { followers: new Set(), isSynced: this.#ports.uplink === undefined }
    this.#joined.set(id, joined)
    const synced = () => {
      joined.isSynced = true
      this.#open.get(id)?.synced.resolve()
    }
    this.#ports.uplink?.open(project, id, synced, () => this.#open.has(id) || this.#tell(joined))
    return joined
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
        onError: error => problems.report(id, error),
        onSynced: () => problems.solve(id),
      },
    )
    local.ready.catch(thrown => this.#open.get(id)?.local === local && problems.report(id, asMeshError(thrown)))
    const synced = Promise.withResolvers<void>()
    synced.promise.catch(() => undefined)
    const peer: DocumentPeer = {
      id,
      doc: local.doc,
      ready: local.ready,
      synced: synced.promise,
      durable: () => local.durable(),
      isShared: () => started.users > 1,
      close: () => Promise.resolve(),
    }
    const started: OpenDocument = { local, users: 0, synced, peer }
    this.#open.set(id, started)
    const joined = this.#join(project, id)
    if (joined.isSynced) synced.resolve()
    opened(peer)
    this.#tell(joined)
    return started
  }

  async #leave(project: ProjectId, id: DocumentId, known: OpenDocument): Promise<void> {
    known.users--
    if (known.users > 0) {
      // Whoever lets it rest while others have it open must look after it again.
      this.#tell(this.#join(project, id))
      return
    }
    this.#open.delete(id)
    this.#ports.closed(known.peer)
    this.#part(id)
    await Promise.race([known.local.durable().catch(() => undefined), this.#closingTime()])
    known.local.close()
    if (!this.#open.has(id)) this.#ports.problems.solve(id)
    known.synced.reject(new MeshError('SHUTTING_DOWN'))
  }

  /** A disk that does not answer must not keep the device from stopping. */
  #closingTime(): Promise<void> {
    return new Promise(resolve => this.#ports.relay.after(1_000, resolve))
  }
}
