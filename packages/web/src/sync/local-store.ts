/**
 * Keeps a document's updates in this browser (IndexedDB), so that edits survive a closed tab and a lost network.
 * Updates are appended in order and merged now and then; nothing is deleted before its merger is stored, in one
 * transaction. Says truthfully whether all of it is stored.
 */
import { createStore, promisifyRequest, type UseStore } from 'idb-keyval'
import * as Y from 'yjs'
import type { DocumentKeeper, StoredMeta, StoreState } from './link-ports.ts'
import { clearMeta, readMeta, writeMeta } from './local-meta.ts'

const compactAfter = 200

export class LocalStore implements DocumentKeeper {
  readonly #store: UseStore
  readonly #document: string
  readonly #onState: (state: StoreState) => void
  #queue: Uint8Array[] = []
  #writing: Promise<void> | undefined
  /** Rows of this tab have keys of their own, so that two tabs never overwrite each other's. */
  readonly #tab: string
  #next = 0
  #rows = 0
  #failed = false

  constructor(document: string, tab: string, onState: (state: StoreState) => void) {
    this.#store = createStore('meshbook-documents', 'updates')
    this.#document = document
    this.#tab = tab
    this.#onState = onState
  }

  async load(): Promise<{ update: Uint8Array; meta: StoredMeta } | undefined> {
    const rows = this.#store('readonly', store => promisifyRequest<Uint8Array[]>(store.getAll(this.#range)))
    const [values, meta] = await Promise.all([rows, readMeta(this.#document)])
    this.#rows = values.length
    return values.length > 0 && meta ? { update: Y.mergeUpdates(values), meta } : undefined
  }

  async remember(meta: StoredMeta): Promise<void> {
    await writeMeta(this.#document, meta)
  }

  get #range(): IDBKeyRange {
    return IDBKeyRange.bound([this.#document], [this.#document, []])
  }

  get #freshKey(): IDBValidKey {
    return [this.#document, this.#tab, this.#next++]
  }

  append(update: Uint8Array): void {
    this.#queue.push(update)
    this.#report()
    this.#writing ??= this.#drain()
  }

  async #drain(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        // A copy: what is handed in while it is written must stay in the queue.
        const taken = [...this.#queue]
        await this.#write(taken.length === 1 ? taken[0]! : Y.mergeUpdates(taken))
        this.#queue = this.#queue.slice(taken.length)
        this.#failed = false
        this.#report()
      }
      if (this.#rows > compactAfter) await this.compact()
    } catch {
      // The disk is full or the browser forbids storage: "saved locally" is no longer said.
      this.#failed = true
      this.#report()
    } finally {
      this.#writing = this.#failed || this.#queue.length === 0 ? undefined : this.#drain()
    }
  }

  async #write(update: Uint8Array): Promise<void> {
    await this.#store('readwrite', store => {
      store.put(update, this.#freshKey)
      return promisifyRequest(store.transaction)
    })
    this.#rows++
  }

  /** Another tab may have stored rows meanwhile, so the rows that are merged are exactly the rows that are read here. */
  async compact(): Promise<void> {
    await this.#store('readwrite', store => {
      const request = store.openCursor(this.#range)
      const values: Uint8Array[] = []
      request.onsuccess = () => {
        const cursor = request.result
        if (cursor) {
          values.push(cursor.value as Uint8Array)
          cursor.delete()
          cursor.continue()
        } else if (values.length > 0) store.put(Y.mergeUpdates(values), this.#freshKey)
      }
      return promisifyRequest(store.transaction)
    })
    this.#rows = 1
  }

  async clear(): Promise<void> {
    await this.#store('readwrite', store => {
      store.delete(this.#range)
      return promisifyRequest(store.transaction)
    })
    this.#rows = 0
    await clearMeta(this.#document)
  }

  #report(): void {
    this.#onState({ pending: this.#queue.length, failed: this.#failed })
  }
}
