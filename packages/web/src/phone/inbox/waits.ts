/** What waits, of all that is known: for a decision, an answer, a "still want this?", or for a device (PH40). Pure. */
import type { Gate } from '@meshbook/core/api.ts'
import { isAskedAbout, isHeld } from '../../shell/run-words.ts'
import type { RunInfo } from '../../state/known.ts'

export type Wait =
  | { is: 'gate'; id: string; at: number; gate: Gate }
  | { is: 'input' | 'wanted' | 'held'; id: string; at: number; run: RunInfo }

/** Newest first; `user` decides which gates wait for them. */
export function waitsOf(runs: Iterable<RunInfo>, gates: Iterable<Gate>, user: string): Wait[] {
  const found: Wait[] = []
  for (const gate of gates)
    if (gate.state === 'open' && (gate.deciders === null || gate.deciders.includes(user)))
      found.push({ is: 'gate', id: gate.id, at: gate.openedAt, gate })
  for (const run of runs) {
    const is = waitOf(run)
    if (is) found.push({ is, id: run.id, at: run.requestedAt, run })
  }
  return found.sort((a, b) => b.at - a.at)
}

function waitOf(run: RunInfo): 'input' | 'wanted' | 'held' | undefined {
  if (run.status === 'waiting-for-input') return 'input'
  if (isAskedAbout(run)) return 'wanted'
  // One that stands behind another in its session waits for its turn, which comes by itself.
  return isHeld(run) && run.device === null && !run.position ? 'held' : undefined
}
