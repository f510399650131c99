/** What is to be done next with a task that a hub has (TK12, TK21, TK30). Pure. */
import { limits } from '@meshbook/core/limits.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import type { TaskRow } from '../store/tasks.ts'

export type NextStep = { do: 'nothing' | 'clear' | 'replace' } | { do: 'finish'; stop: string | undefined }

/** Whether somebody wants it to end, in words. */
export function whyStop({ cancelReason, wish }: Pick<TaskRow, 'cancelReason' | 'wish'>): string | undefined {
  if (cancelReason !== null) return cancelReason
  return wish?.action === 'stop' ? `stopped by ${wish.by}` : undefined
}

/** `isLost`: its worker has ended, or has not been heard of for too long. */
export function nextStep(task: TaskRow, { isLost, now }: { isLost: boolean; now: number }): NextStep {
  if (hasEnded(task.status)) return { do: 'clear' }
  const stop = whyStop(task)
  if (task.worker === null || task.state.finished) return { do: 'finish', stop }
  // A worker that is told to stop has a while to save what it has.
  const isOverdue = task.cancelReason !== null || (task.wish !== null && now - task.wish.at > limits.workerStopMs)
  if (stop !== undefined && (isLost || isOverdue)) return { do: 'finish', stop }
  return { do: isLost ? 'replace' : 'nothing' }
}
