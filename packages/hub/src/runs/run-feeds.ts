/**
 * Tells the viewers of a run that its log has grown, and with what, where this hub has just made it durable. Who cannot
 * take it at once, or missed some, reads the log instead, so that everybody sees each event once.
 */
import type { OrgId, RunId } from '@meshbook/core/ids.ts'

/** Events that are durable, as they stand in the log. */
export interface Grown {
  first: number
  texts: readonly string[]
  /** The last one ends the run. */
  ended: boolean
}

export type FeedListener = (grown: Grown | undefined) => void

export class RunFeeds {
  readonly #viewers = new Map<string, Set<FeedListener>>()

  grew(org: OrgId, run: RunId, grown?: Grown): void {
    for (const tell of this.#viewers.get(`${org} ${run}`) ?? []) tell(grown)
  }

  /** Every viewer looks at its log again, since others may write to it. */
  lookAgain(): void {
    for (const viewers of this.#viewers.values()) for (const tell of viewers) tell(undefined)
  }

  watch(org: OrgId, run: RunId, tell: FeedListener): () => void {
    const key = `${org} ${run}`
    const viewers = this.#viewers.get(key) ?? new Set()
    this.#viewers.set(key, viewers)
    viewers.add(tell)
    return () => {
      viewers.delete(tell)
      if (viewers.size === 0 && this.#viewers.get(key) === viewers) this.#viewers.delete(key)
    }
  }
}
