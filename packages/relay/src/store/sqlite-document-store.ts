/** Documents in the relay's tables of a database, by its procedures. */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { type Epoch, parseEpoch } from '@meshbook/core/ids.ts'
import type { Database } from '../sql/database.ts'
import type { DocumentProcedures, ReadDocument } from './document-procedures.ts'
import type { DocumentKey, DocumentSnapshot, DocumentStore, Replacement, StoredDocument } from './document-store.ts'
import { packUpdates, unpackUpdates } from './packed-updates.ts'

/** For `SqliteOptions.modules`. */
export const documentModule = new URL('./document-procedures.ts', import.meta.url)

interface Append {
  key: DocumentKey
  epoch: Epoch
  updates: readonly Uint8Array[]
  resolve(position: number): void
  reject(error: MeshError): void
}

export class SqliteDocumentStore implements DocumentStore {
  readonly #database: Database<DocumentProcedures>
  #appends: Append[] = []

  constructor(database: Database<DocumentProcedures>) {
    this.#database = database
  }

  async open(key: DocumentKey): Promise<StoredDocument> {
    return storedDocument(await this.#database.query('readDocument', key))
  }

  /** What is appended to many documents in one tick goes to the database in one call. */
  append(key: DocumentKey, epoch: Epoch, updates: readonly Uint8Array[]): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#appends.push({ key, epoch, updates, resolve, reject }) === 1)
        queueMicrotask(() => void this.#appendAll())
    })
  }

  async #appendAll(): Promise<void> {
    const appends = this.#appends
    this.#appends = []
    try {
      const positions = await this.#database.call('appendUpdates', {
        documents: appends.map(({ key, epoch, updates }) => ({ ...key, epoch, updates: updates.length })),
        packed: packUpdates(appends.flatMap(({ updates }) => updates)),
      })
      for (const [i, { resolve, reject }] of appends.entries()) {
        const position = positions[i] ?? null
        if (position === null) reject(new MeshError('EPOCH'))
        else resolve(position)
      }
    } catch (thrown) {
      for (const { reject } of appends) reject(asMeshError(thrown))
    }
  }

  compact(key: DocumentKey, epoch: Epoch, snapshot: DocumentSnapshot): Promise<void> {
    return this.#database.call('compactDocument', { ...key, epoch, ...snapshot })
  }

  async replace(
    { org, document }: DocumentKey,
    { from, epoch, retired, updates }: Replacement,
  ): Promise<Epoch | undefined> {
    const replaced = await this.#database.call('replaceDocument', {
      org,
      document,
      from: from && { epoch: from.epoch, position: from.position },
      ...('least' in epoch ? epoch : { epoch: epoch.exactly }),
      retired,
      updates: packUpdates(updates),
    })
    return replaced === null ? undefined : parseEpoch(replaced)
  }
}

export function storedDocument({ epoch, position, retired, snapshot, tail }: ReadDocument): StoredDocument {
  return {
    epoch: parseEpoch(epoch),
    position,
    snapshot: snapshot && { ...snapshot, facts: snapshot.facts ?? undefined },
    tail: unpackUpdates(tail),
    ...(retired && { retired }),
  }
}
