/**
 * The windows of all hubs of a deployment, in Redis (RQ30): one script decides about all shares of a request and counts
 * them, as `sliding-window.ts` would. While Redis is silent each hub counts by itself (RQ31).
 */
import { createHash } from 'node:crypto'
import type { Now } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { Redis } from 'ioredis'
import * as v from 'valibot'
import { type RedisLog, redisOptions } from '../documents/redis-neighbours.ts'
import { type LocalWindows, type RateWindows, type Share, type Taken, windowMs } from './rate-windows.ts'

/** KEYS: a hash for each share. ARGV: the window, the time or '' for that of Redis, the most of each share. */
const script = `
local window = tonumber(ARGV[1])
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local at = math.floor(now / window)
local allowed = 1
local counts = {}
for i, key in ipairs(KEYS) do
  local kept = redis.call('HMGET', key, 'i', 'p', 'c')
  local index, previous, current = tonumber(kept[1]), tonumber(kept[2]), tonumber(kept[3])
  if not index or (index ~= at and index ~= at + 1) then
    previous = index == at - 1 and current or 0
    index, current = at, 0
  end
  local elapsed = math.min(window, math.max(0, now - index * window))
  if previous * (window - elapsed) + (current + 1) * window > tonumber(ARGV[i + 2]) * window then allowed = 0 end
  counts[i] = { index, previous, current }
end
local answer = { allowed, now }
for i, key in ipairs(KEYS) do
  local index, previous, current = unpack(counts[i])
  if allowed == 1 then
    current = current + 1
    redis.call('HSET', key, 'i', index, 'p', previous, 'c', current)
    redis.call('PEXPIRE', key, 3 * window)
  end
  answer[3 * i], answer[3 * i + 1], answer[3 * i + 2] = index, previous, current
end
return answer
`
const scriptHash = createHash('sha1').update(script).digest('hex')

const whole = v.pipe(v.number(), v.safeInteger())
const answerSchema = v.tupleWithRest([whole, whole], whole)

export interface RedisWindowsOptions {
  /** With its password: never logged. */
  url: string
  /** Counts while Redis is silent. */
  local: LocalWindows
  /** Of this process: when a silent Redis is asked again. */
  now: Now
  log: RedisLog
  /** In place of the clock of Redis. */
  clock?: Now
}

export class RedisWindows implements RateWindows {
  readonly #redis: Redis
  readonly #local: LocalWindows
  readonly #now: Now
  readonly #log: RedisLog
  readonly #clock: Now | undefined
  #isAway = false
  #restsUntil = 0

  constructor({ url, local, now, log, clock }: RedisWindowsOptions) {
    this.#local = local
    this.#now = now
    this.#log = log
    this.#clock = clock
    this.#redis = new Redis(url, { ...redisOptions, commandTimeout: limits.rateAnswerMs })
    this.#redis.on('error', (error: Error) => this.#went(error))
    this.#redis.on('ready', () => {
      this.#restsUntil = 0
    })
  }

  async take(shares: readonly Share[]): Promise<Taken> {
    const taken = await this.#takeShared(shares)
    if (!taken) return this.#local.take(shares)
    this.#local.learn(shares, taken)
    return taken
  }

  async close(): Promise<void> {
    this.#redis.disconnect()
  }

  async #takeShared(shares: readonly Share[]): Promise<Taken | undefined> {
    if (this.#redis.status !== 'ready' || this.#now() < this.#restsUntil) return undefined
    try {
      const taken = takenOf(await this.#run(shares), shares.length)
      this.#cameBack()
      return taken
    } catch (error) {
      this.#restsUntil = this.#now() + limits.rateRestMs
      this.#went(error)
      return undefined
    }
  }

  async #run(shares: readonly Share[]): Promise<unknown> {
    const keys = shares.map(({ of, key }) => `meshbook:rate:${of}:${key}`)
    const given = [...keys, windowMs, this.#clock?.() ?? '', ...shares.map(({ most }) => most)]
    try {
      return await this.#redis.evalsha(scriptHash, keys.length, ...given)
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return this.#redis.eval(script, keys.length, ...given)
    }
  }

  /** Said once for each time that it goes away. */
  #went(error: unknown): void {
    if (this.#isAway) return
    this.#isAway = true
    this.#log.warn({ err: error }, 'Redis is away: each hub counts requests by itself')
  }

  #cameBack(): void {
    if (!this.#isAway) return
    this.#isAway = false
    this.#log.info({}, 'Redis is back: hubs count requests together')
  }
}

function takenOf(answer: unknown, shares: number): Taken {
  const [allowed, now, ...rest] = v.parse(answerSchema, answer)
  const counts = Array.from({ length: shares }, (_, i) => ({
    index: rest[3 * i] ?? 0,
    previous: rest[3 * i + 1] ?? 0,
    current: rest[3 * i + 2] ?? 0,
  }))
  return { isAllowed: allowed === 1, now, counts }
}
