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
interface Batch {
  waiting: Map<string, Waiting>
  bytes: number
}

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
      const batch = this.#batchFor(append)
      batch.waiting.set(append.document, { append, resolve, reject })
      batch.bytes += append.updates.bytes.byteLength
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

  /** Never before an earlier append to the same document; and no statement grows without bound. */
  #batchFor({ document, updates }: Append): Batch {
    const earlier = this.#batches.findLastIndex(({ waiting }) => waiting.has(document))
    const known = this.#batches.find(
      ({ waiting, bytes }, i) =>
        i > earlier &&
        waiting.size < limits.groupCommitCalls &&
        bytes + updates.bytes.byteLength <= limits.documentUnsavedBytes,
    )
    if (known) return known
    const batch: Batch = { waiting: new Map(), bytes: 0 }
    this.#batches.push(batch)
    return batch
  }

  #send(): void {
    for (const batch of this.#batches.splice(0)) {
      const waiting = [...batch.waiting.values()]
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
