/**
 * Where queued runs are kept: in IndexedDB, in the order in which they were asked for, shared by all tabs and the worker.
 * Every change is one transaction that is on disk when it resolves, so of two who change one run the second sees the first.
 */
import { promisifyRequest } from 'idb-keyval'
import type { QueuedRun } from './queued-run.ts'

const name = 'meshbook-outbox'
const runs = 'runs'

/** What becomes of a run: another state of it, nothing (`drop`), or what it is (undefined). */
export type Change = (run: QueuedRun) => QueuedRun | 'drop' | undefined

export class OutboxStore {
  readonly #factory: IDBFactory
  #opening: Promise<IDBDatabase> | undefined

  constructor(factory: IDBFactory) {
    this.#factory = factory
  }

  /** In order. */
  async all(): Promise<QueuedRun[]> {
    const store = (await this.#open()).transaction(runs, 'readonly').objectStore(runs)
    return (await promisifyRequest<unknown[]>(store.getAll())).filter(isQueued)
  }

  /** Resolves when it is stored. */
  async add(run: Omit<QueuedRun, 'order'>): Promise<QueuedRun> {
    return await this.#write(async store => {
      const order = (await lastOrder(store)) + 1
      const next = { ...run, order }
      await promisifyRequest(store.add(next))
      return next
    })
  }

  /** The run as it is then; undefined if it is not there, was dropped, or stays as it was. */
  async change(id: string, make: Change): Promise<QueuedRun | undefined> {
    return await this.#write(async store => {
      const found = (await promisifyRequest<unknown[]>(store.getAll())).filter(isQueued).find(run => run.id === id)
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

  async #write<T>(work: (store: IDBObjectStore) => Promise<T>): Promise<T> {
    const transaction = (await this.#open()).transaction(runs, 'readwrite', { durability: 'strict' })
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error ?? new DOMException('aborted', 'AbortError'))
    })
    const [result] = await Promise.all([work(transaction.objectStore(runs)), done])
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
    request.onupgradeneeded = () => request.result.createObjectStore(runs, { keyPath: 'order' })
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

function isQueued(value: unknown): value is QueuedRun {
  if (typeof value !== 'object' || value === null) return false
  const { id, code, codeHash, order, state } = value as Partial<QueuedRun>
  const texts = [id, code, codeHash].every(text => typeof text === 'string')
  return texts && typeof order === 'number' && typeof state?.is === 'string'
}
