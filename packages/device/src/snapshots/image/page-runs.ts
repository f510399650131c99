/** How the pages of two captures, or of a part and a file, lie to each other. Pure. */
import type { PageRun } from './criu-images.ts'

export interface Segment {
  start: number
  count: number
  /** Number of its first page in the file of each; undefined where there was none. */
  at: number
  before: number | undefined
}

/** The runs of now, cut where those of before begin and end. Both are in order. */
export function* segmentsOf(runs: readonly PageRun[], before: readonly PageRun[]): Generator<Segment> {
  let next = 0
  for (const run of runs) {
    const end = run.start + run.count
    let start = run.start
    while (start < end) {
      while (next < before.length && before[next]!.start + before[next]!.count <= start) next++
      const old = before[next]
      const isIn = old !== undefined && old.start <= start
      const stop = old === undefined ? end : Math.min(end, isIn ? old.start + old.count : old.start)
      yield {
        start,
        count: stop - start,
        at: run.at + start - run.start,
        before: isIn ? old.at + start - old.start : undefined,
      }
      start = stop
    }
  }
}

/** Where pages from `start` on lie, piece by piece; those that are in no run are left out. */
export function* placesOf(
  runs: readonly PageRun[],
  start: number,
  count: number,
): Generator<{ at: number; skip: number; count: number }> {
  const end = start + count
  for (let index = firstEndingBehind(runs, start); index < runs.length && runs[index]!.start < end; index++) {
    const run = runs[index]!
    const from = Math.max(start, run.start)
    const to = Math.min(end, run.start + run.count)
    yield { at: run.at + from - run.start, skip: from - start, count: to - from }
  }
}

function firstEndingBehind(runs: readonly PageRun[], page: number): number {
  let low = 0
  let high = runs.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (runs[middle]!.start + runs[middle]!.count <= page) low = middle + 1
    else high = middle
  }
  return low
}

/** Puts every page of now where it was before, and new ones where others were, or at the end. */
export function placed(segments: readonly Segment[], before: readonly PageRun[]): PageRun[] {
  const kept = segments.filter(({ before: at }) => at !== undefined)
  const free = freeOf(kept, before)
  const runs: PageRun[] = []
  for (const { start, count, before: at } of segments) {
    if (at !== undefined) push(runs, { start, count, at })
    else for (let done = 0; done < count; ) done += take(runs, free, start + done, count - done)
  }
  return runs
}

interface Space {
  at: number
  count: number
}

function take(runs: PageRun[], free: Space[], start: number, wanted: number): number {
  const space = free.at(-1)!
  const count = Math.min(wanted, space.count)
  push(runs, { start, count, at: space.at })
  space.at += count
  space.count -= count
  if (space.count === 0) free.pop()
  return count
}

function push(runs: PageRun[], run: PageRun): void {
  const last = runs.at(-1)
  if (last && last.start + last.count === run.start && last.at + last.count === run.at) last.count += run.count
  else runs.push(run)
}

/** What is not kept, smallest numbers last, before them all that lies behind the end. */
function freeOf(kept: readonly Segment[], before: readonly PageRun[]): Space[] {
  const end = before.reduce((most, { at, count }) => Math.max(most, at + count), 0)
  const used = kept.map(({ before: at, count }) => ({ at: at!, count })).sort((a, b) => a.at - b.at)
  const free: Space[] = []
  let from = 0
  for (const { at, count } of [...used, { at: end, count: 0 }]) {
    if (at > from) free.push({ at: from, count: at - from })
    from = at + count
  }
  return [{ at: end, count: Number.MAX_SAFE_INTEGER - end }, ...free.reverse()]
}
