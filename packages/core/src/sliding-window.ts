/**
 * Counting requests in a sliding window: of two fixed windows beside each other, the former one weighs as much as of it
 * still lies within one window's length before now. In no time of length d, up to a window, are more than
 * most * (1 + d / window) let through, and in no fixed window more than `most`. Pure; the clock is a parameter.
 */

/** What was let through in the fixed window `index` and in the one before. */
export interface WindowCounts {
  readonly index: number
  readonly previous: number
  readonly current: number
}

export interface Quota {
  /** Requests in a window. */
  most: number
  windowMs: number
}

/** The counts as they stand at `now`. A clock that is set back a little stands still; one that is set back far begins anew. */
export function countsAt(kept: WindowCounts | undefined, now: number, windowMs: number): WindowCounts {
  const index = Math.floor(now / windowMs)
  if (kept && (index === kept.index || index === kept.index - 1)) return kept
  return { index, previous: kept?.index === index - 1 ? kept.current : 0, current: 0 }
}

/** Whether one more may pass. Whole numbers alone, so that every implementation decides the same. */
export function hasRoom(counts: WindowCounts, now: number, { most, windowMs }: Quota): boolean {
  const weight = windowMs - elapsed(counts, now, windowMs)
  return counts.previous * weight + (counts.current + 1) * windowMs <= most * windowMs
}

export function withOneMore({ index, previous, current }: WindowCounts): WindowCounts {
  return { index, previous, current: current + 1 }
}

/** How many could pass now. */
export function roomLeft(counts: WindowCounts, now: number, { most, windowMs }: Quota): number {
  const weight = windowMs - elapsed(counts, now, windowMs)
  const used = (counts.previous * weight) / windowMs + counts.current
  return Math.max(0, Math.floor(most - used + 1e-9))
}

/** How long until one may pass, if none does meanwhile; 0 where one may pass now. */
export function waitMs(counts: WindowCounts, now: number, quota: Quota): number {
  if (hasRoom(counts, now, quota)) return 0
  const { windowMs } = quota
  const gone = elapsed(counts, now, windowMs)
  const within = roomAfterMs(counts.previous, counts.current, quota)
  if (within <= windowMs) return within - gone
  return windowMs - gone + roomAfterMs(counts.current, 0, quota)
}

/** When all that counts now has gone. */
export function emptyMs({ index, current }: WindowCounts, now: number, windowMs: number): number {
  return Math.max(0, (index + (current > 0 ? 2 : 1)) * windowMs - now)
}

/** So far into a window the former one weighs little enough for one more. */
function roomAfterMs(previous: number, current: number, { most, windowMs }: Quota): number {
  if (current + 1 > most) return Number.POSITIVE_INFINITY
  return previous === 0 ? 0 : Math.max(0, Math.ceil(windowMs - ((most - current - 1) * windowMs) / previous))
}

function elapsed({ index }: WindowCounts, now: number, windowMs: number): number {
  return Math.min(windowMs, Math.max(0, now - index * windowMs))
}
