/** Many seeds on several threads. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Outcome } from './simulate.ts'

export type Told = Omit<Outcome, 'trace'>

export interface Summary {
  seeds: number
  failed: Told[]
  /** The longest that the replicas of a healed world took to agree. */
  slowest: Pick<Told, 'seed' | 'convergedMs'>
  events: number
  marks: number
}

/** More failures than this say no more. */
const mostFailures = 100

export async function runSeeds(
  { from, seeds, workers }: { from: number; seeds: number; workers: number },
  progress: (summary: Summary) => void = () => undefined,
): Promise<Summary> {
  const summary: Summary = { seeds: 0, failed: [], slowest: { seed: from, convergedMs: 0 }, events: 0, marks: 0 }
  let next = from
  const take = (): number | undefined =>
    next < from + seeds && summary.failed.length < mostFailures ? next++ : undefined
  await Promise.all(
    Array.from({ length: workers }, async () => {
      const worker = new Worker(new URL('./worker.ts', import.meta.url))
      try {
        for (let seed = take(); seed !== undefined; seed = take()) {
          worker.postMessage(seed)
          const [told] = (await once(worker, 'message')) as [Told]
          add(summary, told)
          progress(summary)
        }
      } finally {
        await worker.terminate()
      }
    }),
  )
  return summary
}

function add(summary: Summary, told: Told): void {
  summary.seeds++
  summary.events += told.events
  summary.marks += told.marks
  if (told.failures.length > 0) summary.failed.push(told)
  else if (told.convergedMs > summary.slowest.convergedMs) summary.slowest = told
}
