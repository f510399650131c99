/** The hub's routes about people and how they sign in, typed. */
import {
  type BrowserSessionInfo,
  begunSchema,
  browserSessionSchema,
  type IdentityInfo,
  type InvitationInfo,
  identitySchema,
  invitationSchema,
  type PasskeyInfo,
  type ProviderName,
  passkeyOptionsSchema,
  passkeySchema,
  type SignInWays,
  signInWaysSchema,
} from '@meshbook/core/account-api.ts'
import { listOf } from '@meshbook/core/api.ts'
import * as v from 'valibot'
import { request } from './http.ts'

const nothing = v.unknown()
const itemsOf = async <S extends v.GenericSchema>(path: string, item: S): Promise<v.InferOutput<S>[]> =>
  (await request('GET', path, listOf(item))).items

export interface Wish {
  to: string
  invitation: string | undefined
}

export const accountApi = {
  ways: (): Promise<SignInWays> => request('GET', '/auth', signInWaysSchema),
  /** Where at the provider to go. */
  begin: async (provider: ProviderName, { to, invitation }: Wish): Promise<string> =>
    (await request('POST', `/auth/${provider}`, begunSchema, { body: { to, ...(invitation && { invitation }) } })).url,
  beginLink: async (provider: ProviderName): Promise<string> =>
    (await request('POST', '/identities', begunSchema, { body: { provider } })).url,

  signInOptions: () => request('POST', '/auth/passkey/options', passkeyOptionsSchema),
  signInWithPasskey: (credential: unknown) => request('POST', '/auth/passkey', nothing, { body: { credential } }),
  signUpOptions: (invitation: string, name: string) =>
    request('POST', '/auth/passkey/sign-up/options', passkeyOptionsSchema, { body: { invitation, name } }),
  signUp: (invitation: string, credential: unknown) =>
    request('POST', '/auth/passkey/sign-up', nothing, { body: { invitation, credential } }),

  passkeys: (): Promise<PasskeyInfo[]> => itemsOf('/passkeys', passkeySchema),
  passkeyOptions: () => request('POST', '/passkeys/options', passkeyOptionsSchema),
  addPasskey: (name: string, credential: unknown) =>
    request('POST', '/passkeys', passkeySchema, { body: { name, credential } }),
  renamePasskey: (id: string, name: string) => request('PATCH', `/passkeys/${id}`, nothing, { body: { name } }),
  removePasskey: (id: string) => request('DELETE', `/passkeys/${id}`, nothing),

  identities: (): Promise<IdentityInfo[]> => itemsOf('/identities', identitySchema),
  unlink: (id: string) => request('DELETE', `/identities/${id}`, nothing),

  browserSessions: (): Promise<BrowserSessionInfo[]> => itemsOf('/browser-sessions', browserSessionSchema),
  endBrowserSession: (id: string) => request('DELETE', `/browser-sessions/${id}`, nothing),
  endBrowserSessions: (which: 'others' | 'all') =>
    request('DELETE', `/browser-sessions${which === 'others' ? '?others=true' : ''}`, nothing),

  invitations: (): Promise<InvitationInfo[]> => itemsOf('/invitations', invitationSchema),
  invite: (note: string): Promise<InvitationInfo> =>
    request('POST', '/invitations', invitationSchema, { body: note === '' ? {} : { note } }),
  withdrawInvitation: (id: string) => request('DELETE', `/invitations/${id}`, nothing),
}
