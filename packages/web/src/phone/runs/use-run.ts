/** A run that is looked at by its id: what the list knows of it, asked of the hub with its code; and its log. */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import { useEffect, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../../api/api-error.ts'
import { api } from '../../api/client.ts'
import { type FollowedRun, followRun } from '../../runs/run-log.ts'
import { type RunInfo, rememberRun, runs } from '../../state/mesh.ts'
import { hub } from '../first-list.ts'

export interface KnownRun {
  run: RunInfo | undefined
  code: string | undefined
  problem: ApiError | undefined
}

export function useRun(id: string): KnownRun {
  const [code, setCode] = useState<string | undefined>(undefined)
  const [problem, setProblem] = useState<ApiError | undefined>(undefined)
  const isOpen = hub.value === 'open'
  useEffect(() => {
    api.run(id).then(
      run => {
        rememberRun(run)
        setCode(run.code)
        setProblem(undefined)
      },
      thrown => setProblem(asApiError(thrown)),
    )
    // When the hub is back, it is asked again.
  }, [id, isOpen])
  return { run: runs.value.get(id), code, problem }
}

export function useLog(run: Pick<RunInfo, 'id' | 'language' | 'logExpiredAt'>): FollowedRun | undefined {
  const [log, setLog] = useState<FollowedRun | undefined>(undefined)
  const hasLog = run.logExpiredAt === null
  useEffect(() => {
    if (!hasLog) return
    const base: ExecutionEntry = { id: run.id, status: 'requested', code: '', language: run.language }
    const isOver = () => {
      const known = runs.peek().get(run.id)
      return known !== undefined && hasEnded(known.status)
    }
    const followed = followRun(base, isOver, Math.random)
    setLog(followed)
    return followed.stop
  }, [run.id, hasLog])
  return log
}
