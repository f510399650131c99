/** The ways of users: added after a look at where they lead, shown without their secrets, tried (NT13–NT15, NT20, NT21). */
import { createECDH, createHash, timingSafeEqual } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import { type Now, newId, parseId, type RandomBytes, type WayId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { MadeWay, MailOffer, NewWay, Way, WayTest } from '@meshbook/core/notify-api.ts'
import { RateLimiter } from '@meshbook/relay/serve/rate-limiter.ts'
import { newSecret } from '@meshbook/relay/serve/secrets.ts'
import type { Audit, AuditSource } from '../auth/audit.ts'
import { credentialKey, type Principal } from '../auth/principal.ts'
import { type AddressKind, addressKind } from '../outgoing/address-kind.ts'
import { checkedAddresses, checkedUrl, type OutgoingPorts } from '../outgoing/guarded-request.ts'
import { pushServiceAllows } from '../outgoing/push-services.ts'
import type { HubStore } from '../store/hub-store.ts'
import { idFrom } from '../store/notices.ts'
import type { FailureRow, TestRow, WayRow, WayTarget } from '../store/ways.ts'
import type { MasterKey } from '../vault/master-key.ts'
import { nextSteps } from './delivery-outcome.ts'
import { mailboxOf, shownAddress } from './mail-address.ts'
import type { MailSender } from './mail-sender.ts'
import type { Notifier } from './notifier.ts'
import type { PushKeyPair } from './push-key.ts'
import { openedWay, originOf, sealWay } from './sealed-way.ts'
import { codeWords, testWords } from './words.ts'

export interface WaysPorts {
  store: HubStore
  audit: Audit
  notifier: Pick<Notifier, 'test' | 'code'>
  key: Pick<PushKeyPair, 'codeOf' | 'markOf'>
  masterKey: () => Promise<MasterKey>
  mail: Pick<MailSender, 'from'> | null
  pushServices: readonly string[]
  resolve: OutgoingPorts['resolve']
  times: Limits
  now: Now
  random: RandomBytes
}

type Source = AuditSource & { who: Principal }

export class Ways {
  readonly #ports: WaysPorts
  readonly #tests: RateLimiter

  constructor(ports: WaysPorts) {
    this.#ports = ports
    this.#tests = new RateLimiter(ports.times.pushTestsPerMinute, ports.now)
  }

  async add(source: Source, wish: NewWay): Promise<{ way: MadeWay; created: boolean }> {
    const { store, audit, now, random } = this.#ports
    const { org, user, credential } = source.who
    const owner = { org, user }
    const isOwner = await store.query('isFirstUser', owner)
    const target = await this.#targetOf(wish, isOwner)
    const id = newId('way', now(), random)
    const row = {
      ...{ ...owner, id, ...target, ...(await this.#sealed(id, target)), shown: shownOf(target) },
      ...{ credential: credentialKey(credential), now: now(), mark: this.#markOf(target) },
      name: wish.name ?? nameOf(wish),
      replaces: wish.kind === 'push' ? (wish.replaces ?? null) : null,
    }
    const note = audit.note('way-added', source, { target: id, detail: { kind: wish.kind, host: hostOf(row) } })
    const { way, created } = await audit.call('addWay', row, note)
    if (row.mark !== null) return { way: await this.#sendCode(source.who, id, row.mark), created }
    const shown = shownWay({ ...way, test: null }, source.who)
    return { way: wish.kind === 'webhook' ? { ...shown, secret: target.secret! } : shown, created }
  }

  /** What is stored of what a way leads to (NT16). */
  async #sealed(id: WayId, target: Target): Promise<Partial<WayTarget>> {
    if (target.kind === 'push') return {}
    const sealed = sealWay(await this.#ports.masterKey(), id, target)
    return { sealed, url: target.kind === 'email' ? '' : originOf(target.url), topic: null, secret: null }
  }

  #markOf({ kind, url }: Target): string | null {
    return kind === 'email' ? this.#ports.key.markOf(mailboxOf(url)) : null
  }

  async #sendCode(who: Principal, way: WayId, mark: string): Promise<Way> {
    const { org, user } = who
    const notice = idFrom('code', way, newSecret(this.#ports.random))
    const words = { ...codeWords(), tag: 'code', mark }
    if (!(await this.#ports.notifier.code(user, { org, notice, way }, words))) throw notThere(way)
    return this.#find(who, way)
  }

  /** Another code for an address that awaits one; the one before is void (NT31). */
  async sendCode(who: Principal, id: WayId): Promise<Way> {
    const known = await this.#find(who, id)
    if (known.codeUntil === null) return known
    const target = await this.#ports.store.query('wayTarget', { org: who.org, user: who.user, id })
    if (!target) throw notThere(id)
    const mark = this.#markOf(await openedWay(target, this.#ports.masterKey))
    return this.#sendCode(who, id, mark ?? '')
  }

  /** Said again it changes nothing; each wrong code is a try (NT31). */
  async confirm(source: Source, id: WayId, code: string): Promise<Way> {
    const { store, audit, key, now } = this.#ports
    const { org, user } = source.who
    const place = { org, user, id }
    if ((await this.#find(source.who, id)).codeUntil === null) return this.#find(source.who, id)
    const notice = await store.call('spendCodeTry', { ...place, now: now() })
    if (notice === null || !isSame(key.codeOf(notice, id), code.replace(/\D/g, ''))) throw wrongCode()
    const note = audit.note('way-confirmed', source, { target: id })
    if (!(await audit.call('confirmWay', { ...place, notice }, note))) throw wrongCode()
    return this.#find(source.who, id)
  }

  mailOffer(): MailOffer {
    const { mail } = this.#ports
    return { works: mail !== null, from: mail?.from ?? null }
  }

  async #find(who: Principal, id: WayId): Promise<Way> {
    const known = (await this.list(who)).find(way => way.id === id)
    if (!known) throw notThere(id)
    return known
  }

  /** Where it leads is looked at again each time that something is sent there. */
  async #targetOf(wish: NewWay, isOwner: boolean): Promise<Target> {
    const nothing = { inside: false, p256dh: null, auth: null, topic: null, secret: null, sealed: null }
    if (wish.kind === 'email') {
      if (this.#ports.mail === null) throw new MeshError('MAIL_OFF')
      return { ...nothing, kind: 'email', url: wish.address }
    }
    if (wish.kind === 'push') {
      const { endpoint: url } = wish.subscription
      const keys = {
        p256dh: withoutPadding(wish.subscription.keys.p256dh),
        auth: withoutPadding(wish.subscription.keys.auth),
      }
      pushServiceAllows(url, this.#ports.pushServices)
      checkKey(keys.p256dh)
      return { ...nothing, kind: 'push', url, ...keys }
    }
    const url = wish.kind === 'ntfy' ? wish.server : wish.url
    const inside = isOwner && (await this.#leadsInside(url))
    if (!inside)
      await checkedAddresses(
        this.#ports,
        checkedUrl(url),
        ['public'],
        AbortSignal.timeout(this.#ports.times.outgoingMs),
      )
    if (wish.kind === 'slack') {
      if (!inside && new URL(url).protocol !== 'https:')
        throw new MeshError('BAD_REQUEST', { detail: 'expected an https address: who overhears it can write there' })
      return { ...nothing, kind: 'slack', url, inside }
    }
    if (wish.kind === 'ntfy')
      return { ...nothing, kind: 'ntfy', url, inside, topic: wish.topic, secret: wish.token ?? null }
    return { ...nothing, kind: 'webhook', url, inside, secret: newSecret(this.#ports.random, 'mbs_') }
  }

  async #leadsInside(url: string): Promise<boolean> {
    const allows: AddressKind[] = ['public', 'private']
    const signal = AbortSignal.timeout(this.#ports.times.outgoingMs)
    const found = await checkedAddresses(this.#ports, checkedUrl(url), allows, signal)
    return found.some(({ address }) => addressKind(address) === 'private')
  }

  async list(who: Principal): Promise<Way[]> {
    const rows = await this.#ports.store.query('listWays', { org: who.org, user: who.user })
    return rows.map(row => shownWay(row, who))
  }

  async remove(source: Source, id: WayId): Promise<void> {
    const { audit } = this.#ports
    const { org, user } = source.who
    const gone = await audit.call('removeWay', { org, user, id }, audit.note('way-removed', source, { target: id }))
    if (!gone) throw notThere(id)
  }

  /** Goes the whole way at once; that the phone has shown it comes later, and stands in the list (NT21). */
  async test(who: Principal, id: WayId): Promise<WayTest> {
    const { notifier, random } = this.#ports
    const { org, user } = who
    const known = await this.#find(who, id)
    if (known.codeUntil !== null) throw new MeshError('BAD_REQUEST', { detail: 'this address awaits its code' })
    this.#tests.count(`${org} ${user}`)
    const notice = idFrom('test', id, newSecret(random))
    const words = { tag: 'test', ...testWords(known.name) }
    if (!(await notifier.test(user, { org, notice, way: id }, words))) throw notThere(id)
    const after = (await this.list(who)).find(way => way.id === id)
    // Its service has forgotten the subscription, so there is no such way any more.
    if (!after?.test)
      throw new MeshError('NOT_FOUND', { detail: `${known.host} does not know this subscription any more` })
    return after.test
  }
}

const wrongCode = (): MeshError =>
  new MeshError('BAD_REQUEST', { detail: 'this is not the newest code, or it is not good any more' })

const notThere = (id: WayId): MeshError => new MeshError('NOT_FOUND', { detail: `way ${id}` })

const withoutPadding = (base64: string): string => base64.replace(/=+$/, '')

/** A key that is no point of the curve would fail at each message. */
function checkKey(p256dh: string): void {
  try {
    const curve = createECDH('prime256v1')
    curve.generateKeys()
    curve.computeSecret(Buffer.from(p256dh, 'base64url'))
  } catch (cause) {
    throw new MeshError('BAD_REQUEST', { detail: 'p256dh is no key of a browser', cause })
  }
}

function nameOf(wish: NewWay): string {
  if (wish.kind === 'push') return 'This browser'
  return { ntfy: 'ntfy', webhook: 'Webhook', slack: 'Slack', email: 'E-mail' }[wish.kind]
}

type Target = Omit<WayTarget, 'id'>

/** Null where the host is enough (NT16). */
function shownOf({ kind, url }: Target): string | null {
  if (kind === 'email') return shownAddress(url)
  return kind === 'slack' && url.length > shownFromChars ? `${new URL(url).host}/…${url.slice(-4)}` : null
}

/** Of a shorter address the end would be too much of it. */
const shownFromChars = 60

function hostOf({ kind, url, shown }: Pick<WayRow, 'kind' | 'url' | 'shown'>): string {
  return kind === 'email' ? (shown ?? '').replace(/^.*@/, '') : new URL(url).host
}

function isSame(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function shownWay(row: WayRow & { test: TestRow | null }, who: Principal): Way {
  const { id, kind, name, url, credential, codeUntil, createdAt, acceptedAt, confirmedAt, test } = row
  const host = hostOf(row)
  return {
    ...{ id, kind, name, host, shown: row.shown ?? host, codeUntil, createdAt, acceptedAt, confirmedAt },
    current: kind === 'push' && credential === credentialKey(who.credential),
    endpointHash: kind === 'push' ? createHash('sha256').update(url).digest('hex') : null,
    failure: failureOf(row),
    test: test && shownTest(test),
  }
}

function shownTest(row: TestRow): WayTest {
  const { id, madeAt, acceptedAt, confirmedAt } = row
  const station = confirmedAt !== null ? 'confirmed' : acceptedAt !== null ? 'accepted' : 'made'
  return { id, station, madeAt, acceptedAt, confirmedAt, failure: failureOf(row) }
}

function failureOf({ failedAt: at, failure: code, failureDetail }: FailureRow): Way['failure'] {
  return at === null || code === null ? null : { at, code, detail: failureDetail ?? '', next: nextSteps[code] }
}

export const parseWay = (text: string): WayId => parseId('way', text)
