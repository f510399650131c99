/** A worker in a process of its own, which begins a job, says so, and never ends it: for tests that kill it. */
import { systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { RedisQueue } from '@meshbook/hub/queue/redis-queue.ts'

const [url = '', database = '', queueLockMs = ''] = process.argv.slice(2)
const silent = { info: () => undefined, warn: () => undefined, debug: () => undefined }
const times = { ...limits, queueLockMs: Number(queueLockMs) }
const queue = new RedisQueue({ url, database, times, now: Date.now, random: systemRandom, log: silent })
const begin = ({ id }: { id: string }): Promise<void> => {
  process.stdout.write(`${id}\n`)
  return new Promise(() => undefined)
}
queue.work('orchestrator', { concurrency: 2 }, begin, new AbortController().signal)
process.stdout.write('works\n')
