/**
 * News between hubs by Redis: one channel a document. Nothing waits for it and nothing rests on it: while Redis is away
 * news is dropped, and rooms find by their own look at the log what they missed. It knows no document's content.
 */
import type { RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Neighbours, News, OnNews } from '@meshbook/relay/neighbours.ts'
import type { DocumentKey } from '@meshbook/relay/relay.ts'
import { Redis, type RedisOptions } from 'ioredis'
import * as v from 'valibot'

export interface RedisLog {
  info(detail: object, message: string): void
  warn(detail: object, message: string): void
}

export interface RedisNeighboursOptions {
  /** With its password: never logged. */
  url: string
  random: RandomBytes
  log: RedisLog
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const from = v.pipe(v.string(), v.maxLength(64))
const messageSchema = v.variant('type', [
  v.object({ type: v.literal('position'), from, epoch: count, position: count }),
  v.object({ type: v.literal('removed'), from }),
  v.object({ type: v.literal('who'), from }),
  v.object({ type: v.literal('awareness'), from, states: v.pipe(v.string(), v.base64()) }),
])

const channelOf = ({ org, document }: DocumentKey): string => `meshbook:${org}/${document}`

export const redisOptions = {
  connectTimeout: limits.databaseConnectMs,
  commandTimeout: limits.databaseConnectMs,
  // What cannot be sent now is dropped: news that comes late is worth nothing.
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResubscribe: false,
  retryStrategy: (attempt: number) => Math.min(limits.reconnectMinMs * attempt, limits.databaseRetryMaxMs),
} satisfies RedisOptions

export class RedisNeighbours implements Neighbours {
  readonly #self: string
  readonly #publisher: Redis
  readonly #subscriber: Redis
  readonly #log: RedisLog
  readonly #listeners = new Map<string, OnNews>()
  #underWay = 0
  #trouble = false

  constructor({ url, random, log }: RedisNeighboursOptions) {
    this.#self = Buffer.from(random(12)).toString('hex')
    this.#log = log
    this.#publisher = new Redis(url, redisOptions)
    this.#subscriber = new Redis(url, redisOptions)
    for (const redis of [this.#publisher, this.#subscriber]) redis.on('error', (error: Error) => this.#onError(error))
    this.#subscriber.on('ready', () => this.#onReady())
    this.#subscriber.on('message', (channel: string, text: string) => this.#onMessage(channel, text))
  }

  tell(key: DocumentKey, news: News): void {
    if (this.#publisher.status !== 'ready' || this.#underWay >= limits.neighbourBacklog) return
    this.#underWay++
    const states = news.type === 'awareness' ? { states: Buffer.from(news.states).toString('base64') } : {}
    this.#publisher
      .publish(channelOf(key), JSON.stringify({ ...news, ...states, from: this.#self }))
      .catch((error: Error) => this.#onError(error))
      .finally(() => this.#underWay--)
  }

  join(key: DocumentKey, onNews: OnNews): () => void {
    const channel = channelOf(key)
    this.#listeners.set(channel, onNews)
    this.#change('subscribe', [channel])
    return () => {
      if (this.#listeners.get(channel) !== onNews) return
      this.#listeners.delete(channel)
      this.#change('unsubscribe', [channel])
    }
  }

  async close(): Promise<void> {
    this.#listeners.clear()
    for (const redis of [this.#publisher, this.#subscriber]) redis.disconnect()
  }

  /** What is asked for while Redis is away is made good when it is back. */
  #change(what: 'subscribe' | 'unsubscribe', channels: string[]): void {
    if (this.#subscriber.status !== 'ready' || channels.length === 0) return
    this.#subscriber[what](...channels).catch((error: Error) => this.#onError(error))
  }

  #onReady(): void {
    this.#change('subscribe', [...this.#listeners.keys()])
    if (this.#trouble) this.#log.info({}, 'Redis is back')
    this.#trouble = false
  }

  /** Said once for each time that it goes away. */
  #onError(error: Error): void {
    if (this.#trouble) return
    this.#trouble = true
    this.#log.warn({ err: error }, 'Redis is away: edits reach other hubs a little later')
  }

  #onMessage(channel: string, text: string): void {
    const onNews = this.#listeners.get(channel)
    const message = onNews && parse(text)
    if (!message || message.from === this.#self) return
    const { from: teller, ...news } = message
    onNews(
      news.type === 'awareness'
        ? { type: 'awareness', states: new Uint8Array(Buffer.from(news.states, 'base64')) }
        : news,
      teller,
    )
  }
}

/** Undefined for what a hub of another version, or a stranger, says. */
function parse(text: string): v.InferOutput<typeof messageSchema> | undefined {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return undefined
  }
  const result = v.safeParse(messageSchema, json)
  return result.success ? result.output : undefined
}

/** Milliseconds that a message took to Redis and back; throws what is wrong. */
export async function pingRedis(url: string): Promise<number> {
  const redis = new Redis(url, { ...redisOptions, lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    const started = performance.now()
    await redis.ping()
    return performance.now() - started
  } finally {
    redis.disconnect()
  }
}
