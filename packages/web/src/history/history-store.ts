/** The versions of one open document as the page knows them. Everything comes from the hub; nothing is kept when it is away. */
import type { Version } from '@meshbook/core/api.ts'
import { batch, type Signal, signal } from '@preact/signals'
import { type ApiError, asApiError } from '../api/api-error.ts'
import type { api } from '../api/client.ts'

export type HistoryApi = Pick<typeof api, 'versions' | 'versionText' | 'recordVersion' | 'restoreVersion' | 'turnBack'>
export type Against = 'before' | 'now'

const textsKept = 50

export class HistoryStore {
  readonly document: string
  readonly api: HistoryApi
  /** Newest first; undefined until they are there. */
  readonly versions: Signal<readonly Version[] | undefined> = signal(undefined)
  readonly problem: Signal<ApiError | undefined> = signal(undefined)
  /** There are older ones that are not loaded. */
  readonly more: Signal<boolean> = signal(false)
  readonly selected: Signal<number | undefined> = signal(undefined)
  readonly against: Signal<Against> = signal('before')
  readonly #texts = new Map<number, string>()
  #cursor: string | undefined

  constructor(document: string, hub: HistoryApi) {
    this.document = document
    this.api = hub
  }

  /** Records what is new on the hub and loads the newest versions. A reader only loads. */
  async refresh(): Promise<void> {
    try {
      await this.api.recordVersion(this.document)
    } catch (thrown) {
      if (asApiError(thrown).code !== 'FORBIDDEN') return this.#failed(thrown)
    }
    await this.load()
  }

  async load(): Promise<void> {
    try {
      const { items, next } = await this.api.versions(this.document)
      batch(() => {
        this.#cursor = next
        this.versions.value = items
        this.more.value = next !== undefined
        this.problem.value = undefined
      })
    } catch (thrown) {
      this.#failed(thrown)
    }
  }

  async loadMore(): Promise<void> {
    if (this.#cursor === undefined) return
    try {
      const { items, next } = await this.api.versions(this.document, this.#cursor)
      this.#cursor = next
      this.versions.value = [...(this.versions.value ?? []), ...items]
      this.more.value = next !== undefined
    } catch (thrown) {
      this.#failed(thrown)
    }
  }

  find(version: number | undefined): Version | undefined {
    return this.versions.value?.find(one => one.version === version)
  }

  /** The version that stands before one; undefined for the first. */
  async before(version: number): Promise<Version | undefined> {
    for (;;) {
      const older = this.versions.peek()?.find(one => one.version < version)
      if (older || !this.more.peek() || this.problem.peek()) return older
      await this.loadMore()
    }
  }

  async text(version: number): Promise<string> {
    const known = this.#texts.get(version)
    if (known !== undefined) return known
    const text = await this.api.versionText(this.document, version)
    this.#texts.set(version, text)
    const [oldest] = this.#texts.keys()
    if (this.#texts.size > textsKept) this.#texts.delete(oldest!)
    return text
  }

  #failed(thrown: unknown): void {
    this.problem.value = asApiError(thrown)
  }
}
