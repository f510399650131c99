/** Documents that the tree names and that have no file here yet: opened a few at a time, until their content has come. */
import { asMeshError } from '@meshbook/core/errors.ts'
import type { DocumentId } from '@meshbook/core/ids.ts'
import type { DocumentPeer } from '../document-peer.ts'
import type { FolderPorts } from './folder-ports.ts'

export class Arrivals {
  readonly #ports: Pick<FolderPorts, 'open' | 'limits' | 'problems'>
  readonly #arrived: (id: DocumentId, peer: DocumentPeer) => Promise<void>
  readonly #coming = new Map<DocumentId, DocumentPeer>()
  #wanted: DocumentId[] = []
  #isClosed = false

  /** `arrived` gets the open document, and is to close it. */
  constructor(
    ports: Pick<FolderPorts, 'open' | 'limits' | 'problems'>,
    arrived: (id: DocumentId, peer: DocumentPeer) => Promise<void>,
  ) {
    this.#ports = ports
    this.#arrived = arrived
  }

  has(id: DocumentId): boolean {
    return this.#coming.has(id)
  }

  /** These and no others are to come, besides those that are on their way. */
  want(ids: DocumentId[]): void {
    this.#wanted = ids
    this.#bringMore()
  }

  /** It is somebody else's from now on. */
  done(id: DocumentId): void {
    this.#coming.delete(id)
  }

  /** Not more at a time than may be held in memory. */
  #bringMore(): void {
    while (this.#coming.size < this.#ports.limits.documentsAwake) {
      const id = this.#wanted.shift()
      if (id === undefined) return
      this.#bring(id)
    }
  }

  #bring(id: DocumentId): void {
    const peer = this.#ports.open(id)
    this.#coming.set(id, peer)
    void peer.replaced?.then(() => this.#bringAnew(id, peer))
    const arrive = async () => {
      await peer.ready
      await peer.synced
      if (this.#coming.get(id) === peer) await this.#arrived(id, peer)
      this.#bringMore()
    }
    arrive().catch(thrown => {
      if (this.#coming.get(id) === peer) this.#ports.problems.report(id, asMeshError(thrown))
    })
  }

  /** The document got another epoch while it was on its way. */
  async #bringAnew(id: DocumentId, peer: DocumentPeer): Promise<void> {
    if (this.#coming.get(id) !== peer) return
    this.#coming.delete(id)
    await peer.close()
    if (!this.#isClosed) this.#bring(id)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#wanted = []
    await Promise.all([...this.#coming.values()].map(peer => peer.close()))
  }
}
