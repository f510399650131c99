/** Documents in the memory of this page: what is used when the browser stores nothing, so that all else works as ever. */
import { joined } from './edit-vector.ts'
import type { Appended, DocumentDatabase, ReadDocument, StoredDocument, StoredHead, StoredRow } from './link-ports.ts'
import { isAllAtHub } from './stored-head.ts'

interface Kept extends StoredDocument {
  aside: StoredRow[]
}

export class MemoryDatabase implements DocumentDatabase {
  readonly lasting: boolean
  readonly #documents = new Map<string, Kept>()

  /** `lasting`: whether what is stored may be called stored; in a page it may not. */
  constructor(lasting = false) {
    this.lasting = lasting
  }

  async read(document: string): Promise<ReadDocument | undefined> {
    return this.#read(document)
  }

  #read(document: string): ReadDocument | undefined {
    const kept = this.#documents.get(document)
    return kept && { head: kept.head, rows: [...kept.rows], old: [...kept.old], unreadable: kept.aside.length }
  }

  async append(document: string, epoch: number, { rows, acked }: Appended): Promise<StoredHead | undefined> {
    const kept = this.#documents.get(document) ?? {
      head: { epoch, made: {}, acked: {}, carried: 0 },
      rows: [],
      old: [],
      aside: [],
    }
    if (kept.head.epoch !== epoch) return undefined
    const made = rows.reduce((all, row) => joined(all, row.edits), kept.head.made)
    const head = { ...kept.head, made, acked: joined(kept.head.acked, acked) }
    this.#documents.set(document, { ...kept, head, rows: [...kept.rows, ...rows] })
    return head
  }

  async rewrite(
    document: string,
    make: (stored: ReadDocument | undefined) => StoredDocument | undefined,
  ): Promise<void> {
    const next = make(this.#read(document))
    if (next) this.#documents.set(document, { ...next, aside: this.#documents.get(document)?.aside ?? [] })
  }

  async quarantine(document: string, isBad: (row: StoredRow) => boolean): Promise<void> {
    const kept = this.#documents.get(document)
    if (!kept) return
    const aside = kept.rows.filter(isBad)
    const rows = kept.rows.filter(row => !aside.includes(row))
    this.#documents.set(document, { ...kept, rows, aside: [...kept.aside, ...aside] })
  }

  async forget(document: string): Promise<boolean> {
    const kept = this.#documents.get(document)
    if (!kept || !isAllAtHub(kept)) return false
    return this.#documents.delete(document)
  }

  async heads(): Promise<Map<string, StoredHead>> {
    return new Map([...this.#documents].map(([document, { head }]) => [document, head]))
  }
}
