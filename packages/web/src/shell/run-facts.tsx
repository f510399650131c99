/** What is known of a run: why it is where it is, when it was, what it came to (W54, W55). */
import { timeOfDay } from '../notebook/duration.ts'
import type { RunInfo } from '../state/known.ts'
import { Hint } from './hint.tsx'

export function RunReasons({ run: { reasons, status, position } }: { run: RunInfo }) {
  const title = status === 'queued' ? 'Why it waits' : 'Why there'
  const ahead = position ? [`${position} ahead of it in its session.`] : []
  const all = [...ahead, ...reasons]
  return (
    <div class="run-reasons">
      <h3>{title}</h3>
      {all.length === 0 && <p class="faint">No reasons are kept for this run.</p>}
      <ul class="points">
        {all.map(reason => (
          <li key={reason}>
            <Hint text={reason} />
          </li>
        ))}
      </ul>
    </div>
  )
}

export function RunFacts({ run }: { run: RunInfo }) {
  const now = Date.now()
  const log = run.logExpiredAt === null ? `${run.seq} events` : `expired ${timeOfDay(run.logExpiredAt, now)}`
  const facts: [string, string | undefined][] = [
    ['Asked', `${timeOfDay(run.requestedAt, now)}, by ${run.requestedBy}`],
    ['Began', run.startedAt === null ? undefined : timeOfDay(run.startedAt, now)],
    ['Ended', run.endedAt === null ? undefined : timeOfDay(run.endedAt, now)],
    ['Code', run.codeHash.slice(0, 12)],
    ['Log', log],
    ['Result', run.logExpiredAt === null ? undefined : textOf(run.result)],
    ['Repeats', run.againOf ?? undefined],
    ['Run', run.id],
  ]
  return (
    <dl class="facts">
      {facts.flatMap(([name, text]) =>
        text === undefined ? [] : [<dt key={name}>{name}</dt>, <dd key={`${name}-is`}>{text}</dd>],
      )}
    </dl>
  )
}

/** The text of a result that is all that is left of its log. */
function textOf(result: RunInfo['result']): string {
  const plain = result?.find(part => part.mimeType === 'text/plain')
  return plain?.at === 'inline' ? plain.data.slice(0, 300) : 'none that is text'
}
