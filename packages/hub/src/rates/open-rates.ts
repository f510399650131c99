/** How a hub counts requests: with the others in Redis where there is one, which is loaded only then; else by itself. */
import type { Now } from '@meshbook/core/ids.ts'
import type { HubConfig } from '../config.ts'
import type { Log } from '../log.ts'
import { LocalWindows } from './rate-windows.ts'
import { RequestRates } from './request-rates.ts'

export async function openRates(
  { redisUrl, rates }: Pick<HubConfig, 'redisUrl' | 'rates'>,
  { now, log }: { now: Now; log: Log },
): Promise<{ requestRates: RequestRates; closeRates: () => Promise<void> }> {
  const local = new LocalWindows(now)
  const windows = redisUrl === null ? local : await shared({ url: redisUrl, local, now, log })
  return { requestRates: new RequestRates(windows, rates), closeRates: () => windows.close() }
}

async function shared(options: { url: string; local: LocalWindows; now: Now; log: Log }) {
  const { RedisWindows } = await import('./redis-windows.ts')
  return new RedisWindows(options)
}
