/**
 * Looks for notices and deliveries that are due, and sends them. Everything that it must remember is in the store, so that
 * it may be killed at any moment, and several hubs may look at the same (NT12). What is told to whom is not decided here.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now, RandomBytes, UserId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { hashSecret } from '@meshbook/relay/serve/secrets.ts'
import type { Log } from '../log.ts'
import type { Outgoing } from '../outgoing/guarded-request.ts'
import type { ClaimedDelivery, DeliveryKey, DeliveryOutcome } from '../store/deliveries.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { MasterKey } from '../vault/master-key.ts'
import { outcomeOf, outcomeOfError, outcomeOfMail } from './delivery-outcome.ts'
import { mailOf } from './mail.ts'
import type { MailAnswer, MailSender } from './mail-sender.ts'
import type { PushKeyPair } from './push-key.ts'
import { openedWay } from './sealed-way.ts'
import { requestOf } from './way-requests.ts'
import type { Words } from './words.ts'

export interface NotifierPorts {
  store: HubStore
  key: PushKeyPair
  send: Outgoing
  /** Null where the operator named no mail server. */
  mail: MailSender | null
  masterKey: () => Promise<MasterKey>
  /** Under which people reach the hub. */
  hubUrl: () => string
  pushServices: readonly string[]
  times: Limits
  now: Now
  random: RandomBytes
  log: Log
}

/** How long what is being sent may take to finish when the hub stops. */
const finishMs = 2_000

export class Notifier {
  readonly #ports: NotifierPorts
  readonly #sending = new Map<string, Promise<void>>()
  readonly #stop = new AbortController()
  #looking = false
  #sweptAt = 0

  constructor(ports: NotifierPorts) {
    this.#ports = ports
  }

  /** Returns what ends it. */
  begin(): () => Promise<void> {
    const { times, log } = this.#ports
    const look = (): void => {
      this.look().catch((error: unknown) => log.debug({ err: error }, 'looking for notices failed'))
    }
    const timer = setInterval(look, times.noticeLookMs)
    return async () => {
      clearInterval(timer)
      const late = setTimeout(() => this.#stop.abort(), finishMs)
      while (this.#sending.size > 0) await Promise.allSettled(this.#sending.values())
      clearTimeout(late)
      this.#stop.abort()
    }
  }

  async look(): Promise<void> {
    if (this.#looking || this.#stop.signal.aborted) return
    this.#looking = true
    try {
      const { store, times, now } = this.#ports
      for (const who of await store.query('dueNotices', { now: now(), rows: times.noticeRows }))
        await store.call('planNotices', { org: who.org, user: who.user, now: now() })
      await this.#sendDue()
      await this.#sweep()
    } finally {
      this.#looking = false
    }
  }

  async #sendDue(): Promise<void> {
    const { store, times, now, log } = this.#ports
    const asked = { now: now(), perUser: times.deliveriesPerUser, rows: times.noticeRows }
    const due = await store.query('dueDeliveries', asked)
    for (const { user, ...delivery } of due) {
      const own = [...this.#sending.keys()].filter(key => key.startsWith(`${user} `)).length
      if (this.#sending.size >= times.deliveriesPerHub || own >= times.deliveriesPerUser) continue
      const key = `${user} ${delivery.notice} ${delivery.way}`
      if (this.#sending.has(key)) continue
      const sending = this.deliver(delivery)
        .catch((error: unknown) => log.warn({ err: error, way: delivery.way }, 'a notice was not sent'))
        .finally(() => this.#sending.delete(key))
      this.#sending.set(key, sending)
    }
  }

  /** Sends it, if nobody else does; what came of it is in the store. */
  async deliver(delivery: DeliveryKey): Promise<void> {
    const claimed = await this.#ports.store.call('claimDelivery', { ...delivery, ...this.#lease(delivery) })
    if (claimed) await this.#finish(delivery, claimed)
  }

  /** Sends a test right away (NT21); false when there is no such way. */
  async test(user: UserId, delivery: DeliveryKey, words: Words & { tag: string }): Promise<boolean> {
    const claimed = await this.#ports.store.call('makeTest', { ...delivery, ...words, user, ...this.#lease(delivery) })
    if (claimed) await this.#finish(delivery, claimed)
    return claimed !== null
  }

  /** Sends a code to an address that awaits one, and tries again like anything else (NT31); false when it awaits none. */
  async code(user: UserId, delivery: DeliveryKey, words: Words & { tag: string; mark: string }): Promise<boolean> {
    const { store, now, times } = this.#ports
    const until = now() + times.mailCodeMs
    const claimed = await store.call('makeCode', { ...delivery, ...words, user, until, ...this.#lease(delivery) })
    if (claimed) await this.#finish(delivery, claimed)
    return claimed !== null
  }

  #lease({ notice, way }: DeliveryKey): { receiptHash: string; now: number; leaseUntil: number } {
    const { key, now, times } = this.#ports
    const at = now()
    return { receiptHash: hashSecret(key.receiptOf(notice, way)), now: at, leaseUntil: at + times.deliveryLeaseMs }
  }

  async #finish(delivery: DeliveryKey, claimed: ClaimedDelivery): Promise<void> {
    const { store, key, now } = this.#ports
    const outcome = await this.#send(claimed, key.receiptOf(delivery.notice, delivery.way))
    // Whether it arrived is not known: another hub, or this one when it is back, sends it once more.
    if (this.#stop.signal.aborted && outcome.as === 'again') return
    await store.call('settleDelivery', { ...delivery, attempt: claimed.attempt, outcome, now: now() })
  }

  async #send(sealed: ClaimedDelivery, receipt: string): Promise<DeliveryOutcome> {
    const { key, send, hubUrl, pushServices, now, random, masterKey } = this.#ports
    const fraction = (): number => Buffer.from(random(4)).readUInt32BE() / 2 ** 32
    const attempt = { kind: sealed.target.kind, attempt: sealed.attempt, now: now(), random: fraction }
    try {
      const claimed = { ...sealed, target: await openedWay(sealed.target, masterKey) }
      if (attempt.kind === 'email') return outcomeOfMail(attempt, await this.#mail(claimed))
      const details = key.details(hubUrl())
      const request = requestOf(claimed, { details, hubUrl: hubUrl(), pushServices, now: now(), receipt })
      return outcomeOf(attempt, await send(request, this.#stop.signal))
    } catch (thrown) {
      return outcomeOfError(attempt, thrown)
    }
  }

  async #mail(claimed: ClaimedDelivery): Promise<MailAnswer> {
    const { mail, key, hubUrl } = this.#ports
    if (mail === null) throw new MeshError('MAIL_OFF')
    const code = (): string => key.codeOf(claimed.notice.id, claimed.target.id)
    return mail.send(mailOf(claimed, { hubUrl: hubUrl(), code }), hubUrl(), this.#stop.signal)
  }

  async #sweep(): Promise<void> {
    const { store, times, now } = this.#ports
    const at = now()
    if (Math.abs(at - this.#sweptAt) < times.runRetentionMs) return
    this.#sweptAt = at
    const page = { before: at - times.noticeKeptMs, rows: times.noticeSweepRows }
    while (await store.call('sweepNotices', page));
  }
}
