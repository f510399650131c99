/** BullMQ on Redis alone, one worker: jobs of one step that is not kept. Redis has no file here, so nothing is durable. */
import { Queue, Worker } from 'bullmq'
import type { Contender } from './contender.ts'

export async function bullmq(redisUrl: string, concurrency: number): Promise<Contender> {
  const { hostname: host, port } = new URL(redisUrl)
  const connection = { host, port: Number(port), maxRetriesPerRequest: null }
  const queue = new Queue('bench', { connection, defaultJobOptions: { removeOnComplete: true } })
  const waiting = new Map<string, { began(): void; ended(): void }>()
  const worker = new Worker('bench', async job => void waiting.get(job.data.key)?.began(), { connection, concurrency })
  worker.on('completed', job => waiting.get(job.data.key)?.ended())
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()])
  let jobs = 0
  return {
    name: 'BullMQ, one step',
    steps: 1,
    run: async began => {
      const key = `${jobs++}`
      const ended = new Promise<void>(resolve => waiting.set(key, { began, ended: resolve }))
      await queue.add('step', { key })
      await ended
      waiting.delete(key)
    },
    close: async () => {
      await worker.close()
      await queue.close()
    },
  }
}
