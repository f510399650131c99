/** Runs a collection again and again until it is stopped; one that fails is told and comes again. */

import { setTimeout as sleep } from 'node:timers/promises'
import { asMeshError } from '@meshbook/core/errors.ts'

/** The first one comes soon after the start: a hub that is restarted every day must collect too. */
const firstPart = 12

/** Returns what stops it; a collection that runs then is not waited for. */
export function collectRegularly(
  everyMs: number,
  collect: () => Promise<unknown>,
  log: { warn(detail: object, message: string): void },
): () => void {
  const stop = new AbortController()
  const { signal } = stop
  const run = async (): Promise<void> => {
    for (let waitMs = everyMs / firstPart; ; waitMs = everyMs) {
      await sleep(waitMs, undefined, { ref: false, signal }).catch(() => undefined)
      if (signal.aborted) return
      await collect().catch((thrown: unknown) => {
        if (!signal.aborted) log.warn({ err: asMeshError(thrown) }, 'a collection failed')
      })
    }
  }
  void run()
  return () => stop.abort()
}
