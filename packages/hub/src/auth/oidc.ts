/**
 * Signing in with an OpenID provider: code flow with PKCE, state and nonce (AU12). The library checks signatures, issuer
 * and audience; this file decides what is asked, what is believed of the answer, and what is told when it is not.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import * as client from 'openid-client'
import * as v from 'valibot'
import { type AttemptSecrets, isState } from './attempt.ts'
import { cancelled, type IdentityProvider, type Proven } from './identity-provider.ts'
import { providerFetch } from './provider-fetch.ts'

export interface OidcSettings {
  issuer: string
  clientId: string
  clientSecret: string | null
  name: string
  scopes: string
}

const text = v.pipe(v.string(), v.minLength(1), v.maxLength(1_000))
const claimsSchema = v.object({
  sub: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
  email: v.optional(text),
  email_verified: v.optional(v.union([v.boolean(), v.string()])),
  name: v.optional(text),
  preferred_username: v.optional(text),
})
type Claims = v.InferOutput<typeof claimsSchema>

export class OidcSignIn implements IdentityProvider {
  readonly provider = 'oidc'
  readonly issuer: string
  readonly name: string
  readonly #settings: OidcSettings
  readonly #limits: Limits
  readonly #now: Now
  #discovered: { config: client.Configuration; at: number } | undefined

  constructor(settings: OidcSettings, limits: Limits, now: Now) {
    this.issuer = settings.issuer
    this.name = settings.name
    this.#settings = settings
    this.#limits = limits
    this.#now = now
  }

  async begin(secrets: AttemptSecrets, redirectUri: string): Promise<URL> {
    const config = await this.#provider()
    const wanted = {
      redirect_uri: redirectUri,
      scope: this.#settings.scopes,
      code_challenge: secrets.challenge,
      code_challenge_method: 'S256',
      state: secrets.state,
      nonce: secrets.nonce,
    }
    return this.#believing('PROVIDER_FAILED', async () => client.buildAuthorizationUrl(config, wanted))
  }

  async finish(secrets: AttemptSecrets, callback: URL): Promise<Proven> {
    if (!isState(secrets, callback.searchParams.get('state'))) throw new MeshError('SIGN_IN_EXPIRED')
    const config = await this.#provider()
    return this.#believing('SIGN_IN_REFUSED', async () => {
      const tokens = await client.authorizationCodeGrant(config, callback, {
        pkceCodeVerifier: secrets.verifier,
        expectedState: secrets.state,
        expectedNonce: secrets.nonce,
        idTokenExpected: true,
      })
      const told = v.parse(claimsSchema, tokens.claims())
      return this.#provenBy(await this.#completed(config, tokens.access_token, told))
    })
  }

  /** Many providers tell the address only when asked for it. */
  async #completed(config: client.Configuration, accessToken: string, told: Claims): Promise<Claims> {
    if (told.email !== undefined || config.serverMetadata().userinfo_endpoint === undefined) return told
    return v.parse(claimsSchema, { ...told, ...(await client.fetchUserInfo(config, accessToken, told.sub)) })
  }

  #provenBy(claims: Claims): Proven {
    const verified = claims.email_verified === true || claims.email_verified === 'true'
    const email = verified && claims.email?.includes('@') ? claims.email : null
    const label = email ?? claims.preferred_username ?? claims.name ?? claims.sub
    return {
      identity: { provider: 'oidc', issuer: this.issuer, subject: claims.sub, label: label.slice(0, 200), email },
      wishedName: claims.preferred_username ?? email?.split('@')[0] ?? claims.name ?? '',
    }
  }

  async #provider(): Promise<client.Configuration> {
    const now = this.#now()
    if (this.#discovered && now - this.#discovered.at < this.#limits.providerSettingsMs) return this.#discovered.config
    const config = await this.#believing('PROVIDER_FAILED', () => this.#discover())
    this.#discovered = { config, at: now }
    return config
  }

  #discover(): Promise<client.Configuration> {
    const { clientId, clientSecret } = this.#settings
    const issuer = new URL(this.issuer)
    return client.discovery(issuer, clientId, {}, clientSecret === null ? client.None() : secretAsAsked(clientSecret), {
      timeout: this.#limits.providerAnswerMs / 1000,
      // The settings allow plain HTTP to this machine only.
      execute: issuer.protocol === 'http:' ? [client.allowInsecureRequests] : [],
      [client.customFetch]: (url, options) => providerFetch(url, options as RequestInit, this.#limits),
    })
  }

  /** What the library found wrong, as an error of ours without anything that came with the callback (AU34). */
  async #believing<T>(otherwise: Failure, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw asSignInError(error, otherwise)
    }
  }
}

/** By the way that the provider says it takes; where it says nothing, by the one that is the standard's default. */
function secretAsAsked(secret: string): client.ClientAuth {
  const [basic, post] = [client.ClientSecretBasic(secret), client.ClientSecretPost(secret)]
  return (server, metadata, body, headers) => {
    const takes = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
    const auth = takes.includes('client_secret_basic') ? basic : post
    auth(server, metadata, body, headers)
  }
}

type Failure = 'PROVIDER_FAILED' | 'SIGN_IN_REFUSED'

/** A provider that is down or broken is one thing, a proof that does not hold another. */
function asSignInError(error: unknown, otherwise: Failure): MeshError {
  const found = [...causes(error)]
  const ours = found.find(cause => cause instanceof MeshError)
  if (ours) return ours
  if (error instanceof client.AuthorizationResponseError)
    return error.error === cancelled
      ? new MeshError('SIGN_IN_CANCELLED')
      : new MeshError('PROVIDER_FAILED', { detail: `the provider answered ${codeOf(error.error)}` })
  if (error instanceof client.ResponseBodyError)
    return error.error === 'invalid_grant'
      ? new MeshError('SIGN_IN_REFUSED', { detail: 'the provider does not take the code' })
      : new MeshError('PROVIDER_FAILED', { detail: `the provider answered ${codeOf(error.error)}` })
  const broken = found.some(cause => cause instanceof Error && 'code' in cause && brokenAnswers.has(String(cause.code)))
  const detail = error instanceof Error ? error.message.slice(0, 200) : 'unknown'
  return new MeshError(broken ? 'PROVIDER_FAILED' : otherwise, { detail })
}

const brokenAnswers = new Set([
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_PARSE_ERROR',
  'OAUTH_TIMEOUT',
  'OAUTH_INVALID_SERVER_METADATA',
  'OAUTH_MISSING_SERVER_METADATA',
  'OAUTH_JWKS_REQUEST_FAILED',
])

function* causes(error: unknown): Generator<unknown> {
  for (let cause = error, depth = 0; cause !== undefined && depth < 5; depth++) {
    yield cause
    cause = cause instanceof Error ? cause.cause : undefined
  }
}

const codeOf = (error: string): string => (/^[a-z_]{1,60}$/.test(error) ? error : 'with an error')
