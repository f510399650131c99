/** Signing in with GitHub, which speaks OAuth and not OpenID: a code with PKCE, then its API says who it is (AU16). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import { type AttemptSecrets, isState } from './attempt.ts'
import { cancelled, type IdentityProvider, type Proven } from './identity-provider.ts'
import { providerFetch } from './provider-fetch.ts'

export interface GithubSettings {
  clientId: string
  clientSecret: string
  url: string
  api: string
}

const tokenSchema = v.union([
  v.object({ access_token: v.pipe(v.string(), v.minLength(1)), token_type: v.string() }),
  v.object({ error: v.string() }),
])
const userSchema = v.object({
  id: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  login: v.pipe(v.string(), v.minLength(1), v.maxLength(100)),
})
const emailsSchema = v.array(v.object({ email: v.string(), primary: v.boolean(), verified: v.boolean() }))

export class GithubSignIn implements IdentityProvider {
  readonly provider = 'github'
  readonly issuer: string
  readonly name = 'GitHub'
  readonly #settings: GithubSettings
  readonly #limits: Limits

  constructor(settings: GithubSettings, limits: Limits) {
    this.issuer = settings.url
    this.#settings = settings
    this.#limits = limits
  }

  async begin(secrets: AttemptSecrets, redirectUri: string): Promise<URL> {
    const url = new URL('/login/oauth/authorize', this.#settings.url)
    url.search = new URLSearchParams({
      client_id: this.#settings.clientId,
      redirect_uri: redirectUri,
      scope: 'read:user user:email',
      state: secrets.state,
      code_challenge: secrets.challenge,
      code_challenge_method: 'S256',
    }).toString()
    return url
  }

  async finish(secrets: AttemptSecrets, callback: URL): Promise<Proven> {
    const answer = callback.searchParams
    if (!isState(secrets, answer.get('state'))) throw new MeshError('SIGN_IN_EXPIRED')
    const refused = answer.get('error')
    if (refused !== null) throw new MeshError(refused === cancelled ? 'SIGN_IN_CANCELLED' : 'PROVIDER_FAILED')
    const token = await this.#redeem(secrets, answer.get('code') ?? '', callback.origin + callback.pathname)
    const user = await this.#ask(token, '/user', userSchema)
    const emails = await this.#ask(token, '/user/emails', emailsSchema)
    const email = emails.find(({ primary, verified }) => primary && verified)?.email ?? null
    return {
      identity: { provider: 'github', issuer: this.issuer, subject: String(user.id), label: user.login, email },
      wishedName: user.login,
    }
  }

  async #redeem(secrets: AttemptSecrets, code: string, redirectUri: string): Promise<string> {
    const { clientId, clientSecret, url } = this.#settings
    const answer = await providerFetch(
      `${url}/login/oauth/access_token`,
      {
        method: 'POST',
        headers: { accept: 'application/json', 'user-agent': 'Meshbook' },
        body: new URLSearchParams({
          client_id: clientId,
          client_secret: clientSecret,
          code,
          redirect_uri: redirectUri,
          code_verifier: secrets.verifier,
        }),
      },
      this.#limits,
    )
    const told = await this.#read(answer, tokenSchema)
    if ('access_token' in told) return told.access_token
    // GitHub tells its errors with status 200.
    if (told.error === 'bad_verification_code')
      throw new MeshError('SIGN_IN_REFUSED', { detail: 'GitHub does not take the code' })
    const known = /^[a-z_]{1,60}$/.test(told.error) ? told.error : 'with an error'
    throw new MeshError('PROVIDER_FAILED', { detail: `GitHub answered ${known}` })
  }

  async #ask<S extends v.GenericSchema>(token: string, path: string, schema: S): Promise<v.InferOutput<S>> {
    const headers = {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${token}`,
      'user-agent': 'Meshbook',
      'x-github-api-version': '2022-11-28',
    }
    return this.#read(await providerFetch(this.#settings.api + path, { headers }, this.#limits), schema)
  }

  async #read<S extends v.GenericSchema>(answer: Response, schema: S): Promise<v.InferOutput<S>> {
    if (!answer.ok) throw new MeshError('PROVIDER_FAILED', { detail: `GitHub answered with status ${answer.status}` })
    const parsed = v.safeParse(schema, await answer.json().catch(() => undefined))
    if (parsed.success) return parsed.output
    throw new MeshError('PROVIDER_FAILED', { detail: 'the answer of GitHub is not understood' })
  }
}
