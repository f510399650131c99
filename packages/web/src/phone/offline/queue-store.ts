/**
 * Where what is queued on this phone is kept: in IndexedDB, in the order in which it was asked for, shared by all tabs and
 * the worker. Every change is one transaction that is on disk when it resolves, so of two who change one the second sees
 * the first.
 */
import { promisifyRequest } from 'idb-keyval'

interface Queued {
  /** The store gives it. */
  order: number
  id: string
}

/** What becomes of one: another state of it, nothing (`drop`), or what it is (undefined). */
export type Change<T> = (one: T) => T | 'drop' | undefined

export interface QueuePlace<T> {
  database: string
  objects: string
  /** Whether what was stored, perhaps by another version, is one. */
  is(value: unknown): value is T
}

export class QueueStore<T extends Queued> {
  readonly #factory: IDBFactory
  readonly #place: QueuePlace<T>
  #opening: Promise<IDBDatabase> | undefined

  constructor(factory: IDBFactory, place: QueuePlace<T>) {
    this.#factory = factory
    this.#place = place
  }

  /** In order. */
  async all(): Promise<T[]> {
    const { objects, is } = this.#place
    const store = (await this.#open()).transaction(objects, 'readonly').objectStore(objects)
    return (await promisifyRequest<unknown[]>(store.getAll())).filter(is)
  }

  /** Resolves when it is stored. */
  async add(one: Omit<T, 'order'>): Promise<T> {
    return await this.#write(async store => {
      const order = (await lastOrder(store)) + 1
      const next = { ...one, order } as T
      await promisifyRequest(store.add(next))
      return next
    })
  }

  /** As it is then; undefined if it is not there, was dropped, or stays as it was. */
  async change(id: string, make: Change<T>): Promise<T | undefined> {
    return await this.#write(async store => {
      const found = (await promisifyRequest<unknown[]>(store.getAll()))
        .filter(this.#place.is)
        .find(one => one.id === id)
      const next = found && make(found)
      if (!found || next === undefined || next === found) return undefined
      if (next === 'drop') {
        store.delete(found.order)
        return undefined
      }
      store.put({ ...next, order: found.order })
      return { ...next, order: found.order }
    })
  }

  async #write<R>(work: (store: IDBObjectStore) => Promise<R>): Promise<R> {
    const { objects } = this.#place
    const transaction = (await this.#open()).transaction(objects, 'readwrite', { durability: 'strict' })
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error ?? new DOMException('aborted', 'AbortError'))
    })
    const [result] = await Promise.all([work(transaction.objectStore(objects)), done])
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
    const request = this.#factory.open(this.#place.database, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(this.#place.objects, { keyPath: 'order' })
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

async function lastOrder(store: IDBObjectStore): Promise<number> {
  const cursor = await promisifyRequest(store.openKeyCursor(null, 'prev'))
  return typeof cursor?.key === 'number' ? cursor.key : 0
}
