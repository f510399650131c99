/** The list of tasks, newest first: pages of the hub, kept true while it is looked at (TP5). */
import type { Task } from '@meshbook/core/tasks-api.ts'
import { useEffect, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { followRunsOfTasks, rememberTasks, tasks } from './known-tasks.ts'
import { tasksApi } from './tasks-api.ts'

/** What costs and turns come to is told by no event of the hub. */
const lookMs = 5_000

export interface TaskList {
  list: readonly Task[]
  state: 'loading' | 'loaded' | 'failed'
  problem: ApiError | undefined
  older: (() => void) | undefined
  again(): void
}

export function useTaskList(): TaskList {
  const [shown, setShown] = useState<readonly string[]>([])
  const [cursor, setCursor] = useState<string | undefined>(undefined)
  const [state, setState] = useState<TaskList['state']>('loading')
  const [problem, setProblem] = useState<ApiError | undefined>(undefined)
  const load = async (from: string | undefined, quietly = false) => {
    if (!quietly) setState('loading')
    try {
      const { items, next } = await tasksApi.page(from === undefined ? {} : { cursor: from })
      rememberTasks(items)
      const ids = items.map(({ id }) => id as string)
      setShown(before => [...new Set(from === undefined ? [...ids, ...before] : [...before, ...ids])])
      if (!quietly) setCursor(next)
      setState('loaded')
      setProblem(undefined)
    } catch (thrown) {
      if (quietly) return
      setState('failed')
      setProblem(asApiError(thrown))
    }
  }
  useEffect(() => {
    void load(undefined)
    const stop = followRunsOfTasks(() => void load(undefined, true))
    const timer = setInterval(() => {
      const isOpen = [...tasks.peek().values()].some(({ endedAt }) => endedAt === null)
      if (isOpen && !document.hidden) void load(undefined, true)
    }, lookMs)
    return () => {
      stop()
      clearInterval(timer)
    }
  }, [])
  const list = shown
    .flatMap(id => tasks.value.get(id) ?? [])
    .sort((a, b) => b.requestedAt - a.requestedAt || (a.id < b.id ? 1 : -1))
  const older = cursor === undefined ? undefined : () => void load(cursor)
  return { list, state, problem, older, again: () => void load(undefined) }
}
