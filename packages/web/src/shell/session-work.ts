/** What a session does and what waits for it, as far as this page knows. */
import { hasEnded } from '@meshbook/core/run.ts'
import { type RunInfo, runs } from '../state/mesh.ts'

export interface SessionWork {
  /** What it executes now. */
  current: RunInfo | undefined
  waiting: number
  /** The newest run of it that is known. */
  newest: RunInfo | undefined
}

export function workOf(session: string, known: Iterable<RunInfo> = runs.value.values()): SessionWork {
  const own = [...known].filter(run => run.session === session).sort((a, b) => b.requestedAt - a.requestedAt)
  const live = own.filter(run => !hasEnded(run.status))
  return {
    current: live.find(run => run.status !== 'queued'),
    waiting: live.filter(run => run.status === 'queued').length,
    newest: own[0],
  }
}
