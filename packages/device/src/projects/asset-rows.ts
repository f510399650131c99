/** What is known of each shared file of a folder: in memory as in the store. */
import type { DocumentId } from '@meshbook/core/ids.ts'
import type { AssetFileRow } from '../store/asset-files.ts'
import type { AssetFileStore } from './asset-file-ports.ts'

export class AssetRows {
  readonly #store: AssetFileStore
  readonly #rows = new Map<DocumentId, AssetFileRow>()
  /** Those whose file is here. */
  readonly #byPath = new Map<string, Map<DocumentId, AssetFileRow>>()

  constructor(store: AssetFileStore) {
    this.#store = store
  }

  async load(): Promise<void> {
    for (const row of await this.#store.list()) this.#put(row)
  }

  get(id: DocumentId): AssetFileRow | undefined {
    return this.#rows.get(id)
  }

  all(): AssetFileRow[] {
    return [...this.#rows.values()]
  }

  /** Whose file is here. */
  at(path: string): AssetFileRow | undefined {
    return this.#byPath.get(path)?.values().next().value
  }

  /** Whether the file is also that of another entry. */
  isShared(row: AssetFileRow): boolean {
    return (this.#byPath.get(row.path)?.size ?? 0) > 1
  }

  async save(row: AssetFileRow): Promise<void> {
    await this.#store.save(row)
    this.#drop(row.id)
    this.#put(row)
  }

  async remove(id: DocumentId): Promise<void> {
    await this.#store.remove(id)
    this.#drop(id)
  }

  #put(row: AssetFileRow): void {
    this.#rows.set(row.id, row)
    if (row.asset === null) return
    const there = this.#byPath.get(row.path) ?? new Map()
    this.#byPath.set(row.path, there.set(row.id, row))
  }

  #drop(id: DocumentId): void {
    const row = this.#rows.get(id)
    if (!row) return
    this.#rows.delete(id)
    const there = this.#byPath.get(row.path)
    there?.delete(id)
    if (there?.size === 0) this.#byPath.delete(row.path)
  }
}
