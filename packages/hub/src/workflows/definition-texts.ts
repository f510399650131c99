/** Texts of definitions by their hashes: what is known of one run is that of every other with the same hash. */
import type { OrgId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { HubStore } from '../store/hub-store.ts'

export class DefinitionTexts {
  readonly #store: HubStore
  /** The one that was asked for last at the end. */
  readonly #known = new Map<string, string>()

  constructor(store: HubStore) {
    this.#store = store
  }

  /** Of a run of this org, which names the hashes; one that the store does not have is absent. */
  async of(org: OrgId, hashes: readonly string[]): Promise<Map<string, string>> {
    const unknown = hashes.filter(hash => !this.#known.has(hash))
    const read = unknown.length > 0 ? await this.#store.query('workflowDefinitions', { org, hashes: unknown }) : []
    const found = new Map(read)
    for (const hash of hashes) {
      const text = found.get(hash) ?? this.#known.get(hash)
      if (text === undefined) continue
      found.set(hash, text)
      this.#keep(hash, text)
    }
    return found
  }

  #keep(hash: string, text: string): void {
    this.#known.delete(hash)
    this.#known.set(hash, text)
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= limits.parsedWorkflowTexts) break
      this.#known.delete(oldest)
    }
  }
}
