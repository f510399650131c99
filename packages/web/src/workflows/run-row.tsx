/** A run of a workflow in a list (PO70). */
import { hasEnded } from '@meshbook/core/run.ts'
import type { WorkflowRun } from '@meshbook/core/workflows-api.ts'
import { ago, duration } from '../notebook/duration.ts'
import type { RunInfo } from '../state/known.ts'
import { projects } from '../state/known.ts'
import { runStanding } from './step-words.ts'

export const workflowRunAt = (run: string): string => `/portal/workflows/${encodeURIComponent(run)}`

export function WorkflowRow({ run }: { run: WorkflowRun }) {
  const { word, tone } = runStanding(run)
  const now = Date.now()
  const project = projects.value?.find(one => one.id === run.project)?.name
  const isOver = hasEnded(run.status as RunInfo['status'])
  const took = run.startedAt === null ? null : (run.endedAt ?? now) - run.startedAt
  const facts = [
    run.trigger === null ? `by ${run.requestedBy}` : `by a trigger of ${run.requestedBy}`,
    project && `in ${project}`,
    run.error && `${run.error.name}: ${run.error.message}`,
  ]
  return (
    <li class="flow-row">
      <span class={`pill ${tone}`}>{word}</span>
      <div class="flow-row-words">
        <a href={workflowRunAt(run.id)}>{run.name}</a>
        <span class="faint">{facts.filter(Boolean).join(' · ')}</span>
      </div>
      <span class="faint flow-row-took">
        {took !== null && (isOver ? `took ${duration(took)}` : `for ${duration(took, 'coarse')}`)}
      </span>
      <time class="faint" dateTime={new Date(run.requestedAt).toISOString()}>
        {ago(run.requestedAt, now)}
      </time>
    </li>
  )
}
