/** A database that tells when something of it has been written, and when there was no room for it. */

import type { Appended, DocumentDatabase, ReadDocument, StoredDocument, StoredHead, StoredRow } from './link-ports.ts'
import { isNoRoom } from './no-room.ts'

export class WatchedDatabase implements DocumentDatabase {
  readonly #database: DocumentDatabase
  readonly #onWritten: () => void
  readonly #onFull: () => void

  constructor(database: DocumentDatabase, onWritten: () => void, onFull: () => void) {
    this.#database = database
    this.#onWritten = onWritten
    this.#onFull = onFull
  }

  get lasting(): boolean {
    return this.#database.lasting
  }

  read(document: string): Promise<ReadDocument | undefined> {
    return this.#database.read(document)
  }

  heads(): Promise<Map<string, StoredHead>> {
    return this.#database.heads()
  }

  async forget(document: string): Promise<boolean> {
    const forgot = await this.#database.forget(document)
    if (forgot) this.#onWritten()
    return forgot
  }

  async append(document: string, epoch: number, change: Appended): Promise<StoredHead | undefined> {
    const head = await this.#told(this.#database.append(document, epoch, change))
    this.#onWritten()
    return head
  }

  async rewrite(
    document: string,
    make: (stored: ReadDocument | undefined) => StoredDocument | undefined,
  ): Promise<void> {
    await this.#told(this.#database.rewrite(document, make))
    this.#onWritten()
  }

  async quarantine(document: string, isBad: (row: StoredRow) => boolean): Promise<void> {
    await this.#database.quarantine(document, isBad)
    this.#onWritten()
  }

  async #told<T>(writing: Promise<T>): Promise<T> {
    try {
      return await writing
    } catch (thrown) {
      if (isNoRoom(thrown)) this.#onFull()
      throw thrown
    }
  }
}
