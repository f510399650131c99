/** Wakes other hubs by one channel of Redis. While Redis is away hints are dropped. */
import { isId, isRunId, type OrgId, type RandomBytes } from '@meshbook/core/ids.ts'
import { Redis } from 'ioredis'
import { redisOptions } from '../documents/redis-neighbours.ts'
import type { Log } from '../log.ts'
import type { Hint, Wake } from './wake.ts'

const channel = 'meshbook:hubs'
/** Hints under way; more are dropped. */
const mostUnderWay = 1_000

export class RedisWake implements Wake {
  readonly #self: string
  readonly #publisher: Redis
  readonly #subscriber: Redis
  #onHint: (hint: Hint) => void = () => undefined
  #underWay = 0

  constructor({ url, random, log }: { url: string; random: RandomBytes; log: Log }) {
    this.#self = Buffer.from(random(12)).toString('hex')
    this.#publisher = new Redis(url, redisOptions)
    this.#subscriber = new Redis(url, redisOptions)
    const note = (error: Error) => log.debug({ err: error }, 'Redis is away: other hubs hear a little later')
    for (const redis of [this.#publisher, this.#subscriber]) redis.on('error', note)
    this.#subscriber.on('ready', () => void this.#subscriber.subscribe(channel).catch(note))
    this.#subscriber.on('message', (_, text: string) => this.#heard(text))
  }

  tell(hint: Hint): void {
    if (this.#publisher.status !== 'ready' || this.#underWay >= mostUnderWay) return
    this.#underWay++
    const parts = hint.type === 'grew' ? [this.#self, hint.org, hint.run] : [this.#self]
    this.#publisher
      .publish(channel, parts.join(' '))
      .catch(() => undefined)
      .finally(() => this.#underWay--)
  }

  listen(onHint: (hint: Hint) => void): void {
    this.#onHint = onHint
  }

  async close(): Promise<void> {
    for (const redis of [this.#publisher, this.#subscriber]) redis.disconnect()
  }

  /** What a stranger says at worst makes a hub look. */
  #heard(text: string): void {
    const [from, org, run] = text.split(' ', 3)
    if (from === this.#self) return
    if (isId('org', org) && isRunId(run)) this.#onHint({ type: 'grew', org: org as OrgId, run })
    else this.#onHint({ type: 'news' })
  }
}
