/**
 * Documents in IndexedDB. All keys are in one object store, so that rows and the position that they lead to are written
 * in one transaction. It must not know what is in an update.
 */
import { promisifyRequest } from 'idb-keyval'
import { joined } from './edit-vector.ts'
import type {
  Appended,
  DocumentDatabase,
  OldDocument,
  ReadDocument,
  StoredDocument,
  StoredHead,
  StoredRow,
} from './link-ports.ts'
import { isAllAtHub } from './stored-head.ts'

const headKey = (document: string) => ['head', document]
const oldKey = (document: string) => ['old', document]
const within = (kind: string, document: string) => IDBKeyRange.bound([kind, document], [kind, document, []])

export class IndexedDatabase implements DocumentDatabase {
  readonly lasting = true
  readonly #factory: IDBFactory
  readonly #newKey: () => string
  readonly #name: string
  #opening: Promise<IDBDatabase> | undefined

  /** `newKey` makes names that no other tab makes. */
  constructor(factory: IDBFactory, newKey: () => string, name = 'meshbook-sync') {
    this.#factory = factory
    this.#newKey = newKey
    this.#name = name
  }

  async append(document: string, epoch: number, { rows, acked }: Appended): Promise<StoredHead | undefined> {
    return await this.#write(async store => {
      const known: unknown = await promisifyRequest(store.get(headKey(document)))
      const head = isHead(known) ? known : { epoch, made: {}, acked: {}, carried: 0 }
      if (head.epoch !== epoch) return undefined
      const made = rows.reduce((all, row) => joined(all, row.edits), head.made)
      const next = { ...head, made, acked: joined(head.acked, acked) }
      store.put(next, headKey(document))
      this.#putRows(store, document, rows)
      return next
    })
  }

  async read(document: string): Promise<ReadDocument | undefined> {
    const store = (await this.#open()).transaction('documents', 'readonly').objectStore('documents')
    const { found, bad } = await this.#take(store, document)
    if (bad.length > 0) await this.#putAside(bad)
    return found
  }

  async rewrite(
    document: string,
    make: (stored: ReadDocument | undefined) => StoredDocument | undefined,
  ): Promise<void> {
    await this.#write(async store => {
      const { found, bad } = await this.#take(store, document)
      const next = make(found)
      if (!next) return
      for (const { key, value } of bad) putAside(store, key, value)
      store.delete(within('row', document))
      store.put(next.head, headKey(document))
      this.#putRows(store, document, next.rows)
      if (next.old.length > 0) store.put(next.old, oldKey(document))
      else store.delete(oldKey(document))
    })
  }

  async quarantine(document: string, isBad: (row: StoredRow) => boolean): Promise<void> {
    await this.#write(async store => {
      const range = within('row', document)
      const [keys, values] = await Promise.all([
        promisifyRequest(store.getAllKeys(range)),
        promisifyRequest<unknown[]>(store.getAll(range)),
      ])
      for (const [at, value] of values.entries())
        if (!isRow(value) || isBad(value)) putAside(store, keys[at] as IDBValidKey[], value)
    })
  }

  async forget(document: string): Promise<boolean> {
    return await this.#write(async store => {
      const { found, bad } = await this.#take(store, document)
      if (!found || bad.length > 0 || found.unreadable > 0 || !isAllAtHub(found)) return false
      store.delete(within('row', document))
      store.delete(headKey(document))
      return true
    })
  }

  async heads(): Promise<Map<string, StoredHead>> {
    const store = (await this.#open()).transaction('documents', 'readonly').objectStore('documents')
    const range = IDBKeyRange.bound(['head'], ['head', []])
    const [keys, values] = await Promise.all([
      promisifyRequest(store.getAllKeys(range)),
      promisifyRequest<unknown[]>(store.getAll(range)),
    ])
    const heads = new Map<string, StoredHead>()
    for (const [at, value] of values.entries())
      if (isHead(value)) heads.set(String((keys[at] as IDBValidKey[])[1]), value)
    return heads
  }

  #putRows(store: IDBObjectStore, document: string, rows: readonly StoredRow[]): void {
    for (const row of rows) store.put(row, ['row', document, this.#newKey()])
  }

  async #take(store: IDBObjectStore, document: string): Promise<{ found: ReadDocument | undefined; bad: BadRow[] }> {
    const range = within('row', document)
    const [head, old, keys, values, aside] = await Promise.all([
      promisifyRequest<unknown>(store.get(headKey(document))),
      promisifyRequest<unknown>(store.get(oldKey(document))),
      promisifyRequest(store.getAllKeys(range)),
      promisifyRequest<unknown[]>(store.getAll(range)),
      promisifyRequest(store.count(within('bad', document))),
    ])
    const rows = values.filter(isRow)
    const bad = values.flatMap((value, at) => (isRow(value) ? [] : [{ key: keys[at] as IDBValidKey[], value }]))
    if (!isHead(head)) return { found: undefined, bad }
    const read = { head, rows, old: Array.isArray(old) ? old.filter(isOld) : [], unreadable: aside + bad.length }
    return { found: read, bad }
  }

  async #putAside(bad: readonly BadRow[]): Promise<void> {
    await this.#write(async store => {
      for (const { key, value } of bad) putAside(store, key, value)
    })
  }

  async #write<T>(work: (store: IDBObjectStore) => Promise<T>): Promise<T> {
    const transaction = (await this.#open()).transaction('documents', 'readwrite', { durability: 'strict' })
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error ?? new DOMException('aborted', 'AbortError'))
    })
    try {
      const [result] = await Promise.all([work(transaction.objectStore('documents')), done])
      return result
    } catch (thrown) {
      abort(transaction)
      throw thrown
    }
  }

  #open(): Promise<IDBDatabase> {
    this.#opening ??= this.#request().catch(thrown => {
      this.#opening = undefined
      throw thrown
    })
    return this.#opening
  }

  async #request(): Promise<IDBDatabase> {
    const request = this.#factory.open(this.#name, 1)
    request.onupgradeneeded = () => request.result.createObjectStore('documents')
    const database = await promisifyRequest(request)
    // The browser closes it when it clears or evicts the storage; a newer version of the app waits for it to close.
    database.onclose = () => {
      this.#opening = undefined
    }
    database.onversionchange = () => {
      this.#opening = undefined
      database.close()
    }
    return database
  }
}

interface BadRow {
  key: IDBValidKey[]
  value: unknown
}

function putAside(store: IDBObjectStore, key: IDBValidKey[], value: unknown): void {
  store.put(value, ['bad', ...key.slice(1)])
  store.delete(key)
}

function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort()
  } catch (thrown) {
    // It has ended by itself, which is what failed.
    if (!(thrown instanceof DOMException && thrown.name === 'InvalidStateError')) throw thrown
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

function isRow(value: unknown): value is StoredRow {
  return isObject(value) && value.update instanceof Uint8Array && isObject(value.edits)
}

function isHead(value: unknown): value is StoredHead {
  return isObject(value) && typeof value.epoch === 'number' && isObject(value.made) && isObject(value.acked)
}

function isOld(value: unknown): value is OldDocument {
  return isObject(value) && typeof value.epoch === 'number' && Array.isArray(value.rows)
}
