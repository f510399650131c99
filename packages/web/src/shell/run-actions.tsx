/** What can be done about a run that ended or waits: run it again, or say that it is still wanted. */
import { useState } from 'preact/hooks'
import { api } from '../api/client.ts'
import { duration, timeOfDay } from '../notebook/duration.ts'
import { type RunInfo, rememberRun } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'

const mayRepeat = 'What it did outside may happen twice.'

/** A run that was interrupted is asked about before it is repeated (RU21). */
export function RunAgain({ run }: { run: Pick<RunInfo, 'id' | 'status'> }) {
  const [asks, setAsks] = useState(false)
  const again = () => {
    setAsks(false)
    api.runAgain(run.id).then(rememberRun, thrown => report(thrown, 'The run was not repeated'))
  }
  if (!asks)
    return (
      <button
        type="button"
        class="button small"
        onClick={() => (run.status === 'interrupted' ? setAsks(true) : again())}
      >
        Run again
      </button>
    )
  return (
    <span class="run-asks" role="alert">
      {mayRepeat}
      <button type="button" class="button small" onClick={() => setAsks(false)}>
        Leave it
      </button>
      <button type="button" class="button small primary" onClick={again}>
        Run it again
      </button>
    </span>
  )
}

export function StillWanted({ run }: { run: Pick<RunInfo, 'id' | 'asks' | 'codeHash'> }) {
  const confirm = () =>
    void api.confirmRun(run.id, run.codeHash).then(rememberRun, thrown => report(thrown, 'It was not confirmed'))
  const drop = () =>
    void api.cancelRun(run.id, 'not wanted any more').catch(thrown => report(thrown, 'The run was not cancelled'))
  return (
    <span class="run-asks">
      {run.asks === 'changed' ? 'Its cell has changed since. Still want this?' : 'It waited too long. Still want this?'}
      <button type="button" class="button small" onClick={drop}>
        No
      </button>
      <button type="button" class="button small primary" onClick={confirm}>
        Yes, run it
      </button>
    </span>
  )
}

/** What is known of a run beyond its status, in words; empty where there is nothing to say. */
export function runWords(run: Pick<RunInfo, 'status' | 'startedAt' | 'seq' | 'afterwards' | 'logExpiredAt'>): string {
  const words: string[] = []
  if (run.status === 'interrupted')
    words.push(
      run.startedAt === null ? 'Whether it began is not known.' : `It had begun; its log has ${run.seq} events.`,
    )
  if (run.afterwards)
    words.push(
      `On its device it ${run.afterwards.status} after all, ${timeOfDay(run.afterwards.endedAt, Date.now())}, after ${duration(run.afterwards.durationMs)}.`,
    )
  if (run.logExpiredAt !== null) words.push('The log has expired.')
  return words.join(' ')
}
