/** The providers of the settings, ready to be asked. Reads secrets from their files; asks nobody yet. */
import { readFile } from 'node:fs/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { AccountsConfig, SecretSource } from './account-config.ts'
import { GithubSignIn } from './github.ts'
import type { IdentityProvider } from './identity-provider.ts'
import { OidcSignIn } from './oidc.ts'

export async function openProviders(
  { oidc, github }: AccountsConfig,
  limits: Limits,
  now: Now,
): Promise<IdentityProvider[]> {
  const found: IdentityProvider[] = []
  if (oidc) found.push(new OidcSignIn({ ...oidc, clientSecret: await secretOf(oidc.secret) }, limits, now))
  if (github) found.push(new GithubSignIn({ ...github, clientSecret: (await secretOf(github.secret)) ?? '' }, limits))
  return found
}

async function secretOf(source: SecretSource): Promise<string | null> {
  if (source === null || 'text' in source) return source?.text ?? null
  const text = await readFile(source.file, 'utf8').catch((cause: unknown) => {
    throw new MeshError('BAD_CONFIG', { detail: `${source.setting}: ${source.file} cannot be read`, cause })
  })
  const secret = text.trim()
  if (secret === '') throw new MeshError('BAD_CONFIG', { detail: `${source.setting}: ${source.file} is empty` })
  return secret
}
