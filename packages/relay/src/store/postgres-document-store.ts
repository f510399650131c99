/** Documents in a database that several hubs share. Appends that come together go together, because a statement is a round trip. */
import { MeshError } from '@meshbook/core/errors.ts'
import { type Epoch, parseEpoch } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { DocumentLog, LogHead } from '../document-log.ts'
import type { Database } from '../sql/database.ts'
import type { Append, DocumentProcedures } from './document-procedures.ts'
import type { DocumentKey, StoredDocument } from './document-store.ts'
import { packUpdates } from './packed-updates.ts'
import { SqliteDocumentStore, storedDocument } from './sqlite-document-store.ts'

interface Waiting {
  append: Append
  resolve(position: number): void
  reject(error: unknown): void
}

/** Appends to different documents, by document: one statement names each of them once. */
type Batch = Map<string, Waiting>

export class PostgresDocumentStore extends SqliteDocumentStore implements DocumentLog {
  readonly #database: Database<DocumentProcedures>
  #batches: Batch[] = []

  constructor(database: Database<DocumentProcedures>) {
    super(database)
    this.#database = database
  }

  override append(key: DocumentKey, epoch: Epoch, updates: readonly Uint8Array[]): Promise<number> {
    const append = { org: key.org, document: key.document, epoch, updates: packUpdates(updates) }
    return new Promise((resolve, reject) => {
      if (this.#batches.length === 0) queueMicrotask(() => this.#send())
      this.#batchWithout(append.document).set(append.document, { append, resolve, reject })
    })
  }

  async since(key: DocumentKey, after: number): Promise<StoredDocument> {
    return storedDocument(await this.#database.query('readSince', { org: key.org, document: key.document, after }))
  }

  async heads(keys: readonly DocumentKey[]): Promise<LogHead[]> {
    const documents = keys.map(({ org, document }) => ({ org, document }))
    const heads = await this.#database.query('readHeads', { documents })
    return heads.map(({ org, document, epoch, position }) => ({
      key: { org, document } as DocumentKey,
      epoch: parseEpoch(epoch),
      position,
    }))
  }

  #batchWithout(document: string): Batch {
    const known = this.#batches.find(batch => !batch.has(document) && batch.size < limits.groupCommitCalls)
    if (known) return known
    const batch: Batch = new Map()
    this.#batches.push(batch)
    return batch
  }

  #send(): void {
    for (const batch of this.#batches.splice(0)) {
      const waiting = [...batch.values()]
      this.#database.call('appendMany', { appends: waiting.map(({ append }) => append) }).then(
        positions => settle(waiting, positions),
        (error: unknown) => {
          for (const { reject } of waiting) reject(error)
        },
      )
    }
  }
}

function settle(waiting: readonly Waiting[], positions: readonly (number | null)[]): void {
  for (const [i, { resolve, reject }] of waiting.entries()) {
    const position = positions[i] ?? null
    if (position === null) reject(new MeshError('EPOCH'))
    else resolve(position)
  }
}
