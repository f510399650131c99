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
  /** `synced` is called each time that the hub's content has become part of the document. */
  open(project: ProjectId, document: DocumentId, synced: () => void): void
  close(document: DocumentId): void
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
      await this.#leave(id, known)
    }
    return { ...known.peer, close }
  }

  #start(project: ProjectId, id: DocumentId): OpenDocument {
    const { relay, org, uplink, problems, opened } = this.#ports
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
      close: () => Promise.resolve(),
    }
    const started = { local, users: 0, synced, peer }
    this.#open.set(id, started)
    if (uplink) uplink.open(project, id, () => synced.resolve())
    else synced.resolve()
    opened(peer)
    return started
  }

  async #leave(id: DocumentId, known: OpenDocument): Promise<void> {
    known.users--
    if (known.users > 0) return
    this.#open.delete(id)
    this.#ports.closed(known.peer)
    this.#ports.uplink?.close(id)
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
