/** The work queue that the configuration asks for (WQ80). */
import type { Now, RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { HubConfig } from '../config.ts'
import type { Log } from '../log.ts'
import { LocalQueue } from './local-queue.ts'
import type { WorkQueue } from './work-queue.ts'

export interface QueuePorts {
  times: Limits
  now: Now
  random: RandomBytes
  log: Log
}

/** `database`: what is the same at all hubs of one database and of no other. Redis is loaded only where there is one. */
export async function openQueue(
  { database: isShared, redisUrl }: Pick<HubConfig, 'database' | 'redisUrl'>,
  ports: QueuePorts,
  database: string,
): Promise<WorkQueue> {
  if (!isShared || redisUrl === null) return new LocalQueue(ports)
  const { RedisQueue } = await import('./redis-queue.ts')
  return new RedisQueue({ ...ports, url: redisUrl, database })
}
