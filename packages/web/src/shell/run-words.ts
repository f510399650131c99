/** How a run stands, in a word and a colour. Pure. */
import type { RunInfo } from '../state/known.ts'

export const runTones: Record<RunInfo['status'], string> = {
  queued: '',
  leased: '',
  running: 'accent',
  'waiting-for-input': 'warn',
  'waiting-for-gate': 'warn',
  completed: 'ok',
  failed: 'bad',
  cancelled: '',
  interrupted: 'warn',
}
export const statusWords: Record<RunInfo['status'], string> = {
  queued: 'Queued',
  leased: 'Starting',
  running: 'Running',
  'waiting-for-input': 'Asks for input',
  'waiting-for-gate': 'Asks you',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
  interrupted: 'Interrupted',
}

/** It is set aside until somebody says that it is still wanted. */
export const isAskedAbout = (run: Pick<RunInfo, 'asks' | 'status'>): boolean =>
  run.asks !== null && run.status === 'queued'

/** It waits for a device, or for its turn, and says why. */
export const isHeld = (run: Pick<RunInfo, 'asks' | 'status' | 'reasons'>): boolean =>
  run.status === 'queued' && run.asks === null && run.reasons.length > 0

export const runStanding = (run: Pick<RunInfo, 'asks' | 'status'>): string =>
  isAskedAbout(run) ? 'Still wanted?' : statusWords[run.status]
