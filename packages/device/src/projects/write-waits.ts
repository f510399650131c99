/**
 * How long a change of a document waits for its file. A file is written, compared and stored whole, so what that costs
 * grows with its length; the pauses grow as much, and typing in a large notebook has the machine to itself (DV129). Pure.
 */
import type { Limits } from '@meshbook/core/limits.ts'
import type { Waits } from './debounce.ts'

const million = 1_000_000

export function writeWaits(chars: number, limits: Limits): Waits {
  const { fileDebounceMs, fileMaxWaitMs, fileQuietPerMillionMs, fileWaitPerMillionMs } = limits
  return {
    quietMs: Math.round(fileDebounceMs + (chars / million) * fileQuietPerMillionMs),
    longestMs: Math.round(fileMaxWaitMs + (chars / million) * fileWaitPerMillionMs),
  }
}
