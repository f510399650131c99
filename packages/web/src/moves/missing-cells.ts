/** Which runs of a session are not in a saved state (SW2, SW3). Pure. */
import { hasEnded } from '@meshbook/core/run.ts'
import type { AsOf } from '@meshbook/core/snapshot.ts'
import type { RunInfo } from '../state/known.ts'

type Facts = Pick<RunInfo, 'id' | 'status' | 'startedAt' | 'endedAt' | 'againOf'>

/** Oldest first; `until`: only what had begun by then, for a session that was restored at that time. */
export function missingRuns<R extends Facts>(runs: readonly R[], asOf: AsOf, until = Number.POSITIVE_INFINITY): R[] {
  const begun = runs.filter(run => run.startedAt !== null).sort((a, b) => a.startedAt! - b.startedAt!)
  const at = asOf.run === null ? -1 : begun.findIndex(({ id }) => id === asOf.run)
  const after = at >= 0 ? begun.slice(at + 1) : begun.filter(({ endedAt }) => endedAt === null || endedAt > asOf.at)
  const missing = after.filter(run => hasEnded(run.status) && run.startedAt! < until)
  const repeated = repeatsOf(runs)
  return missing.filter(({ id }) => !repeated.has(id))
}

/** What was asked for again and was not taken back. */
function repeatsOf(runs: readonly Facts[]): ReadonlySet<string | null> {
  return new Set(runs.filter(({ status }) => status !== 'cancelled').map(({ againOf }) => againOf))
}

/** A cell's name: the first line of it that says something. */
export function firstLine(code: string | undefined): string | undefined {
  const line = code?.split('\n').find(one => one.trim() !== '' && !one.trimStart().startsWith('#|'))
  return line === undefined ? undefined : line.trim().slice(0, 120)
}
