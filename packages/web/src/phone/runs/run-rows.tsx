/** Runs in a list: of what, how they stand, where, since when. */
import { duration } from '../../notebook/duration.ts'
import { runStanding, runTones } from '../../shell/run-words.ts'
import { projects, type RunInfo } from '../../state/known.ts'
import { runAt, taskAt } from '../place.ts'
import { Go } from '../shell/go.tsx'
import { ago, titleOf } from '../words.ts'

export const runTitle = ({ kind, path }: Pick<RunInfo, 'kind' | 'path'>): string =>
  kind === 'task' ? 'Task of an agent' : path ? titleOf(path) : 'A deleted notebook'

export function RunRow({ run, about }: { run: RunInfo; about?: string }) {
  const project = projects.value?.find(({ id }) => id === run.project)?.name
  const took = run.durationMs === null ? undefined : duration(run.durationMs)
  const facts = [run.deviceName, took, project].filter(Boolean).join(' · ')
  return (
    <li>
      <Go to={run.kind === 'task' ? taskAt(run.id) : runAt(run.id)} class="row">
        <span class="words">
          <span class="name">{runTitle(run)}</span>
          <span class="about">{about ?? (run.error ? `${run.error.name}: ${run.error.message}` : facts)}</span>
          {(about !== undefined || run.error) && facts !== '' && <span class="about">{facts}</span>}
        </span>
        <span class="run-side">
          <span class={`pill ${runTones[run.status]}`}>{runStanding(run)}</span>
          <time dateTime={new Date(run.requestedAt).toISOString()}>{ago(run.requestedAt, Date.now())}</time>
        </span>
      </Go>
    </li>
  )
}
