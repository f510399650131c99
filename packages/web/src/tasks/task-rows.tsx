/** Tasks in a list: what each is to do, how it stands, what it costs, since when, and how many are before it (TP5, TP21). */
import './tasks.css'
import { costWords, queueWords, repoName, taskStateWords, taskTitle } from '@meshbook/core/task-words.ts'
import type { Task } from '@meshbook/core/tasks-api.ts'
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { ago } from '../notebook/duration.ts'
import { following, type TaskPlaces } from './task-places.ts'
import { allTasks, isSought, type Sought, useTaskList } from './use-task-list.ts'

export const taskTones: Record<Task['state'], string> = {
  queued: '',
  starting: '',
  working: 'accent',
  waiting: 'warn',
  paused: 'warn',
  completed: 'ok',
  failed: 'bad',
  cancelled: '',
  interrupted: 'warn',
}

export function TaskPill({ task }: { task: Pick<Task, 'state' | 'queuePosition'> }) {
  const place = queueWords(task)
  return (
    <span class={`pill ${taskTones[task.state]}`}>
      {taskStateWords[task.state]}
      {place !== '' && `, ${place}`}
    </span>
  )
}

/** `children` stands above the list. */
export function TaskRows({ places, children }: { places: TaskPlaces; children?: ComponentChildren }) {
  const [sought, setSought] = useState(allTasks)
  const { list, state, problem, older, again } = useTaskList(sought)
  const isEmpty = list.length === 0 && state === 'loaded'
  const open = list.filter(({ endedAt }) => endedAt === null)
  const ended = list.filter(({ endedAt }) => endedAt !== null)
  return (
    <div class="tasks">
      {children}
      {(list.length > 0 || isSought(sought)) && <SearchFields sought={sought} set={setSought} />}
      {list.length === 0 && state === 'loading' && <Loading />}
      {isEmpty && !isSought(sought) && <NoTask places={places} />}
      {isEmpty && isSought(sought) && (
        <div class="empty boxed" role="status">
          <h2>No task is like that</h2>
          <p>Words are looked for in what was to be done and in the address of the repository.</p>
          <button type="button" class="button" onClick={() => setSought(allTasks)}>
            Show all tasks
          </button>
        </div>
      )}
      {open.length > 0 && <Rows title="Open" tasks={open} places={places} />}
      {ended.length > 0 && <Rows title="Ended" tasks={ended} places={places} />}
      {state === 'failed' && (
        <div class="empty" role="alert">
          <p>{list.length > 0 ? 'These are the tasks that were known last.' : problem?.message}</p>
          <p class="faint">{problem?.hint}</p>
          <button type="button" class="button" onClick={again}>
            Try again
          </button>
        </div>
      )}
      {older && (
        <button type="button" class="button wide" disabled={state === 'loading'} onClick={older}>
          Show older tasks
        </button>
      )}
    </div>
  )
}

function SearchFields({ sought, set }: { sought: Sought; set(sought: Sought): void }) {
  return (
    <search class="task-search">
      <input
        type="search"
        class="field"
        aria-label="Find tasks"
        placeholder="Find by words or repository"
        maxLength={100}
        value={sought.words}
        onInput={event => set({ ...sought, words: event.currentTarget.value })}
      />
      <select
        class="field"
        aria-label="State"
        value={sought.state}
        onChange={event => set({ ...sought, state: event.currentTarget.value as Sought['state'] })}
      >
        <option value="">Any state</option>
        {Object.entries(taskStateWords).map(([state, words]) => (
          <option key={state} value={state}>
            {words}
          </option>
        ))}
      </select>
    </search>
  )
}

function Rows({ title, tasks, places }: { title: string; tasks: readonly Task[]; places: TaskPlaces }) {
  return (
    <section aria-label={title}>
      <h2 class="task-section">{title}</h2>
      <ul class="task-list">
        {tasks.map(task => (
          <Row key={task.id} task={task} places={places} />
        ))}
      </ul>
    </section>
  )
}

function Row({ task, places }: { task: Task; places: TaskPlaces }) {
  const to = places.one(task.id)
  const why = task.endedAt === null || task.state === 'failed' ? taskTitle(task.reasons[0] ?? '') : ''
  return (
    <li>
      <a class="task-row" href={to} onClick={following(places, to)}>
        <span class="task-row-words">
          <span class="task-row-title">{taskTitle(task.prompt)}</span>
          <span class="faint">{[repoName(task.repo), costWords(task), why].filter(Boolean).join(' · ')}</span>
        </span>
        <span class="task-row-side">
          <TaskPill task={task} />
          <time class="faint" dateTime={new Date(task.requestedAt).toISOString()}>
            {ago(task.requestedAt, Date.now())}
          </time>
        </span>
      </a>
    </li>
  )
}

function Loading() {
  return (
    <div class="task-list waiting" role="status" aria-label="Loading the tasks">
      {[1, 2, 3].map(row => (
        <div key={row} class="task-row" />
      ))}
    </div>
  )
}

function NoTask({ places }: { places: TaskPlaces }) {
  return (
    <div class="empty boxed">
      <h2>No task yet</h2>
      <p>
        Say what is to be done in a repository. An agent does it in a sandbox that is made for it and destroyed
        afterwards, asks you where you want to be asked, and ends in a branch or a pull request.
      </p>
      <a class="button primary" href={places.fresh} onClick={following(places, places.fresh)}>
        Give the first task
      </a>
      <p class="faint">
        It needs a key of a model on the hub. Nothing of the repository leaves the hub but to that model and to the git
        host.
      </p>
    </div>
  )
}
