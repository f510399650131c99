/** The routes about people and how they sign in, a part of the list in `routes.ts`. */
import {
  beginSchema,
  begunSchema,
  browserSessionSchema,
  identitySchema,
  invitationSchema,
  linkIdentitySchema,
  newInvitationSchema,
  newPasskeySchema,
  type ProviderName,
  passkeyOptionsSchema,
  passkeySchema,
  passkeySignInSchema,
  passkeySignUpOptionsSchema,
  passkeySignUpSchema,
  providers,
  renamePasskeySchema,
  signInWaysSchema,
} from '@meshbook/core/account-api.ts'
import { listOf } from '@meshbook/core/api.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Parts } from '../parts.ts'
import * as people from './account-handlers.ts'
import { publicRoute, type Route, userRoute } from './route.ts'

const v1 = '/api/v1'
const passkeyBodyBytes = 4 * limits.passkeyAnswerChars

export function accountRoutes(parts: Parts): Route[] {
  return [
    publicRoute({
      method: 'GET',
      path: `${v1}/auth`,
      summary: 'The ways to sign in that this hub offers',
      answer: signInWaysSchema,
      handle: ({ visit }) => parts.accounts.ways(visit),
    }),
    ...providers.flatMap(provider => providerRoutes(parts, provider)),
    ...passkeySignInRoutes(parts),
    ...passkeyRoutes(parts),
    ...identityRoutes(parts),
    ...browserSessionRoutes(parts),
    ...invitationRoutes(parts),
  ]
}

function providerRoutes(parts: Parts, provider: ProviderName): Route[] {
  const path = `${v1}/auth/${provider}`
  return [
    publicRoute({
      method: 'GET',
      path,
      summary: 'Go to the provider to sign in',
      rate: 'begin',
      query: { to: 'page of the app to go to afterwards' },
      produces: 'text/html',
      handle: ask => people.goToProvider(parts, ask, provider),
    }),
    publicRoute({
      method: 'POST',
      path,
      summary: 'Begin to sign in, with an invitation if there is no account yet; answers with where to go',
      rate: 'begin',
      body: beginSchema,
      answer: begunSchema,
      handle: ask => people.beginSignIn(parts, ask, provider),
    }),
    publicRoute({
      method: 'GET',
      path: `${path}/callback`,
      summary: 'Where the provider leads back to; goes on to a page of the app',
      query: { code: 'of the provider', state: 'of the attempt', iss: 'issuer', error: 'what went wrong' },
      produces: 'text/html',
      handle: ask => people.comeBack(parts, ask, provider),
    }),
  ]
}

function passkeySignInRoutes(parts: Parts): Route[] {
  return [
    publicRoute({
      method: 'POST',
      path: `${v1}/auth/passkey/options`,
      summary: 'A challenge to sign in with a passkey; good once',
      rate: 'begin',
      answer: passkeyOptionsSchema,
      handle: ({ visit }) => parts.passkeys.signInOptions(visit),
    }),
    publicRoute({
      method: 'POST',
      path: `${v1}/auth/passkey`,
      summary: 'Sign in with a passkey',
      rate: 'try',
      bodyBytes: passkeyBodyBytes,
      body: passkeySignInSchema,
      handle: ask => people.passkeySignIn(parts, ask),
    }),
    publicRoute({
      method: 'POST',
      path: `${v1}/auth/passkey/sign-up/options`,
      summary: 'What a browser needs to make the passkey of a new account, with an invitation',
      rate: 'try',
      body: passkeySignUpOptionsSchema,
      answer: passkeyOptionsSchema,
      handle: ask => people.passkeySignUpOptions(parts, ask),
    }),
    publicRoute({
      method: 'POST',
      path: `${v1}/auth/passkey/sign-up`,
      summary: 'Make an account with an invitation and a passkey, and sign in',
      rate: 'try',
      bodyBytes: passkeyBodyBytes,
      body: passkeySignUpSchema,
      handle: ask => people.passkeySignUp(parts, ask),
    }),
  ]
}

function passkeyRoutes(parts: Parts): Route[] {
  return [
    userRoute({
      method: 'GET',
      path: `${v1}/passkeys`,
      about: 'self',
      scope: 'all',
      summary: 'Your passkeys',
      answer: listOf(passkeySchema),
      handle: ask => people.listPasskeys(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${v1}/passkeys/options`,
      about: 'self',
      scope: 'all',
      summary: 'What a browser needs to make a passkey; from a signed-in browser',
      answer: passkeyOptionsSchema,
      handle: ({ who, visit }) => parts.passkeys.addOptions(who, visit),
    }),
    userRoute({
      method: 'POST',
      path: `${v1}/passkeys`,
      about: 'self',
      scope: 'all',
      summary: 'Keep a passkey that was made',
      bodyBytes: passkeyBodyBytes,
      body: newPasskeySchema,
      answer: passkeySchema,
      status: 201,
      handle: ask => people.addPasskey(parts, ask),
    }),
    userRoute({
      method: 'PATCH',
      path: `${v1}/passkeys/:id`,
      about: 'self',
      scope: 'all',
      summary: 'Rename a passkey',
      body: renamePasskeySchema,
      handle: ask => people.renamePasskey(parts, ask),
    }),
    userRoute({
      method: 'DELETE',
      path: `${v1}/passkeys/:id`,
      about: 'self',
      scope: 'all',
      summary: 'Remove a passkey; never the last way in',
      handle: ask => people.removePasskey(parts, ask),
    }),
  ]
}

function identityRoutes(parts: Parts): Route[] {
  return [
    userRoute({
      method: 'GET',
      path: `${v1}/identities`,
      about: 'self',
      scope: 'all',
      summary: 'Who you are at providers',
      answer: listOf(identitySchema),
      handle: ask => people.listIdentities(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${v1}/identities`,
      about: 'self',
      scope: 'all',
      summary: 'Begin to connect another identity, from a signed-in browser; answers with where to go',
      body: linkIdentitySchema,
      answer: begunSchema,
      handle: ask => people.beginLink(parts, ask),
    }),
    userRoute({
      method: 'DELETE',
      path: `${v1}/identities/:id`,
      about: 'self',
      scope: 'all',
      summary: 'Disconnect an identity; never the last way in',
      handle: ask => people.unlinkIdentity(parts, ask),
    }),
  ]
}

function browserSessionRoutes(parts: Parts): Route[] {
  return [
    userRoute({
      method: 'GET',
      path: `${v1}/browser-sessions`,
      about: 'self',
      scope: 'all',
      summary: 'Browsers that are signed in as you',
      answer: listOf(browserSessionSchema),
      handle: ask => people.listBrowserSessions(parts, ask),
    }),
    userRoute({
      method: 'DELETE',
      path: `${v1}/browser-sessions`,
      about: 'self',
      scope: 'all',
      summary: 'Sign out everywhere: what these browsers have open closes at once',
      query: { others: 'true keeps the browser that asks' },
      handle: ask => people.endAllBrowserSessions(parts, ask),
    }),
    userRoute({
      method: 'DELETE',
      path: `${v1}/browser-sessions/:id`,
      about: 'self',
      scope: 'all',
      summary: 'Sign one browser out',
      handle: ask => people.endBrowserSession(parts, ask),
    }),
  ]
}

function invitationRoutes(parts: Parts): Route[] {
  return [
    userRoute({
      method: 'GET',
      path: `${v1}/invitations`,
      about: 'self',
      scope: 'all',
      summary: 'Invitations that you made, without their links',
      answer: listOf(invitationSchema),
      handle: ask => people.listInvitations(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${v1}/invitations`,
      about: 'self',
      scope: 'all',
      summary: 'Invite somebody: a link that makes one account within seven days; it is shown once',
      body: newInvitationSchema,
      answer: invitationSchema,
      status: 201,
      handle: ask => people.invite(parts, ask),
    }),
    userRoute({
      method: 'DELETE',
      path: `${v1}/invitations/:id`,
      about: 'self',
      scope: 'all',
      summary: 'Withdraw an invitation that was not used',
      handle: ask => people.withdrawInvitation(parts, ask),
    }),
  ]
}
