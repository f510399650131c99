/** The providers of the settings, ready to be asked. Reads secrets from their files; asks nobody yet. */
import type { Now } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { readSecret } from '../secret-source.ts'
import type { AccountsConfig } from './account-config.ts'
import { GithubSignIn } from './github.ts'
import type { IdentityProvider } from './identity-provider.ts'
import { OidcSignIn } from './oidc.ts'

export async function openProviders(
  { oidc, github }: AccountsConfig,
  limits: Limits,
  now: Now,
): Promise<IdentityProvider[]> {
  const found: IdentityProvider[] = []
  if (oidc) found.push(new OidcSignIn({ ...oidc, clientSecret: await readSecret(oidc.secret) }, limits, now))
  if (github) found.push(new GithubSignIn({ ...github, clientSecret: (await readSecret(github.secret)) ?? '' }, limits))
  return found
}
