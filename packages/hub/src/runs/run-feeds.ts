/** Wakes the viewers of a run when its log has grown. It carries no events: viewers read the durable log, so that they see each event once. */
import type { OrgId, RunId } from '@meshbook/core/ids.ts'

export class RunFeeds {
  readonly #viewers = new Map<string, Set<() => void>>()

  grew(org: OrgId, run: RunId): void {
    for (const wake of this.#viewers.get(`${org} ${run}`) ?? []) wake()
  }

  /** Every viewer looks at its log again, since others may write to it. */
  lookAgain(): void {
    for (const viewers of this.#viewers.values()) for (const wake of viewers) wake()
  }

  watch(org: OrgId, run: RunId, wake: () => void): () => void {
    const key = `${org} ${run}`
    const viewers = this.#viewers.get(key) ?? new Set()
    this.#viewers.set(key, viewers)
    viewers.add(wake)
    return () => {
      viewers.delete(wake)
      if (viewers.size === 0 && this.#viewers.get(key) === viewers) this.#viewers.delete(key)
    }
  }
}
