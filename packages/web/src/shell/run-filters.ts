/** Which runs a list shows: by state, device and document. Pure. */
import { hasEnded } from '@meshbook/core/run.ts'
import type { RunInfo } from '../state/mesh.ts'

export interface RunFilter {
  state: string
  device: string
  project: string
  document: string
}

export const noFilter: RunFilter = { state: '', device: '', project: '', document: '' }

/** States that a person looks for; each stands for one or several statuses. */
export const runStates: readonly [string, string][] = [
  ['', 'All states'],
  ['live', 'Live'],
  ['asks', 'Asks you'],
  ['completed', 'Completed'],
  ['failed', 'Failed'],
  ['cancelled', 'Cancelled'],
  ['interrupted', 'Interrupted'],
]

type Filtered = Pick<RunInfo, 'status' | 'asks' | 'device' | 'project' | 'document'>

export function passes(run: Filtered, { state, device, project, document }: RunFilter): boolean {
  if (device !== '' && run.device !== device) return false
  if (project !== '' && run.project !== project) return false
  if (document !== '' && run.document !== document) return false
  if (state === '') return true
  if (state === 'live') return !hasEnded(run.status)
  if (state === 'asks') return run.asks !== null || run.status.startsWith('waiting-for-')
  return run.status === state
}

/** The same as a question to the hub, which knows of older runs; states that stand for several statuses are not asked. */
export function queryOf({ state, device, project, document }: RunFilter): Record<string, string> {
  const named = { ...(state !== 'live' && state !== 'asks' && { status: state }), device, project, document }
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== ''))
}
