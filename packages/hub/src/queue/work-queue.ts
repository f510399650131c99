/**
 * The port of the work queue: jobs that say where there is something to do, and nothing of what (WQ70–WQ79). A hint and
 * nothing more: one that is lost is found again in the store, and one that is doubled finds nothing to do.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId } from '@meshbook/core/ids.ts'
import * as v from 'valibot'

export const pools = ['orchestrator', 'step', 'system'] as const
export type Pool = (typeof pools)[number]

const id = v.pipe(v.string(), v.regex(/^[\w./:[\]~-]{1,512}$/))
const jobSchema = v.strictObject({
  id,
  /** Whose it is; system work is nobody's. */
  org: v.optional(v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/))),
})

export interface Job {
  id: string
  org?: OrgId
}

export interface Wish {
  /** Smaller ones first; 0 unless it is said. */
  priority?: number
  /** Not before so much time has passed. */
  delayMs?: number
  /** One job of the id in this time, and no more. */
  onceInMs?: number
}

export interface QueueLog {
  debug(detail: object, message: string): void
  info(detail: object, message: string): void
  warn(detail: object, message: string): void
}

/** `settle`: the store knows by now who has it, and the queue may forget the job while the work goes on (WQ75). */
export type Handle = (job: Job, settle: () => void) => Promise<void> | void

export interface WorkQueue {
  /** False where it was not taken in: who adds looks by themselves then (WQ72). Never throws for the queue's sake. */
  add(pool: Pool, job: Job, wish?: Wish): Promise<boolean>
  /** Until the signal is aborted. One worker for a pool. */
  work(pool: Pool, options: { concurrency: number }, handle: Handle, signal: AbortSignal): void
  /** Whether what is added reaches the other hubs too, at the moment. */
  isShared(): boolean
  /** Waits for what is worked on, but no longer (WQ78). */
  close(withinMs: number): Promise<void>
}

/** Throws BAD_REQUEST for what is more than ids (WQ70). */
export function checkedJob(job: unknown): Job {
  const { success, output } = v.safeParse(jobSchema, job)
  if (!success) throw new MeshError('BAD_REQUEST', { detail: 'a job names things by their ids alone' })
  return output as Job
}
