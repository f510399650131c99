/** Worlds with runs, on several threads, until there were as many partitions as asked for. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { RunOutcome } from './simulate-runs.ts'

type Told = Omit<RunOutcome, 'trace'>

export interface ManyWorlds {
  partitions: number
  worlds: number
  runs: number
  /** How the runs ended. */
  ends: Record<string, number>
  failed: { seed: number; failures: string[] }[]
}

const mostFailures = 20

export async function manyWorlds(
  { from, partitions, workers }: { from: number; partitions: number; workers: number },
  progress: (soFar: ManyWorlds) => void = () => undefined,
): Promise<ManyWorlds> {
  const sum: ManyWorlds = { partitions: 0, worlds: 0, runs: 0, ends: {}, failed: [] }
  let next = from
  await Promise.all(
    Array.from({ length: workers }, async () => {
      const worker = new Worker(new URL('./worker.ts', import.meta.url))
      try {
        while (sum.partitions < partitions && sum.failed.length < mostFailures) {
          worker.postMessage(next++)
          const [told] = (await once(worker, 'message')) as [Told]
          add(sum, told)
          progress(sum)
        }
      } finally {
        await worker.terminate()
      }
    }),
  )
  return sum
}

function add(sum: ManyWorlds, { seed, failures, partitions, runs, ends }: Told): void {
  sum.partitions += partitions
  sum.worlds++
  sum.runs += runs
  for (const [end, count] of Object.entries(ends)) sum.ends[end] = (sum.ends[end] ?? 0) + count
  if (failures.length > 0) sum.failed.push({ seed, failures })
}
