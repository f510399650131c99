/** What is said of a run in the queue. Pure; each sentence only when it is true. */
import type { QueuedRun } from './queued-run.ts'

export interface QueuedFacts {
  /** Whether the hub answers now. */
  isOpen: boolean
  /** The device that was chosen is not there now. */
  isAway: boolean
  /** Why the hub says that it waits. */
  reason: string | undefined
}

export function queuedWords(run: QueuedRun, { isOpen, isAway, reason }: QueuedFacts): string {
  const { state, onName } = run
  const forDevice = onName === undefined ? '' : isAway ? `, waits for ${onName}` : `, for ${onName}`
  switch (state.is) {
    case 'queued':
      return isOpen ? `On its way to the hub${forDevice}` : `Queued on this phone${forDevice}`
    case 'sending':
      return run.isUnwanted ? 'Being cancelled: it may be at the hub already' : `Being sent to the hub${forDevice}`
    case 'sent':
      if (onName !== undefined && isAway) return `Waits for ${onName}`
      return reason ? `Waiting: ${reason}` : 'Waiting for a device'
    case 'refused':
      return `Not run: ${state.message}`
    case 'asks':
      return 'Still want this?'
  }
}

const why = {
  changed: 'The cell has other code now than when you pressed Run.',
  gone: 'The cell is not in the notebook any more.',
  expired: 'It has waited longer than it was wanted for.',
}
export const askedBecause = (run: QueuedRun): string => (run.state.is === 'asks' ? why[run.state.why] : '')
