/** Documents in memory: nothing survives the process. For simulations and tests; passes the same contract. */
import { MeshError } from '@meshbook/core/errors.ts'
import { type Epoch, parseEpoch } from '@meshbook/core/ids.ts'
import { ownBytes } from '../bytes.ts'
import type { DocumentLog, LogHead } from '../document-log.ts'
import type { DocumentKey, DocumentSnapshot, DocumentStore, Replacement, StoredDocument } from './document-store.ts'

const keyText = (key: DocumentKey) => `${key.org}/${key.document}`

export class MemoryDocumentStore implements DocumentStore, DocumentLog {
  readonly #documents = new Map<string, StoredDocument>()

  async open(key: DocumentKey): Promise<StoredDocument> {
    const document = this.#get(key)
    return { ...document, tail: [...document.tail] }
  }

  async append(key: DocumentKey, epoch: Epoch, updates: readonly Uint8Array[]): Promise<number> {
    const document = this.#get(key)
    if (document.epoch !== epoch) throw new MeshError('EPOCH')
    document.tail.push(...updates.map(ownBytes))
    document.position += updates.length
    this.#documents.set(keyText(key), document)
    return document.position
  }

  async compact(key: DocumentKey, epoch: Epoch, { position, data, facts }: DocumentSnapshot): Promise<void> {
    const document = this.#get(key)
    const from = document.snapshot?.position ?? 0
    if (document.epoch !== epoch || position > document.position || position <= from) return
    document.snapshot = { position, data: ownBytes(data), facts: facts && ownBytes(facts) }
    document.tail = document.tail.slice(position - from)
  }

  async replace(key: DocumentKey, { from, epoch: wanted, retired, updates }: Replacement): Promise<Epoch | undefined> {
    const head = this.#get(key)
    if (from && (from.epoch !== head.epoch || from.position !== head.position)) return undefined
    const epoch = 'exactly' in wanted ? wanted.exactly : parseEpoch(Math.max(head.epoch + 1, wanted.least))
    if (epoch === head.epoch) return undefined
    const tail = updates.map(ownBytes)
    this.#documents.set(keyText(key), {
      epoch,
      position: tail.length,
      snapshot: undefined,
      tail,
      ...(retired && { retired }),
    })
    return epoch
  }

  async since(key: DocumentKey, after: number): Promise<StoredDocument> {
    const { epoch, position, snapshot, tail, retired } = this.#get(key)
    const late = (snapshot?.position ?? 0) > after
    return {
      epoch,
      position,
      snapshot: late ? snapshot : undefined,
      tail: late ? [...tail] : tail.slice(after - (snapshot?.position ?? 0)),
      ...(retired && { retired }),
    }
  }

  async heads(keys: readonly DocumentKey[]): Promise<LogHead[]> {
    const written = keys.filter(key => this.#documents.has(keyText(key)))
    return written.map(key => ({ key, epoch: this.#get(key).epoch, position: this.#get(key).position }))
  }

  #get(key: DocumentKey): StoredDocument {
    return this.#documents.get(keyText(key)) ?? { epoch: parseEpoch(1), position: 0, snapshot: undefined, tail: [] }
  }
}
