/**
 * People: signing in at a provider, their identities, invitations and browser sessions. What a provider proves comes
 * through the port of `identity-provider.ts`; who that is, is decided in one transaction of the store.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type {
  BrowserSessionInfo,
  IdentityInfo,
  InvitationInfo,
  ProviderName,
  SignInWays,
} from '@meshbook/core/account-api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type InvitationId, type Now, newId, type OrgId, type RandomBytes, type UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { ownPage } from '@meshbook/core/own-page.ts'
import { cookieOf } from '@meshbook/relay/serve/cookie.ts'
import type { Visit } from '@meshbook/relay/serve/doorway.ts'
import { RateLimiter } from '@meshbook/relay/serve/rate-limiter.ts'
import { hashSecret, newSecret } from '@meshbook/relay/serve/secrets.ts'
import type { AuditNote } from '../store/audit.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { Accepted } from '../store/ways-in.ts'
import { accountName } from './account-name.ts'
import { attemptCookie, attemptCookieName, attemptOf, isState, newAttempt } from './attempt.ts'
import type { Audit, AuditSource } from './audit.ts'
import type { IdentityProvider, Proven } from './identity-provider.ts'
import type { OpenDoors } from './open-doors.ts'
import { passkeyDomain } from './passkey-domain.ts'
import type { Principal } from './principal.ts'
import { browserSessionOf, newBrowserSession, requireSafe, signInNote } from './sign-in.ts'
import { type SignUpPolicy, signUpRefusal } from './sign-up-policy.ts'

export interface AccountsPorts {
  store: HubStore
  audit: Audit
  doors: OpenDoors
  now: Now
  random: RandomBytes
  providers: IdentityProvider[]
  signUp: SignUpPolicy
  publicUrl: string | null
}

/** A browser that asks, and from where. */
export interface Knock extends AuditSource {
  visit: Visit
  headers: IncomingHttpHeaders
}

/** Somebody who asks for something of their own. */
export type Own = AuditSource & { who: Principal }

/** Projects that one sign-in leads to at most, where its address was invited (ME7); the others wait for the next. */
const joinsAtOnce = 20

/** What the store keeps of an attempt while the browser is at the provider. Nothing of it is secret. */
interface AttemptData {
  to: string
  invitation: string | null
  link: { org: OrgId; user: UserId; name: string; browserSession: string } | null
  /** Hash of the session that the browser had: its cookie may stay behind when a provider leads back here. */
  previous: string | null
}

const nobody = ''

export class Accounts {
  readonly #ports: AccountsPorts
  readonly #tries: RateLimiter
  /** Of an address. Counted here, because who comes back is told on a page. */
  readonly #callbacks: RateLimiter

  constructor(ports: AccountsPorts) {
    this.#ports = ports
    this.#tries = new RateLimiter(limits.authTriesPerMinute, ports.now)
    this.#callbacks = new RateLimiter(limits.authTriesPerMinute, ports.now)
  }

  ways(visit: Visit): SignInWays {
    const here = passkeyDomain(visit) !== null
    const local = visit.loopback ? visit.origin.replace(/\/\/[^/]*?(?=(:\d+)?$)/, '//localhost') : null
    return {
      providers: this.#ports.providers.map(({ provider, name }) => ({ provider, name })),
      passkeys: { here, at: here ? null : (this.#ports.publicUrl ?? local) },
    }
  }

  /** Where to send the browser, and the cookie that it must bring back. */
  async begin(
    name: ProviderName,
    knock: Knock,
    wish: { to?: string | undefined; invitation?: string | undefined; link?: Principal },
  ): Promise<{ url: string; cookie: string }> {
    requireSafe(knock.visit)
    const { store, random, now } = this.#ports
    const provider = this.#provider(name)
    const secrets = newAttempt(random)
    const url = await provider.begin(secrets, redirectUri(name, knock.visit))
    const data: AttemptData = {
      to: ownPage(wish.to),
      invitation: wish.invitation === undefined ? null : hashSecret(wish.invitation),
      link: wish.link ? this.#linkOf(wish.link) : null,
      previous: browserSessionOf(knock.visit, knock.headers),
    }
    const at = now()
    await store.call('beginAttempt', {
      org: nobody,
      hash: hashSecret(secrets.cookie),
      purpose: name,
      data: JSON.stringify(data),
      now: at,
      expiresAt: at + limits.signInAttemptMs,
    })
    return { url: url.href, cookie: attemptCookie(knock.visit, secrets.cookie) }
  }

  #linkOf(who: Principal): AttemptData['link'] {
    const browserSession = requireBrowser(who)
    this.#tries.count(who.user)
    return { org: who.org, user: who.user, name: who.name, browserSession }
  }

  /** Everything that can be checked without the provider is checked before it is asked (AU11). */
  async finish(name: ProviderName, knock: Knock, search: string): Promise<{ page: string; cookies: string[] }> {
    requireSafe(knock.visit)
    this.#callbacks.count(knock.visit.address)
    const provider = this.#provider(name)
    const callback = new URL(redirectUri(name, knock.visit) + search)
    const cookie = cookieOf(knock.headers.cookie, attemptCookieName(knock.visit))
    const secrets = cookie === undefined ? undefined : attemptOf(cookie)
    if (!secrets || !isState(secrets, callback.searchParams.get('state'))) throw new MeshError('SIGN_IN_EXPIRED')
    const { store, now } = this.#ports
    const hash = hashSecret(secrets.cookie)
    const taken = await store.call('takeAttempt', { org: nobody, hash, purpose: name, now: now() })
    if (taken === null) throw new MeshError('SIGN_IN_EXPIRED')
    const data = JSON.parse(taken) as AttemptData
    const proven = await provider.finish(secrets, callback)
    return data.link ? this.#link(data.link, proven, knock) : this.#signIn(data, proven, knock)
  }

  async #link(link: NonNullable<AttemptData['link']>, { identity }: Proven, knock: Knock) {
    const { audit, now, random } = this.#ports
    const at = now()
    const { browserSession, ...owner } = link
    const who = { ...owner, credential: { kind: 'session' as const, id: browserSession } }
    const id = newId('identity', at, random)
    const { provider, label } = identity
    const note = audit.note('identity-linked', { ...knock, who }, { target: id, detail: { provider, label } })
    const joining = this.#joining(knock)
    await audit.call('linkIdentity', { owner, browserSession, proven: identity, id, joining, now: at }, note)
    return { page: '/account', cookies: [attemptCookie(knock.visit, '')] }
  }

  #joining(knock: Knock): AuditNote[] {
    return Array.from({ length: joinsAtOnce }, () => this.#ports.audit.note('member-added', knock))
  }

  async #signIn(data: AttemptData, { identity, wishedName }: Proven, knock: Knock) {
    const { audit, now, random, signUp } = this.#ports
    const at = now()
    const { session, cookie } = newBrowserSession(this.#ports, knock, data.previous)
    const wanted = {
      proven: identity,
      identity: newId('identity', at, random),
      account: this.newAccount(wishedName),
      refusal: signUpRefusal(signUp, identity.email),
      invitation: data.invitation,
      session,
      joining: this.#joining(knock),
    }
    const note = signInNote(audit, knock, session, identity.provider)
    const { ended } = await audit.call('signInWithIdentity', wanted, note)
    this.closeSessions(ended)
    return { page: data.to, cookies: [cookie, attemptCookie(knock.visit, '')] }
  }

  newAccount(wishedName: string): { org: OrgId; user: UserId; name: string; now: number } {
    const { now, random } = this.#ports
    const at = now()
    return { org: newId('org', at, random), user: newId('user', at, random), name: accountName(wishedName), now: at }
  }

  /** What was opened with these browser sessions ends (AU31). */
  closeSessions(ids: readonly string[]): void {
    for (const id of ids) this.#ports.doors.revoke({ kind: 'session', id }, new MeshError('UNAUTHENTICATED'))
  }

  async identities(who: Principal): Promise<IdentityInfo[]> {
    const rows = await this.#ports.store.query('listIdentities', { org: who.org, user: who.user })
    return rows.map(({ issuer, ...row }) => {
      const provider = this.#ports.providers.find(known => known.provider === row.provider && known.issuer === issuer)
      return { ...row, providerName: provider?.name ?? URL.parse(issuer)?.host ?? issuer }
    })
  }

  async unlink(own: Own, id: string): Promise<void> {
    const { audit } = this.#ports
    const { org, user } = own.who
    const note = audit.note('identity-removed', own, { target: id })
    const known = await audit.call('unlinkIdentity', { org, user, id, accepted: this.accepted() }, note)
    if (!known) throw new MeshError('NOT_FOUND', { detail: `identity ${id}` })
  }

  /** What signs somebody in at this hub as it is set up now (AU6). */
  accepted(): Accepted {
    const { providers, publicUrl } = this.#ports
    const issuers = providers.map(({ provider, issuer }) => ({ provider, issuer }))
    return { issuers, domains: publicUrl === null ? ['localhost'] : ['localhost', new URL(publicUrl).hostname] }
  }

  async browserSessions(who: Principal): Promise<BrowserSessionInfo[]> {
    const { store, now } = this.#ports
    const rows = await store.query('listBrowserSessions', { org: who.org, user: who.user, now: now() })
    const own = who.credential.kind === 'session' ? who.credential.id : undefined
    return rows.map(row => ({ ...row, current: row.id === own }))
  }

  /** Durable first, then what is open closes. */
  async endSessions(own: Own, which: { only?: string; except?: string }): Promise<number> {
    const { audit } = this.#ports
    const { org, user } = own.who
    const { only = null, except = null } = which
    const note = audit.note('sign-out', own, { detail: { of: only ?? (except === null ? 'all' : 'others') } })
    const ended = (await audit.call('endBrowserSessions', { org, user, only, except }, note)) ?? []
    this.closeSessions(ended)
    return ended.length
  }

  /** The code stands in the fragment, which no browser sends to any server (AU4). */
  async invite(own: Own, note: string, url: string): Promise<InvitationInfo> {
    const { audit, now, random } = this.#ports
    const { org, user } = own.who
    this.#tries.count(user)
    const code = newSecret(random)
    const at = now()
    const id = newId('invitation', at, random)
    const times = { createdAt: at, expiresAt: at + limits.invitationMs }
    const row = { org, user, id, hash: hashSecret(code), note, grants: '[]', now: at, expiresAt: times.expiresAt }
    await audit.call('addInvitation', row, audit.note('account-invited', own, { target: id, detail: { note } }))
    return { id, note, ...times, usedBy: null, link: `${url}/signin#invitation=${code}` }
  }

  invitations(who: Principal): Promise<InvitationInfo[]> {
    const rows = limits.pageRows
    return this.#ports.store.query('listInvitations', { org: who.org, user: who.user, rows })
  }

  async withdraw(own: Own, id: InvitationId): Promise<void> {
    const { audit } = this.#ports
    const { org, user } = own.who
    const note = audit.note('account-invitation-withdrawn', own, { target: id })
    const known = await audit.call('withdrawInvitation', { org, user, id }, note)
    if (!known) throw new MeshError('NOT_FOUND', { detail: `invitation ${id}` })
  }

  #provider(name: ProviderName): IdentityProvider {
    const found = this.#ports.providers.find(({ provider }) => provider === name)
    if (!found) throw new MeshError('NOT_FOUND', { detail: `this hub does not sign in with ${name}` })
    return found
  }
}

/** Ways in are added by the person at a browser, never by a token that a program holds. */
export function requireBrowser(who: Principal): string {
  if (who.credential.kind === 'session') return who.credential.id
  throw new MeshError('FORBIDDEN', { detail: 'this needs a browser that is signed in' })
}

function redirectUri(name: ProviderName, visit: Visit): string {
  return `${visit.origin}/api/v1/auth/${name}/callback`
}
