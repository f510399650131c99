/** One task: how it stands and what it costs, what it does, live, what it has changed, and what one can tell it. */
import './tasks.css'
import type { Gate } from '@meshbook/core/api.ts'
import type { Transcript } from '@meshbook/core/task-transcript.ts'
import { changedWords, costWords, repoName, taskStateWords, taskTitle } from '@meshbook/core/task-words.ts'
import type { Task } from '@meshbook/core/tasks-api.ts'
import type { FunctionComponent } from 'preact'
import { useEffect, useLayoutEffect, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { timeOfDay } from '../notebook/duration.ts'
import { DiffView } from './diff-view.tsx'
import { FilesView } from './files-view.tsx'
import { browserFollowPorts, type FollowedTask, followTask } from './follow-task.ts'
import { KeepTask } from './keep-task.tsx'
import { followRunsOfTasks, refreshTask, tasks } from './known-tasks.ts'
import { SayBox, UnheardMessages, useMessages } from './say-box.tsx'
import { TaskBar } from './task-bar.tsx'
import { following, type TaskPlaces } from './task-places.ts'
import { TaskPill } from './task-rows.tsx'
import { PullRequestLink, TranscriptView } from './transcript-view.tsx'

export interface TaskViewProps {
  id: string
  places: TaskPlaces
  Gate: FunctionComponent<{ gate: Gate }>
  /** Where there is room, what it does stands beside what it changed. */
  hasColumns?: boolean
}

export function TaskView({ id, places, Gate, hasColumns = false }: TaskViewProps) {
  const [problem, setProblem] = useState<ApiError | undefined>(undefined)
  const load = () => {
    setProblem(undefined)
    refreshTask(id).catch(thrown => setProblem(asApiError(thrown)))
  }
  useEffect(() => {
    load()
    return followRunsOfTasks(() => undefined)
  }, [id])
  const task = tasks.value.get(id)
  if (task) return <Shown key={id} task={task} places={places} Gate={Gate} hasColumns={hasColumns} />
  if (problem) return <NotShown problem={problem} again={load} />
  return <p role="status">Loading the task…</p>
}

function NotShown({ problem, again }: { problem: ApiError; again: () => void }) {
  return (
    <div class="empty" role="alert">
      <h2>{problem.code === 'NOT_FOUND' ? 'No such task' : problem.message}</h2>
      <p>{[problem.detail, problem.hint].filter(Boolean).join(' ')}</p>
      <button type="button" class="button" onClick={again}>
        Try again
      </button>
    </div>
  )
}

function useFollowed(id: string): FollowedTask | undefined {
  const [followed, setFollowed] = useState<FollowedTask | undefined>(undefined)
  useEffect(() => {
    const isOver = () => (tasks.peek().get(id)?.endedAt ?? null) !== null
    const now = followTask(id, isOver, browserFollowPorts)
    setFollowed(now)
    return now.stop
  }, [id])
  return followed
}

/** What of the log changes what is said about the task. */
const milestones = (transcript: Transcript): number =>
  transcript.items.filter(({ kind }) => kind !== 'said' && kind !== 'tool').length * 2 + Number(transcript.paused)

type ShownProps = Required<Omit<TaskViewProps, 'id'>> & { task: Task }

function Shown({ task, places, Gate, hasColumns }: ShownProps) {
  const followed = useFollowed(task.id)
  const isWide = useWide() && hasColumns
  const [chosen, setTab] = useState<TabName>('does')
  const tab = isWide && chosen === 'does' ? 'changes' : chosen
  const transcript = followed?.transcript.value
  const marks = transcript ? milestones(transcript) : 0
  useEffect(() => {
    // Without an answer the next milestone asks again.
    if (marks > 0) refreshTask(task.id).catch(() => undefined)
  }, [marks])
  const commit = commitOf(transcript) ?? task.commit
  return (
    <div class="task" data-tab={tab} data-columns={isWide}>
      <Facts task={task} places={places} />
      <div class="task-tabs" role="tablist" aria-label="Of this task">
        {!isWide && <Tab name="does" label="What it does" tab={tab} set={setTab} />}
        <Tab name="changes" label={changesLabel(task)} tab={tab} set={setTab} />
        <Tab name="files" label="Files" tab={tab} set={setTab} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a panel whose first thing cannot be focused is in the order of keys. */}
      <div class="task-panel" {...panelOf('does', isWide)} tabIndex={0}>
        <h2 class="visually-hidden">What it does</h2>
        {transcript && (
          <Does task={task} transcript={transcript} places={places} Gate={Gate} isSeen={isWide || tab === 'does'} />
        )}
        {followed?.state.value === 'cut' && (
          <p class="notice warn note" role="status">
            The connection was cut. It goes on where it was when the hub answers.
          </p>
        )}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: as above. */}
      <div class="task-panel" {...panelOf('changes')} tabIndex={0}>
        <h2 class="visually-hidden">Changes</h2>
        {tab === 'changes' && <DiffView task={task.id} commit={commit} />}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: as above. */}
      <div class="task-panel" {...panelOf('files')} tabIndex={0}>
        <h2 class="visually-hidden">Files</h2>
        {tab === 'files' && <FilesView task={task.id} commit={commit} hasBegun={task.startedAt !== null} />}
      </div>
      <p class="visually-hidden" role="status">
        {taskStateWords[task.state]}
      </p>
    </div>
  )
}

/** Beside the others a panel is no tab: it is always there. */
function panelOf(name: TabName, isAlone = false) {
  const id = `panel-${name}`
  return isAlone
    ? ({ id, role: 'region', 'aria-label': 'What it does' } as const)
    : ({ id, role: 'tabpanel', 'aria-labelledby': `tab-${name}` } as const)
}

const wide = '(min-width: 1200px)'

/** Where both have room beside each other. */
function useWide(): boolean {
  const [is, set] = useState(() => matchMedia(wide).matches)
  useEffect(() => {
    const query = matchMedia(wide)
    const look = () => set(query.matches)
    query.addEventListener('change', look)
    return () => query.removeEventListener('change', look)
  }, [])
  return is
}

function commitOf(transcript: Transcript | undefined): string | undefined {
  const last = transcript?.items.findLast(({ kind }) => kind === 'checkpoint')
  return last?.kind === 'checkpoint' ? last.commit : undefined
}

const changesLabel = ({ changed }: Task): string =>
  changed === null ? 'Changes' : `Changes (${changed.files === 1 ? '1 file' : `${changed.files} files`})`

type TabName = 'does' | 'changes' | 'files'

function Tab(props: { name: TabName; label: string; tab: TabName; set(tab: TabName): void }) {
  const { name, label, tab, set } = props
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return
    const own = event.currentTarget as HTMLElement
    const all = [...(own.parentElement?.querySelectorAll<HTMLElement>('[role=tab]') ?? [])]
    const by = event.key === 'ArrowLeft' ? -1 : 1
    const other = all[(all.indexOf(own) + by + all.length) % all.length]
    other?.focus()
    other?.click()
  }
  return (
    <button
      type="button"
      role="tab"
      id={`tab-${name}`}
      aria-controls={`panel-${name}`}
      aria-selected={tab === name}
      tabIndex={tab === name ? 0 : -1}
      class="task-tab"
      onClick={() => set(name)}
      onKeyDown={onKeyDown}
    >
      {label}
    </button>
  )
}

function Facts({ task, places }: { task: Task; places: TaskPlaces }) {
  const most = task.budget.microUsd
  return (
    <section class="task-facts" aria-label="How it stands">
      <p class="task-standing">
        <TaskPill task={task} />
        <span>{repoName(task.repo)}</span>
        {task.base !== null && <span class="faint">from {task.base}</span>}
        {task.pullRequest && <PullRequestLink {...task.pullRequest} />}
      </p>
      {task.reasons.map(reason => (
        <p key={reason} class={task.state === 'failed' ? 'task-bad' : 'faint'}>
          {taskTitle(reason, 300)}
        </p>
      ))}
      <p class="task-cost">
        <span>
          <span class="faint">Cost</span> {costWords(task)}
        </span>
        {most !== undefined && (
          <meter
            aria-label="Cost so far of the budget"
            min={0}
            max={most}
            high={0.8 * most}
            value={Math.min(task.microUsd, most)}
          >
            {costWords(task)}
          </meter>
        )}
        <span class="faint">{task.model}</span>
        {task.changed && <span class="faint">{changedWords(task.changed)}</span>}
      </p>
      <p class="faint">
        {task.requestedBy}, {timeOfDay(task.requestedAt, Date.now())} · <code>{task.branch}</code>
        {task.from && (
          <>
            {' · '}
            <a href={places.one(task.from.task)} onClick={following(places, places.one(task.from.task))}>
              from turn {task.from.turn} of another task
            </a>
          </>
        )}
      </p>
      <KeepTask task={task} places={places} />
    </section>
  )
}

interface DoesProps {
  task: Task
  transcript: Transcript
  places: TaskPlaces
  Gate: TaskViewProps['Gate']
  /** Not behind another tab. */
  isSeen: boolean
}

function Does({ task, transcript, places, Gate, isSeen }: DoesProps) {
  const messages = useMessages(task.id, transcript)
  const isHeard = transcript.items.some(({ kind }) => kind === 'message')
  useStickToEnd(transcript.seq, isSeen)
  const isOver = task.endedAt !== null || transcript.ended
  return (
    <>
      {!isHeard && (
        <div class="task-message">
          <p class="faint">{task.requestedBy}</p>
          <p class="task-text">{task.prompt}</p>
        </div>
      )}
      <TranscriptView task={task.id} transcript={transcript} places={places} Gate={Gate} />
      {!isOver && <UnheardMessages messages={messages} />}
      {!isOver && transcript.seq === 0 && (
        <p class="faint">It begins as soon as it has a worker. This page shows it then.</p>
      )}
      <div class="task-foot">
        {!isOver && <SayBox messages={messages} />}
        <TaskBar task={task} places={places} />
      </div>
    </>
  )
}

const nearPixels = 160

/** Who reads the end goes along with it; who has scrolled up, or reads something else, stays there. */
function useStickToEnd(seq: number, isSeen: boolean): void {
  const [isNear] = useState({ value: true })
  useEffect(() => {
    const look = () => {
      const { scrollHeight, clientHeight, scrollTop } = document.documentElement
      isNear.value = scrollHeight - clientHeight - scrollTop < nearPixels
    }
    addEventListener('scroll', look, { passive: true })
    return () => removeEventListener('scroll', look)
  }, [])
  useLayoutEffect(() => {
    if (seq > 0 && isSeen && isNear.value) scrollTo(0, document.documentElement.scrollHeight)
  }, [seq])
}
