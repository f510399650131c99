/** Which logs a device without a hub can do without, so that new ones have room (DV125). Pure. */
import type { Limits } from '@meshbook/core/limits.ts'
import type { LocalRun } from '../store/local-runs.ts'

interface Kept {
  readonly record: Pick<LocalRun, 'bytes' | 'head'>
}

/** The rest of a journal is for what runs, and for what the document does not show yet. */
const shareOfJournal = 0.5

/** Of ended runs, oldest first: all but the newest ones that fit. The newest of a session always stays. */
export function spareRuns<R extends Kept>(ended: readonly R[], limits: Limits): R[] {
  const used = new Map<string, number>()
  const spare: R[] = []
  for (const [age, run] of [...ended].reverse().entries()) {
    const { head, bytes = 0 } = run.record
    const journal = head?.kernel ?? ''
    const before = used.get(journal) ?? 0
    used.set(journal, before + bytes)
    const fits = before === 0 || before + bytes <= limits.journalBytes * shareOfJournal
    if (age >= limits.localRunRows || !fits) spare.unshift(run)
  }
  return spare
}
