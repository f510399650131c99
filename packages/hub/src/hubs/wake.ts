/**
 * The port by which hubs on one database wake each other. A hint and nothing more: it may be lost, doubled or late, since
 * every hub also looks by itself (CH1). With it: hubs of one process.
 */
import type { OrgId, RunId } from '@meshbook/core/ids.ts'

export type Hint =
  /** The news in the store went on. */
  | { type: 'news' }
  /** The log of a run grew; that alone is no news in the store. */
  | { type: 'grew'; org: OrgId; run: RunId }

export interface Wake {
  /** Never waits, never throws, promises nothing. */
  tell(hint: Hint): void
  listen(onHint: (hint: Hint) => void): void
  close(): Promise<void>
}

/** Where there is nothing to wake by: news is found by looking alone. */
export const noWake: Wake = { tell: () => undefined, listen: () => undefined, close: async () => undefined }

/** Where hubs of one process meet. */
export class WakeExchange {
  readonly #listeners = new Map<Wake, (hint: Hint) => void>()

  connect(): Wake {
    const wake: Wake = {
      tell: hint => setImmediate(() => this.#pass(wake, hint)),
      listen: onHint => void this.#listeners.set(wake, onHint),
      close: async () => void this.#listeners.delete(wake),
    }
    return wake
  }

  #pass(from: Wake, hint: Hint): void {
    for (const [wake, onHint] of this.#listeners) if (wake !== from) onHint(hint)
  }
}
