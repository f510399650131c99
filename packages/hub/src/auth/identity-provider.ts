/** The port to somebody else who knows people: where to send a browser, and who came back. */
import type { ProviderName } from '@meshbook/core/account-api.ts'
import type { ProvenIdentity } from '../store/accounts.ts'
import type { AttemptSecrets } from './attempt.ts'

export interface Proven {
  identity: ProvenIdentity
  /** What a new account could be called; made fit to be a name elsewhere. */
  wishedName: string
}

export interface IdentityProvider {
  readonly provider: ProviderName
  /** Together with the subject it tells a person from all others, also when the settings change (AU1). */
  readonly issuer: string
  /** On the button. */
  readonly name: string
  /** The page of the provider at which the browser is to begin. */
  begin(secrets: AttemptSecrets, redirectUri: string): Promise<URL>
  /** `callback` is the redirect address with what the provider added. Throws when what it proves is not good. */
  finish(secrets: AttemptSecrets, callback: URL): Promise<Proven>
}

/** What a callback says if the person did not want to, or the provider refused. */
export const cancelled = 'access_denied'
