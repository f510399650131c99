/** Whether and when a step is tried again. Pure. */
import { limits } from '@meshbook/core/limits.ts'
import { durationMs } from '@meshbook/core/workflow/duration.ts'
import type { Retry, Step, Workflow } from '@meshbook/core/workflow/workflow-schema.ts'

export function retryOf(step: Step, defaults: Workflow['defaults']): Retry {
  return { ...defaults?.retry, ...step.retry }
}

/** After the failure with this number, from 1; undefined where it was the last. `random`: from 0 up to 1. */
export function retryDelayMs(retry: Retry, failures: number, leastMs: number, random: number): number | undefined {
  if (failures >= (retry.attempts ?? 1)) return undefined
  const initial = durationMs(retry.initial ?? '1s')!
  const factor = retry.backoff === 'constant' ? 1 : 2 ** Math.min(failures - 1, 40)
  const whole = Math.min(limits.attemptRetryMaxMs, initial * factor)
  // Half of it is sure, so that two tries are never close; the other half keeps many runs apart.
  const waited = retry.jitter === false ? whole : whole / 2 + (random * whole) / 2
  return Math.round(Math.max(waited, Math.min(leastMs, limits.attemptRetryMaxMs)))
}
