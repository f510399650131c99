/**
 * Where what was shared waits: in IndexedDB, for the worker that takes it and the pages that place it. Every change is one
 * transaction that is on disk when it resolves.
 */
import { promisifyRequest } from 'idb-keyval'
import type { Shared } from './shared.ts'

const name = 'meshbook-shared'
const table = 'shared'

/** Another state of it, nothing (`drop`), or what it is (undefined). */
export type Change = (shared: Shared) => Shared | 'drop' | undefined

export class SharedStore {
  readonly #factory: IDBFactory
  #opening: Promise<IDBDatabase> | undefined

  constructor(factory: IDBFactory) {
    this.#factory = factory
  }

  /** Oldest first. */
  async all(): Promise<Shared[]> {
    const store = (await this.#open()).transaction(table, 'readonly').objectStore(table)
    const found = (await promisifyRequest<unknown[]>(store.getAll())).filter(isShared)
    return found.sort((a, b) => a.at - b.at)
  }

  async find(id: string): Promise<Shared | undefined> {
    const store = (await this.#open()).transaction(table, 'readonly').objectStore(table)
    const found = await promisifyRequest<unknown>(store.get(id))
    return isShared(found) ? found : undefined
  }

  /** Of those that nobody has placed, only the newest stay: any page of the web can send some (PH65). */
  async add(shared: Shared, mostOpen: number): Promise<void> {
    await this.#write(async store => {
      await promisifyRequest(store.add(shared))
      const open = (await promisifyRequest<unknown[]>(store.getAll())).filter(isShared).filter(({ goal }) => !goal)
      const old = open.sort((a, b) => b.at - a.at).slice(mostOpen)
      for (const { id } of old) store.delete(id)
    })
  }

  /** As it is then; undefined if it is not there, was dropped, or stays as it was. */
  async change(id: string, make: Change): Promise<Shared | undefined> {
    return await this.#write(async store => {
      const found = await promisifyRequest<unknown>(store.get(id))
      const next = isShared(found) ? make(found) : undefined
      if (next === 'drop') store.delete(id)
      if (next === undefined || next === 'drop') return undefined
      store.put(next)
      return next
    })
  }

  async #write<T>(work: (store: IDBObjectStore) => Promise<T>): Promise<T> {
    const transaction = (await this.#open()).transaction(table, 'readwrite', { durability: 'strict' })
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error ?? new DOMException('aborted', 'AbortError'))
    })
    const [result] = await Promise.all([work(transaction.objectStore(table)), done])
    return result
  }

  #open(): Promise<IDBDatabase> {
    this.#opening ??= this.#request().catch(thrown => {
      this.#opening = undefined
      throw thrown
    })
    return this.#opening
  }

  async #request(): Promise<IDBDatabase> {
    const request = this.#factory.open(name, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(table, { keyPath: 'id' })
    const database = await promisifyRequest(request)
    const forget = () => {
      this.#opening = undefined
    }
    database.onclose = forget
    database.onversionchange = () => {
      forget()
      database.close()
    }
    return database
  }
}

function isShared(value: unknown): value is Shared {
  if (typeof value !== 'object' || value === null) return false
  const { id, title, text, url, at, files } = value as Partial<Shared>
  return (
    [id, title, text, url].every(part => typeof part === 'string') && typeof at === 'number' && Array.isArray(files)
  )
}
