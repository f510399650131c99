/** What owners do with published documents: publish, pin to a version, take back, list (PB10…). Readers are elsewhere. */
import type { Author } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DocumentId, Now, OrgId, ProjectId } from '@meshbook/core/ids.ts'
import type { Publication, PublishRequest } from '@meshbook/core/publish-api.ts'
import type { DocumentKey, DocumentStore } from '@meshbook/relay/store/document-store.ts'
import type { Audit, AuditSource } from '../auth/audit.ts'
import type { History } from '../history/history.ts'
import type { HubEvents } from '../hub-events.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { PublicationRow } from '../store/publications.ts'
import { addressOf } from './page-address.ts'
import type { PageMaker } from './page-maker.ts'

export interface PublicationsPorts {
  store: HubStore
  documents: DocumentStore
  history: History
  maker: PageMaker
  audit: Audit
  events: HubEvents
  now: Now
}

export class Publications {
  readonly #ports: PublicationsPorts

  constructor(ports: PublicationsPorts) {
    this.#ports = ports
  }

  find(key: DocumentKey): Promise<PublicationRow | null> {
    return this.#ports.store.query('findPublication', key)
  }

  list(org: OrgId, project: ProjectId): Promise<PublicationRow[]> {
    return this.#ports.store.query('listPublications', { org, project })
  }

  async publish(
    key: DocumentKey,
    asked: PublishRequest,
    by: { author: Author; source: AuditSource; name: string },
  ): Promise<PublicationRow> {
    const { store, audit, events, now } = this.#ports
    if (asked.mode === 'continuous' && asked.version !== undefined)
      throw new MeshError('BAD_REQUEST', { detail: 'version: only a pinned page has one' })
    if (!(await store.query('findDocument', { org: key.org, id: key.document })))
      throw new MeshError('NOT_FOUND', { detail: `document ${key.document}` })
    const content = await this.#contentOf(key, asked, by.author)
    const { indexed } = asked
    const args = { ...key, mode: asked.mode, indexed, ...content, by: by.name, now: now() }
    const detail = { mode: asked.mode, version: content.version, ...(indexed !== undefined && { indexed }) }
    const note = audit.note('document-published', by.source, { org: key.org, target: key.document, detail })
    const row = await audit.call('publishDocument', args, note)
    events.publish(key.org, { type: 'documents', project: row.project })
    return row
  }

  /** Gone with the answer. Taking back what is not published changes nothing. */
  async unpublish(key: DocumentKey, source: AuditSource): Promise<void> {
    const { audit, events } = this.#ports
    const note = audit.note('document-unpublished', source, { org: key.org, target: key.document })
    const row = await audit.call('unpublishDocument', key, note)
    if (row) events.publish(key.org, { type: 'documents', project: row.project })
  }

  /** The version to pin, and what its runs displayed: that stands beside the text and may be gone tomorrow. */
  async #contentOf(key: DocumentKey, { mode, version }: PublishRequest, author: Author) {
    if (mode === 'continuous') return { version: null, entries: null, assets: [] }
    const { history, documents, maker } = this.#ports
    const pinned = version ?? (await this.#newest(key, author))
    const text = await history.text(key, pinned)
    const { snapshot, tail } = await documents.open(key)
    const { entries, assets } = await maker.entries(snapshot ? [snapshot.data, ...tail] : tail, text)
    return { version: pinned, entries, assets }
  }

  async #newest(key: DocumentKey, author: Author): Promise<number> {
    const row = await this.#ports.history.record(key, author, undefined)
    if (row) return row.version
    throw new MeshError('CONFLICT', { detail: 'the document has no text yet, so there is no version to pin' })
  }
}

/** As it is told; `origin` is where readers come. */
export function shownPublication({ owner, projectName, ...row }: PublicationRow, origin: string): Publication {
  const path = row.path ?? `deleted-${row.document satisfies DocumentId}`
  return { ...row, url: `${origin}${addressOf({ owner, projectName, path })}` }
}
