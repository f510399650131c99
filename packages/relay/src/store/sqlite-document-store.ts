/** Documents in the relay's tables of a database, by its procedures. */
import { type Epoch, parseEpoch } from '@meshbook/core/ids.ts'
import type { Database } from '../sql/database.ts'
import { type DocumentProcedures, packUpdates, unpackUpdates } from './document-procedures.ts'
import type { DocumentKey, DocumentSnapshot, DocumentStore, StoredDocument } from './document-store.ts'

/** For `SqliteOptions.modules`. */
export const documentModule = new URL('./document-procedures.ts', import.meta.url)

export class SqliteDocumentStore implements DocumentStore {
  readonly #database: Database<DocumentProcedures>

  constructor(database: Database<DocumentProcedures>) {
    this.#database = database
  }

  async open(key: DocumentKey): Promise<StoredDocument> {
    const { epoch, position, snapshot, tail } = await this.#database.query('readDocument', key)
    return { epoch: parseEpoch(epoch), position, snapshot, tail: unpackUpdates(tail) }
  }

  append(key: DocumentKey, epoch: Epoch, updates: readonly Uint8Array[]): Promise<number> {
    return this.#database.call('appendUpdates', { ...key, epoch, updates: packUpdates(updates) })
  }

  compact(key: DocumentKey, epoch: Epoch, snapshot: DocumentSnapshot): Promise<void> {
    return this.#database.call('compactDocument', { ...key, epoch, ...snapshot })
  }

  remove(key: DocumentKey): Promise<void> {
    return this.#database.call('removeDocument', { org: key.org, document: key.document })
  }
}
