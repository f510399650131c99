/** Runs of workflows that were looked for, page by page, kept true while they are looked at (PO70). */
import type { WorkflowRun } from '@meshbook/core/workflows-api.ts'
import { effect } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { hub, runs } from '../state/known.ts'
import { workflowsApi } from './workflows-api.ts'

export const states = [
  ['', 'All of them'],
  ['open', 'Going on'],
  ['waiting-for-gate', 'Asks you'],
  ['completed', 'Done'],
  ['failed', 'Failed'],
  ['cancelled', 'Cancelled'],
] as const
export interface Sought {
  find: string
  state: (typeof states)[number][0]
}
export const allRuns: Sought = { find: '', state: '' }
export const isSought = ({ find, state }: Sought): boolean => find.trim() !== '' || state !== ''

export function queryOf({ find, state }: Sought): Record<string, string> {
  return {
    ...(find.trim() !== '' && { find: find.trim() }),
    ...(state === 'open' ? { open: '1' } : state !== '' && { status: state }),
  }
}

/** Who types is not asked about each letter, and news that come together are one question. */
const typingMs = 250
const newsMs = 150
/** What it waits for is told by no event of the hub. */
const lookMs = 5_000

export interface RunList {
  list: readonly WorkflowRun[]
  state: 'loading' | 'loaded' | 'failed'
  problem: ApiError | undefined
  older: (() => void) | undefined
  again(): void
}

export function useWorkflowRuns(sought: Sought): RunList {
  const [found, setFound] = useState<ReadonlyMap<string, WorkflowRun>>(new Map())
  const [cursor, setCursor] = useState<string | undefined>(undefined)
  const [state, setState] = useState<RunList['state']>('loading')
  const [problem, setProblem] = useState<ApiError | undefined>(undefined)
  const load = async (from: string | undefined, isOver: () => boolean = () => false, quietly = false) => {
    if (!quietly) setState('loading')
    try {
      const page = await workflowsApi.page({ ...queryOf(sought), ...(from !== undefined && { cursor: from }) })
      if (isOver()) return
      setFound(before => next(before, page.items, { from, quietly }))
      if (!quietly) setCursor(page.next)
      setState('loaded')
      setProblem(undefined)
    } catch (thrown) {
      if (quietly || isOver()) return
      setState('failed')
      setProblem(asApiError(thrown))
    }
  }
  const next = (
    before: ReadonlyMap<string, WorkflowRun>,
    items: readonly WorkflowRun[],
    { from, quietly }: { from: string | undefined; quietly: boolean },
  ) => {
    // What was sought may stand otherwise by now; without a search, pages that were read stay.
    const kept = from !== undefined || (quietly && !isSought(sought)) ? before : new Map<string, WorkflowRun>()
    return new Map([...kept, ...items.map(run => [run.id as string, run] as const)])
  }
  useEffect(() => {
    let over = false
    let soon: ReturnType<typeof setTimeout> | undefined
    const isOver = () => over
    const first = setTimeout(() => void load(undefined, isOver), isSought(sought) ? typingMs : 0)
    const look = () => {
      clearTimeout(soon)
      soon = setTimeout(() => void load(undefined, isOver, true), newsMs)
    }
    const stop = onNewsOfWorkflows(look)
    const timer = setInterval(() => document.hidden || hub.peek() === 'down' || look(), lookMs)
    return () => {
      over = true
      clearTimeout(first)
      clearTimeout(soon)
      clearInterval(timer)
      stop()
    }
  }, [sought.find, sought.state])
  const list = [...found.values()].sort((a, b) => b.requestedAt - a.requestedAt || (a.id < b.id ? 1 : -1))
  return {
    list,
    state,
    problem,
    older: cursor === undefined ? undefined : () => void load(cursor),
    again: () => void load(undefined),
  }
}

/** Calls back when the hub tells something of a run of a workflow, or of the one that is named; returns what ends it. */
export function onNewsOfWorkflows(work: () => void, id?: string): () => void {
  let before = runs.peek()
  return effect(() => {
    const now = runs.value
    for (const [run, info] of now)
      if (info.kind === 'workflow' && before.get(run) !== info && (id === undefined || id === run)) {
        work()
        break
      }
    before = now
  })
}
