/**
 * A task that was asked for on this phone, from the press until the hub has it (PH90–PH92). Pure: what may become of it,
 * and when. It knows no store and no hub.
 */
import type { NewTask } from '@meshbook/core/tasks-api.ts'
import type { Answer } from '../offline/queued-run.ts'

export interface QueuedTask {
  /** Tasks are sent in this order; the store gives it. */
  order: number
  id: string
  task: NewTask & { id: string }
  askedAt: number
  expiresAt: number
  /** It was taken back while it was not known whether it had arrived: it is stopped once that is known. */
  isUnwanted?: true
  state:
    | { is: 'queued' }
    /** It waited too long: is it still wanted? */
    | { is: 'asks' }
    /** It has been sent at least once, and what became of that is not known. */
    | { is: 'sending' }
    | { is: 'refused'; message: string; hint: string }
}

/** Before it is sent: that sending has begun is stored first. Undefined: nothing is to be done about it. */
export function begun(queued: QueuedTask, now: number): QueuedTask | undefined {
  if (queued.state.is !== 'queued') return undefined
  return { ...queued, state: queued.expiresAt <= now ? { is: 'asks' } : { is: 'sending' } }
}

/** What the hub said; `drop` where it has it, or never will. */
export function answered(queued: QueuedTask, answer: Answer): QueuedTask | 'drop' | undefined {
  if (queued.state.is !== 'sending' || answer.is === 'unknown') return undefined
  if (answer.is === 'taken' || queued.isUnwanted) return 'drop'
  return { ...queued, state: { is: 'refused', message: answer.message, hint: answer.hint } }
}

/** Once it may be at the hub it is stopped there, and not dropped here. */
export function takenBack(queued: QueuedTask): QueuedTask | 'drop' {
  return queued.state.is === 'sending' ? { ...queued, isUnwanted: true } : 'drop'
}

export function wantedStill(queued: QueuedTask, now: number, wantedMs: number): QueuedTask | undefined {
  if (queued.state.is !== 'asks' && queued.state.is !== 'refused') return undefined
  return { ...queued, askedAt: now, expiresAt: now + wantedMs, state: { is: 'queued' } }
}
