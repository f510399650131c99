/** People at the HTTP edge: providers, passkeys, identities, browser sessions, invitations. */
import type {
  beginSchema,
  linkIdentitySchema,
  newInvitationSchema,
  newPasskeySchema,
  ProviderName,
  passkeySignInSchema,
  passkeySignUpOptionsSchema,
  passkeySignUpSchema,
  renamePasskeySchema,
} from '@meshbook/core/account-api.ts'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { parseId } from '@meshbook/core/ids.ts'
import { checkPage } from '@meshbook/relay/serve/doorway.ts'
import type { InferOutput } from 'valibot'
import { attemptCookie } from '../auth/attempt.ts'
import { noCookie } from '../auth/sign-in.ts'
import type { Parts } from '../parts.ts'
import { type Ask, json, knockOf, param, type UserAsk } from './route.ts'
import { shownOrigin } from './shown-origin.ts'

/** For the app: it gets the address to go to, so that an invitation need not be in one (S7). */
export async function beginSignIn(
  { accounts }: Parts,
  ask: Ask<InferOutput<typeof beginSchema>>,
  provider: ProviderName,
): Promise<Response> {
  const { url, cookie } = await accounts.begin(provider, knockOf(ask), ask.body)
  return withCookies(json({ url }), [cookie])
}

/** For a plain link. Not from another site: nobody is to be sent through a sign-in that they did not ask for. */
export async function goToProvider(parts: Parts, ask: Ask<undefined>, provider: ProviderName): Promise<Response> {
  checkPage(ask.visit, ask.incoming.headers)
  try {
    const to = ask.query.get('to') ?? undefined
    const { url, cookie } = await parts.accounts.begin(provider, knockOf(ask), { to })
    return withCookies(redirect(url), [cookie])
  } catch (thrown) {
    return toSignInPage(parts, ask, provider, thrown)
  }
}

export async function beginLink(
  { accounts }: Parts,
  ask: UserAsk<InferOutput<typeof linkIdentitySchema>>,
): Promise<Response> {
  const { url, cookie } = await accounts.begin(ask.body.provider, knockOf(ask), { link: ask.who })
  return withCookies(json({ url }), [cookie])
}

/** The code leaves the address at once, whatever came of it (AU15, AU34). */
export async function comeBack(parts: Parts, ask: Ask<undefined>, provider: ProviderName): Promise<Response> {
  try {
    const { page, cookies } = await parts.accounts.finish(provider, knockOf(ask), `?${ask.query}`)
    return withCookies(redirect(page), cookies)
  } catch (thrown) {
    return toSignInPage(parts, ask, provider, thrown)
  }
}

function toSignInPage({ log, audit }: Parts, ask: Ask<undefined>, provider: ProviderName, thrown: unknown): Response {
  const error = asMeshError(thrown)
  const failed = (error.entry.http ?? 500) >= 500 || error.code === 'SIGN_IN_REFUSED'
  log[failed ? 'error' : 'info']({ err: error, provider, requestId: ask.requestId }, 'a sign-in did not succeed')
  audit.signInFailed(ask, { by: provider, code: error.code })
  return withCookies(redirect(`/signin?error=${error.code}`), [attemptCookie(ask.visit, '')])
}

export async function passkeySignIn(
  { passkeys, audit }: Parts,
  ask: Ask<InferOutput<typeof passkeySignInSchema>>,
): Promise<Response> {
  const cookie = await passkeys.signIn(knockOf(ask), ask.body.credential).catch((error: unknown) => {
    if (asMeshError(error).code === 'PASSKEY_REFUSED') audit.signInFailed(ask, { by: 'passkey' })
    throw error
  })
  return withCookies(new Response(null, { status: 204 }), [cookie])
}

export function passkeySignUpOptions(
  { passkeys }: Parts,
  { visit, body }: Ask<InferOutput<typeof passkeySignUpOptionsSchema>>,
): Promise<object> {
  return passkeys.signUpOptions(visit, body.invitation, body.name)
}

export async function passkeySignUp(
  { passkeys }: Parts,
  ask: Ask<InferOutput<typeof passkeySignUpSchema>>,
): Promise<Response> {
  const cookie = await passkeys.signUp(knockOf(ask), ask.body.invitation, ask.body.credential)
  return withCookies(new Response(null, { status: 204 }), [cookie])
}

export async function listPasskeys({ passkeys }: Parts, { who }: UserAsk<undefined>): Promise<object> {
  return { items: await passkeys.list(who) }
}

export function addPasskey({ passkeys }: Parts, ask: UserAsk<InferOutput<typeof newPasskeySchema>>): Promise<object> {
  return passkeys.add(ask, ask.body.name, ask.body.credential)
}

export function renamePasskey(
  { passkeys }: Parts,
  ask: UserAsk<InferOutput<typeof renamePasskeySchema>>,
): Promise<void> {
  return passkeys.rename(ask.who, parseId('passkey', param(ask, 'id')), ask.body.name)
}

export function removePasskey({ passkeys }: Parts, ask: UserAsk<undefined>): Promise<void> {
  return passkeys.remove(ask, parseId('passkey', param(ask, 'id')))
}

export async function listIdentities({ accounts }: Parts, { who }: UserAsk<undefined>): Promise<object> {
  return { items: await accounts.identities(who) }
}

export function unlinkIdentity({ accounts }: Parts, ask: UserAsk<undefined>): Promise<void> {
  return accounts.unlink(ask, parseId('identity', param(ask, 'id')))
}

export async function listBrowserSessions({ accounts }: Parts, { who }: UserAsk<undefined>): Promise<object> {
  return { items: await accounts.browserSessions(who) }
}

export async function endBrowserSession({ accounts }: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const id = parseId('token', param(ask, 'id'))
  if ((await accounts.endSessions(ask, { only: id })) === 0)
    throw new MeshError('NOT_FOUND', { detail: `browser session ${id}` })
  return signedOut(ask, id === ask.who.credential.id)
}

export async function endAllBrowserSessions({ accounts }: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const keep = ask.query.get('others') === 'true' && ask.who.credential.kind === 'session'
  await accounts.endSessions(ask, keep ? { except: ask.who.credential.id } : {})
  return signedOut(ask, !keep)
}

function signedOut({ visit }: UserAsk<undefined>, own: boolean): Response {
  return withCookies(new Response(null, { status: 204 }), own ? [noCookie(visit)] : [])
}

export function invite(parts: Parts, ask: UserAsk<InferOutput<typeof newInvitationSchema>>): Promise<object> {
  return parts.accounts.invite(ask, ask.body.note ?? '', shownOrigin(parts, ask.visit))
}

export async function listInvitations({ accounts }: Parts, { who }: UserAsk<undefined>): Promise<object> {
  return { items: await accounts.invitations(who) }
}

export function withdrawInvitation({ accounts }: Parts, ask: UserAsk<undefined>): Promise<void> {
  return accounts.withdraw(ask, parseId('invitation', param(ask, 'id')))
}

function redirect(location: string): Response {
  return new Response(null, { status: 303, headers: { location, 'referrer-policy': 'no-referrer' } })
}

function withCookies(response: Response, cookies: readonly string[]): Response {
  for (const cookie of cookies) response.headers.append('set-cookie', cookie)
  return response
}
