/** The IndexedDB of a browser: it outlives the pages that use it, and a page that dies in a transaction leaves none of it. */
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb'

interface RawTransaction {
  _state: string
  _abort(error: string | null): void
}
interface RawDatabase {
  transactions: RawTransaction[]
  connections: unknown[]
}
interface Raw {
  _databases: Map<string, RawDatabase>
}

Object.assign(globalThis, { IDBKeyRange })

export class BrowserStorage {
  factory = new IDBFactory()

  /** The page is gone: what its transactions did and had not committed is taken back, and nothing waits for them. */
  pageDied(): void {
    const old = this.factory as unknown as Raw
    const fresh = new IDBFactory()
    for (const [name, database] of old._databases) {
      for (const transaction of database.transactions) if (transaction._state !== 'finished') transaction._abort(null)
      database.transactions = []
      database.connections = []
      ;(fresh as unknown as Raw)._databases.set(name, database)
    }
    this.factory = fresh
  }

  /** The user clears the browser's data, or the browser evicts it. */
  clear(): void {
    this.factory = new IDBFactory()
  }
}
