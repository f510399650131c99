/** What an answer says of the quotas that counted its request, as the IETF draft "RateLimit header fields for HTTP" has it (RQ21). Pure. */
import { emptyMs, type Quota, roomLeft, type WindowCounts, waitMs } from '@meshbook/core/sliding-window.ts'
import { retryAfter } from '@meshbook/relay/serve/http-app.ts'

export interface Standing {
  name: string
  quota: Quota
  counts: WindowCounts
}

export function rateHeaders(standings: readonly Standing[], now: number): Record<string, string> {
  const policies = standings.map(
    ({ name, quota: { most, windowMs } }) => `"${name}";q=${most};w=${Math.ceil(windowMs / 1000)}`,
  )
  const states = standings.map(({ name, quota, counts }) => {
    const left = roomLeft(counts, now, quota)
    const ms = left > 0 ? emptyMs(counts, now, quota.windowMs) : waitMs(counts, now, quota)
    return `"${name}";r=${left};t=${retryAfter(ms)}`
  })
  return { 'ratelimit-policy': policies.join(', '), ratelimit: states.join(', ') }
}

/** Until every quota has room again. */
export function longestWaitMs(standings: readonly Standing[], now: number): number {
  return Math.max(...standings.map(({ quota, counts }) => waitMs(counts, now, quota)))
}
