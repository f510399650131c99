/** The list of tasks, newest first: pages of the hub, kept true while it is looked at (TP5), of those that are sought (TP6). */
import type { Task } from '@meshbook/core/tasks-api.ts'
import { useEffect, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { followRunsOfTasks, rememberTasks, tasks } from './known-tasks.ts'
import { tasksApi } from './tasks-api.ts'

/** What costs and turns come to is told by no event of the hub. */
const lookMs = 5_000
/** Who types is not asked about each letter. */
const typingMs = 250

export interface Sought {
  words: string
  state: '' | Task['state']
}
export const allTasks: Sought = { words: '', state: '' }
export const isSought = ({ words, state }: Sought): boolean => words.trim() !== '' || state !== ''

export interface TaskList {
  list: readonly Task[]
  state: 'loading' | 'loaded' | 'failed'
  problem: ApiError | undefined
  older: (() => void) | undefined
  again(): void
}

const queryOf = ({ words, state }: Sought): Record<string, string> => ({
  ...(words.trim() !== '' && { find: words.trim() }),
  ...(state !== '' && { state }),
})

export function useTaskList(sought: Sought): TaskList {
  const [shown, setShown] = useState<readonly string[]>([])
  const [cursor, setCursor] = useState<string | undefined>(undefined)
  const [state, setState] = useState<TaskList['state']>('loading')
  const [problem, setProblem] = useState<ApiError | undefined>(undefined)
  const { words, state: wanted } = sought
  const load = async (from: string | undefined, isOver: () => boolean = () => false, quietly = false) => {
    if (!quietly) setState('loading')
    try {
      const { items, next } = await tasksApi.page({ ...queryOf(sought), ...(from !== undefined && { cursor: from }) })
      if (isOver()) return
      rememberTasks(items)
      const ids = items.map(({ id }) => id as string)
      // What was sought may be in another state by now.
      const add = (before: readonly string[]) =>
        from === undefined ? [...ids, ...(quietly && !isSought(sought) ? before : [])] : [...before, ...ids]
      setShown(before => [...new Set(add(before))])
      if (!quietly) setCursor(next)
      setState('loaded')
      setProblem(undefined)
    } catch (thrown) {
      if (quietly || isOver()) return
      setState('failed')
      setProblem(asApiError(thrown))
    }
  }
  useEffect(() => {
    let over = false
    const isOver = () => over
    const begin = setTimeout(() => void load(undefined, isOver), shown.length === 0 && !isSought(sought) ? 0 : typingMs)
    const stop = followRunsOfTasks(() => void load(undefined, isOver, true))
    const timer = setInterval(() => {
      const isOpen = [...tasks.peek().values()].some(({ endedAt }) => endedAt === null)
      if (isOpen && !document.hidden) void load(undefined, isOver, true)
    }, lookMs)
    return () => {
      over = true
      clearTimeout(begin)
      stop()
      clearInterval(timer)
    }
  }, [words, wanted])
  const list = shown
    .flatMap(id => tasks.value.get(id) ?? [])
    .sort((a, b) => b.requestedAt - a.requestedAt || (a.id < b.id ? 1 : -1))
  const older = cursor === undefined ? undefined : () => void load(cursor)
  return { list, state, problem, older, again: () => void load(undefined) }
}
