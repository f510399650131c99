/** Signing in: the first user, one-time links, browser sessions, API tokens and tickets. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Scope } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import {
  type DeviceId,
  type DocumentId,
  type Now,
  newId,
  type OrgId,
  type ProjectId,
  type RandomBytes,
  type UserId,
} from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { cookieOf } from '@meshbook/relay/serve/cookie.ts'
import type { Visit } from '@meshbook/relay/serve/doorway.ts'
import { hashSecret, newSecret } from '@meshbook/relay/serve/secrets.ts'
import type { AuditNote } from '../store/audit.ts'
import type { NewBrowserSession } from '../store/browser-sessions.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { UserRow } from '../store/identity.ts'
import type { Audit, AuditSource } from './audit.ts'
import { cookieName } from './authenticator.ts'
import { browserName } from './browser-name.ts'
import { credentialKey, type Principal, scopesUpTo } from './principal.ts'

export interface SignInPorts {
  store: HubStore
  now: Now
  random: RandomBytes
}

type AuditedPorts = SignInPorts & { audit: Audit }

export async function ensureFirstUser(
  { store, now, random }: SignInPorts,
  bootstrapToken: string | null,
): Promise<UserRow> {
  const at = now()
  const token = bootstrapToken === null ? null : { id: newId('token', at, random), hash: hashSecret(bootstrapToken) }
  return store.call('firstUser', {
    org: newId('org', at, random),
    user: newId('user', at, random),
    name: 'me',
    now: at,
    token,
  })
}

/** A new user, who signs in by a link. */
export async function addUser(ports: SignInPorts, name: string, url: string): Promise<string> {
  const { store, now, random } = ports
  const [org, user] = [newId('org', now(), random), newId('user', now(), random)]
  return newSignInLink(ports, await store.call('addUser', { org, user, name, now: now() }), url)
}

/** The code stands in the fragment, which no browser sends to any server. */
export async function newSignInLink(
  { store, now, random }: SignInPorts,
  user: UserRow,
  url: string,
  to?: string,
): Promise<string> {
  const code = newSecret(random)
  await store.call('addLink', {
    org: user.org,
    user: user.user,
    hash: hashSecret(code),
    now: now(),
    expiresAt: now() + limits.signInLinkMs,
  })
  return `${url}/signin${to === undefined ? '' : `?to=${encodeURIComponent(to)}`}#${code}`
}

/** Signing in needs a connection that nobody can overhear (AU35). */
export function requireSafe(visit: Visit): void {
  if (!visit.secure && !visit.loopback) throw new MeshError('PLAIN_HTTP')
}

/** Hash of the session that this browser shows, to be ended by a new one. */
export function browserSessionOf(visit: Visit, headers: IncomingHttpHeaders): string | null {
  const secret = cookieOf(headers.cookie, cookieName(visit))
  return secret === undefined ? null : hashSecret(secret)
}

/** A browser session with a secret of its own (AU30), and the Set-Cookie header that hands it out. */
export function newBrowserSession(
  { now, random }: Pick<SignInPorts, 'now' | 'random'>,
  { visit, headers }: { visit: Visit; headers: IncomingHttpHeaders },
  previous: string | null,
): { session: NewBrowserSession; cookie: string } {
  const secret = newSecret(random)
  const at = now()
  const session = {
    id: newId('token', at, random),
    hash: hashSecret(secret),
    browser: browserName(headers['user-agent'] ?? ''),
    previous,
    now: at,
    expiresAt: at + limits.cookieMs,
  }
  return { session, cookie: cookieText(visit, secret, limits.cookieMs) }
}

/** The note of a sign-in that succeeds; who it is, the store finds. */
export function signInNote(audit: Audit, source: AuditSource, session: NewBrowserSession, by: string): AuditNote {
  return audit.note('sign-in', source, { target: `session:${session.id}`, detail: { by } })
}

/** The Set-Cookie header of the new browser session, and the sessions that ended by it. */
export async function signInByLink(
  ports: AuditedPorts,
  knock: AuditSource & { visit: Visit; headers: IncomingHttpHeaders },
  code: string,
): Promise<{ cookie: string; ended: string[] }> {
  requireSafe(knock.visit)
  const { audit } = ports
  const { session, cookie } = newBrowserSession(ports, knock, browserSessionOf(knock.visit, knock.headers))
  const note = signInNote(audit, knock, session, 'link')
  const done = await audit.call('useLink', { linkHash: hashSecret(code), session }, note)
  if (!done) {
    audit.signInFailed(knock, { by: 'link' })
    throw new MeshError('LINK_USED')
  }
  return { cookie, ended: done.ended }
}

/** Signs in the browser that was paired with this claim, once; nothing when it is not confirmed, or has been signed in. */
export async function signInByPairing(
  ports: AuditedPorts,
  knock: AuditSource & { visit: Visit; headers: IncomingHttpHeaders },
  claim: string,
): Promise<{ cookie: string; ended: string[] } | undefined> {
  requireSafe(knock.visit)
  const { audit } = ports
  const { session, cookie } = newBrowserSession(ports, knock, browserSessionOf(knock.visit, knock.headers))
  const note = signInNote(audit, knock, session, 'pairing')
  const done = await audit.call('takePairedSession', { claimHash: hashSecret(claim), session }, note)
  return done ? { cookie, ended: done.ended } : undefined
}

export async function signOut(
  { audit }: AuditedPorts,
  source: AuditSource & { visit: Visit; who: Principal },
): Promise<string> {
  const { visit, who } = source
  const { kind, id } = who.credential
  if (kind === 'session') await audit.call('endBrowserSession', { org: who.org, id }, audit.note('sign-out', source))
  return noCookie(visit)
}

export function noCookie(visit: Visit): string {
  return cookieText(visit, '', 0)
}

function cookieText(visit: Visit, value: string, ageMs: number): string {
  const site = visit.secure ? 'Secure; SameSite=Lax' : 'SameSite=Strict'
  return `${cookieName(visit)}=${value}; Path=/; HttpOnly; ${site}; Max-Age=${Math.floor(ageMs / 1000)}`
}

export async function newToken(
  { audit, now, random }: AuditedPorts,
  source: AuditSource & { who: Principal },
  name: string,
  scopes: Scope[],
): Promise<{ id: string; name: string; token: string; createdAt: number }> {
  const token = newSecret(random, 'mb_')
  const createdAt = now()
  const id = newId('token', createdAt, random)
  const { org, user } = source.who
  const note = audit.note('token-made', source, { target: id, detail: { name, scopes } })
  await audit.call('addToken', { org, user, id, hash: hashSecret(token), name, scopes, now: createdAt }, note)
  return { id, name, token, createdAt }
}

/** The token of this machine's own commands: one, whoever starts them. `machine` tells hubs on one database apart. */
export async function commandLineToken(
  { store, now, random }: SignInPorts,
  user: UserRow,
  machine?: string,
): Promise<string> {
  const token = newSecret(random, 'mb_')
  const at = now()
  await store.call('replaceToken', {
    org: user.org,
    user: user.user,
    id: newId('token', at, random),
    hash: hashSecret(token),
    name: machine === undefined ? 'command line of the hub' : `command line of the hub at ${machine}`,
    scopes: ['read', 'write', 'run'],
    now: at,
  })
  return token
}

/** The token of the commands on a paired machine: one, made anew whenever its daemon asks, and ended with the device. */
export async function deviceCommandToken(
  { store, now, random }: SignInPorts,
  device: { org: OrgId; user: UserId; id: DeviceId; name: string },
): Promise<string> {
  const token = newSecret(random, 'mb_')
  const at = now()
  await store.call('replaceToken', {
    org: device.org,
    user: device.user,
    id: newId('token', at, random),
    hash: hashSecret(token),
    name: `command line of ${device.name}`,
    scopes: ['read', 'write', 'run'],
    device: device.id,
    now: at,
  })
  return token
}

/** A ticket never grants more than its maker may do, and ends with what it was made with. */
export async function newTicket(
  { store, audit, now, random }: AuditedPorts,
  source: AuditSource & { who: Principal },
  { owner, ...about }: { owner: OrgId; project: ProjectId; document: DocumentId | null; scope: Scope },
): Promise<{ ticket: string; scope: Scope; expiresAt: number; firstUseBefore: number }> {
  const { who } = source
  if (![...scopesUpTo(about.scope)].every(scope => who.can.has(scope)))
    throw new MeshError('FORBIDDEN', { detail: `you may not ${about.scope}` })
  const ticket = newSecret(random, 'mt_')
  const at = now()
  const times = { expiresAt: at + limits.ticketMs, firstUseBefore: at + limits.ticketFirstUseMs }
  const row = {
    ...about,
    ...times,
    org: who.org,
    user: who.user,
    id: newId('ticket', at, random),
    hash: hashSecret(ticket),
    issuer: credentialKey(who.credential),
    now: at,
  }
  const detail = { ticket: row.id, document: about.document }
  const note = audit.note('run-ticket-made', source, { org: owner, target: about.project, detail })
  await (about.scope === 'run' ? audit.call('addTicket', row, note) : store.call('addTicket', row))
  return { ticket, scope: about.scope, ...times }
}
