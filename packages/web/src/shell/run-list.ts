/** The runs of a filter, newest first: those that are known, live, and pages of older ones that the hub is asked for (W64). */
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api/client.ts'
import { addRuns, type RunInfo, runs } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { passes, queryOf, type RunFilter } from './run-filters.ts'

export interface RunList {
  list: readonly RunInfo[]
  state: 'loading' | 'loaded' | 'failed'
  /** Loads older ones, where there are some. */
  older: (() => void) | undefined
  again(): void
}

export function useRunList(filter: RunFilter): RunList {
  const [cursor, setCursor] = useState<string | undefined>(undefined)
  const [state, setState] = useState<RunList['state']>('loading')
  const load = async (from: string | undefined) => {
    setState('loading')
    try {
      const { items, next } = await api.runPage({ ...queryOf(filter), ...(from !== undefined && { cursor: from }) })
      addRuns(items)
      setCursor(next)
      setState('loaded')
    } catch (thrown) {
      setState('failed')
      report(thrown, 'The runs could not be loaded')
    }
  }
  useEffect(() => {
    setCursor(undefined)
    void load(undefined)
  }, [filter])
  const list = [...runs.value.values()].filter(run => passes(run, filter)).sort((a, b) => b.requestedAt - a.requestedAt)
  const older = cursor === undefined ? undefined : () => void load(cursor)
  return { list, state, older, again: () => void load(undefined) }
}
