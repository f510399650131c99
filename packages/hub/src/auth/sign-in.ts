/** Signing in: the first user, one-time links, browser sessions, API tokens and tickets. */
import type { Scope } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type DocumentId, type Now, newId, type ProjectId, type RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Visit } from '@meshbook/relay/serve/doorway.ts'
import { hashSecret, newSecret } from '@meshbook/relay/serve/secrets.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { UserRow } from '../store/identity.ts'
import { cookieName } from './authenticator.ts'
import { credentialKey, type Principal, scopesUpTo } from './principal.ts'

export interface SignInPorts {
  store: HubStore
  now: Now
  random: RandomBytes
}

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

/** Returns the Set-Cookie header of the new browser session. */
export async function signInByLink({ store, now, random }: SignInPorts, visit: Visit, code: string): Promise<string> {
  if (!visit.secure && !visit.loopback) throw new MeshError('PLAIN_HTTP')
  const secret = newSecret(random)
  const at = now()
  const user = await store.call('useLink', {
    linkHash: hashSecret(code),
    sessionId: newId('token', at, random),
    sessionHash: hashSecret(secret),
    now: at,
    expiresAt: at + limits.cookieMs,
  })
  if (!user) throw new MeshError('LINK_USED')
  return cookieText(visit, secret, limits.cookieMs)
}

export async function signOut({ store }: SignInPorts, visit: Visit, who: Principal): Promise<string> {
  if (who.credential.kind === 'session') await store.call('endBrowserSession', { org: who.org, id: who.credential.id })
  return cookieText(visit, '', 0)
}

function cookieText(visit: Visit, value: string, ageMs: number): string {
  const site = visit.secure ? 'Secure; SameSite=Lax' : 'SameSite=Strict'
  return `${cookieName(visit)}=${value}; Path=/; HttpOnly; ${site}; Max-Age=${Math.floor(ageMs / 1000)}`
}

export async function newToken(
  { store, now, random }: SignInPorts,
  user: Pick<UserRow, 'org' | 'user'>,
  name: string,
  scopes: Scope[],
): Promise<{ id: string; name: string; token: string; createdAt: number }> {
  const token = newSecret(random, 'mb_')
  const createdAt = now()
  const id = newId('token', createdAt, random)
  await store.call('addToken', {
    org: user.org,
    user: user.user,
    id,
    hash: hashSecret(token),
    name,
    scopes,
    now: createdAt,
  })
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

/** A ticket never grants more than its maker may do, and ends with what it was made with. */
export async function newTicket(
  { store, now, random }: SignInPorts,
  who: Principal,
  about: { project: ProjectId; document: DocumentId | null; scope: Scope },
): Promise<{ ticket: string; scope: Scope; expiresAt: number; firstUseBefore: number }> {
  if (![...scopesUpTo(about.scope)].every(scope => who.can.has(scope)))
    throw new MeshError('FORBIDDEN', { detail: `you may not ${about.scope}` })
  const ticket = newSecret(random, 'mt_')
  const at = now()
  const times = { expiresAt: at + limits.ticketMs, firstUseBefore: at + limits.ticketFirstUseMs }
  await store.call('addTicket', {
    ...about,
    ...times,
    org: who.org,
    user: who.user,
    id: newId('ticket', at, random),
    hash: hashSecret(ticket),
    issuer: credentialKey(who.credential),
    now: at,
  })
  return { ticket, scope: about.scope, ...times }
}
