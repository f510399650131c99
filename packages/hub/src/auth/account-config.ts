/** Who may make an account, and which providers sign people in, from the hub's settings. Reads no file. */
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { isLoopbackName } from '@meshbook/relay/serve/loopback-name.ts'
import { type SecretSource, secretSource } from '../secret-source.ts'
import { parseSignUp, type SignUpPolicy } from './sign-up-policy.ts'

export interface OidcConfig {
  issuer: string
  clientId: string
  secret: SecretSource
  /** On the button. */
  name: string
  scopes: string
}

export interface GithubConfig {
  clientId: string
  secret: SecretSource
  /** Origin of the pages, and address of the API. */
  url: string
  api: string
}

export interface AccountsConfig {
  signUp: SignUpPolicy
  oidc: OidcConfig | null
  github: GithubConfig | null
}

export const accountSettings = {
  MESHBOOK_SIGN_UP:
    'who may make an account: closed (only who is invited), open, or domains and addresses with commas between (closed)',
  MESHBOOK_OIDC_ISSUER: 'OpenID provider that signs people in, such as https://id.example',
  MESHBOOK_OIDC_CLIENT_ID: 'id of this hub there; its redirect address is <public URL>/api/v1/auth/oidc/callback',
  MESHBOOK_OIDC_CLIENT_SECRET: 'secret of that id; none for a public client',
  MESHBOOK_OIDC_CLIENT_SECRET_FILE: 'file with that secret',
  MESHBOOK_OIDC_NAME: 'what the sign-in page calls the provider (its host name)',
  MESHBOOK_OIDC_SCOPES: 'what is asked of the provider (openid email profile)',
  MESHBOOK_GITHUB_CLIENT_ID: 'OAuth app at GitHub; its callback address is <public URL>/api/v1/auth/github/callback',
  MESHBOOK_GITHUB_CLIENT_SECRET: 'secret of that app',
  MESHBOOK_GITHUB_CLIENT_SECRET_FILE: 'file with that secret',
  MESHBOOK_GITHUB_URL: 'GitHub Enterprise in place of https://github.com',
  MESHBOOK_GITHUB_API_URL: 'its API, if it is not at /api/v3 of MESHBOOK_GITHUB_URL',
} as const
export type AccountSetting = keyof typeof accountSettings
type Setting = (name: AccountSetting) => string | undefined

export function parseAccounts(setting: Setting): AccountsConfig {
  return { signUp: parseSignUp(setting('MESHBOOK_SIGN_UP')), oidc: parseOidc(setting), github: parseGithub(setting) }
}

function parseOidc(setting: Setting): OidcConfig | null {
  const issuer = setting('MESHBOOK_OIDC_ISSUER')
  const clientId = setting('MESHBOOK_OIDC_CLIENT_ID')
  if (!issuer && !clientId) return null
  if (!issuer) throw bad('MESHBOOK_OIDC_ISSUER', 'an address, because MESHBOOK_OIDC_CLIENT_ID is set')
  if (!clientId) throw bad('MESHBOOK_OIDC_CLIENT_ID', 'the id of this hub at the provider')
  const scopes = setting('MESHBOOK_OIDC_SCOPES') ?? 'openid email profile'
  if (!scopes.split(/\s+/).includes('openid')) throw bad('MESHBOOK_OIDC_SCOPES', 'openid among them')
  return {
    issuer: parseIssuer(issuer),
    clientId,
    secret: secretOf(setting, 'MESHBOOK_OIDC_CLIENT_SECRET', 'MESHBOOK_OIDC_CLIENT_SECRET_FILE'),
    name: (setting('MESHBOOK_OIDC_NAME') ?? new URL(issuer).host).slice(0, limits.nameChars),
    scopes,
  }
}

/** Providers are compared by this text, so it stays as it was written. */
function parseIssuer(text: string): string {
  checkAddress('MESHBOOK_OIDC_ISSUER', text)
  return text
}

function parseGithub(setting: Setting): GithubConfig | null {
  const clientId = setting('MESHBOOK_GITHUB_CLIENT_ID')
  if (!clientId) return null
  const secret = secretOf(setting, 'MESHBOOK_GITHUB_CLIENT_SECRET', 'MESHBOOK_GITHUB_CLIENT_SECRET_FILE')
  if (!secret)
    throw bad('MESHBOOK_GITHUB_CLIENT_SECRET', 'the secret of the app (or MESHBOOK_GITHUB_CLIENT_SECRET_FILE)')
  const url = checkAddress('MESHBOOK_GITHUB_URL', setting('MESHBOOK_GITHUB_URL') ?? 'https://github.com').origin
  const own = url === 'https://github.com' ? 'https://api.github.com' : `${url}/api/v3`
  const api = checkAddress('MESHBOOK_GITHUB_API_URL', setting('MESHBOOK_GITHUB_API_URL') ?? own).href
  return { clientId, secret, url, api: api.replace(/\/$/, '') }
}

/** HTTPS; plain HTTP only to this machine, where nobody listens in. */
function checkAddress(name: AccountSetting, text: string): URL {
  const url = URL.parse(text)
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackName(url.hostname))
  if (url && safe && !url.search && !url.hash && !url.username) return url
  throw bad(name, 'an https:// address without a query')
}

function secretOf(setting: Setting, name: AccountSetting, fileName: AccountSetting): SecretSource {
  return secretSource({ name, text: setting(name) }, { name: fileName, file: setting(fileName) })
}

/** The message never repeats the value: it may be a secret. */
function bad(name: AccountSetting, expected: string): MeshError {
  return new MeshError('BAD_CONFIG', { detail: `${name}: expected ${expected}` })
}
