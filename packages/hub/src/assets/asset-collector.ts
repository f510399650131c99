/**
 * The collection of assets that nothing names: reads documents that changed, marks since when an asset is unnamed,
 * deletes what has been so for longer than the grace period, and last the bytes. Each step may be cut off anywhere and
 * is safe to do again, by several hubs at a time.
 */
import { asMeshError, type MeshError } from '@meshbook/core/errors.ts'
import type { DocumentId, Now, OrgId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DocumentStore } from '@meshbook/relay/store/document-store.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { AssetUploads } from './asset-uploads.ts'
import { ReferenceReader } from './reference-reader.ts'

export interface CollectorPorts {
  store: HubStore
  documents: DocumentStore
  objects: ObjectStore
  uploads: AssetUploads
  now: Now
  limits: Limits
  log: { info(detail: object, message: string): void; warn(detail: object, message: string): void }
}

export interface Collected {
  documentsRead: number
  deleted: number
  /** Orgs of which nothing could be deleted this time, because a document could not be read or never stood still. */
  putOff: number
}

/** How often documents that go on changing are read again before the org waits for the next time. */
const sweepTries = 5
const deletionsAtOnce = 8

export class AssetCollector {
  readonly #ports: CollectorPorts
  readonly #reader: ReferenceReader
  #work: Promise<Collected> | undefined
  #reading: Promise<void> = Promise.resolve()
  #closed = false

  constructor(ports: CollectorPorts) {
    this.#ports = ports
    this.#reader = new ReferenceReader(ports.limits.requestMs)
  }

  /** One at a time: who asks while one runs gets its result. */
  collect(): Promise<Collected> {
    this.#work ??= this.#collect().finally(() => {
      this.#work = undefined
    })
    return this.#work
  }

  /** Reads the documents of an org that changed, so that what they name is known. One reading at a time. */
  async catchUp(org: OrgId): Promise<void> {
    await this.#work?.catch(() => undefined)
    this.#reading = this.#reading
      .catch(() => undefined)
      .then(() => this.#readChanged(org, { documentsRead: 0, deleted: 0, putOff: 0 }))
      .finally(() => this.#reader.close())
    await this.#reading
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#work?.catch(() => undefined)
    await this.#reading.catch(() => undefined)
    await this.#reader.close()
  }

  async #collect(): Promise<Collected> {
    const { store, uploads, log } = this.#ports
    const total: Collected = { documentsRead: 0, deleted: 0, putOff: 0 }
    await this.#reading.catch(() => undefined)
    try {
      await uploads.expire()
      for (const org of await store.query('listOrgs')) await this.#collectOrg(org, total)
      await this.#deleteObjects()
    } finally {
      await this.#reader.close()
    }
    if (total.deleted > 0) log.info({ ...total }, 'assets that nothing names were deleted')
    return total
  }

  /** A document that cannot be read keeps all assets of its org (AG3). */
  async #collectOrg(org: OrgId, total: Collected): Promise<void> {
    const { store, now, log } = this.#ports
    try {
      await this.#readOldRuns(org)
      await this.#readChanged(org, total)
    } catch (thrown) {
      total.putOff++
      log.warn({ err: asMeshError(thrown), org }, 'assets are not collected: a document cannot be read')
      return
    }
    await store.call('markAssets', { org, now: now() })
    if (!(await this.#sweep(org, total))) total.putOff++
  }

  async #readOldRuns(org: OrgId): Promise<void> {
    const { store, limits } = this.#ports
    let at: { run: string; seq: number } | null = { run: '', seq: 0 }
    while (at && !this.#closed) {
      const page: Awaited<ReturnType<typeof import('../store/asset-references.ts').readOldRuns>> = await store.query(
        'readOldRuns',
        { org, ...at, most: limits.assetCollectRows },
      )
      const done = page.next === null
      if (page.found.length > 0 || done) await store.call('recordOldRuns', { org, found: page.found, done })
      at = page.next
    }
  }

  async #readChanged(org: OrgId, total: Collected): Promise<void> {
    const { store, limits } = this.#ports
    let after = ''
    while (!this.#closed) {
      const page = await store.query('unreadDocuments', { org, after, most: limits.assetCollectRows })
      await this.#read(org, page, total)
      const last = page.at(-1)
      if (last === undefined || page.length < limits.assetCollectRows) return
      after = last
    }
  }

  async #read(org: OrgId, documents: DocumentId[], total: Collected): Promise<void> {
    for (const document of documents) {
      if (this.#closed) return
      const stored = await this.#ports.documents.open({ org, document })
      const assets = await this.#reader.read(stored)
      const { epoch, position } = stored
      await this.#ports.store.call('recordDocument', { org, document, epoch, position, assets })
      total.documentsRead++
    }
  }

  /** False when documents changed faster than they were read, or one could not be. */
  async #sweep(org: OrgId, total: Collected): Promise<boolean> {
    const { store, now, limits, log } = this.#ports
    for (let tries = 0; tries < sweepTries && !this.#closed; ) {
      const at = now()
      const most = limits.assetCollectRows
      const { deleted, unread } = await store.call('sweepAssets', {
        org,
        before: at - limits.assetGraceMs,
        most,
        now: at,
      })
      total.deleted += deleted
      if (unread.length === 0 && deleted < most) return true
      if (unread.length === 0) continue
      tries++
      const failure = await this.#read(org, unread, total).then(
        () => undefined,
        (thrown: unknown): MeshError => asMeshError(thrown),
      )
      if (failure) {
        log.warn({ err: failure, org }, 'assets are not collected: a document cannot be read')
        return false
      }
    }
    return false
  }

  /** The rows are gone; a crash leaves the list, and the rest is deleted the next time (AG5). */
  async #deleteObjects(): Promise<void> {
    const { store, objects, limits } = this.#ports
    while (!this.#closed) {
      const page = await store.query('listRemovals', { most: limits.assetCollectRows })
      if (page.length === 0) return
      const waiting = page.filter(({ used }) => Number(used) === 0).values()
      const work = async (): Promise<void> => {
        for (const { object } of waiting) await objects.delete(object)
      }
      await Promise.all(Array.from({ length: deletionsAtOnce }, work))
      await store.call('removed', { objects: page.map(({ org, object }) => ({ org, object })) })
    }
  }
}
