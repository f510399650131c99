/**
 * A real OpenID provider for the tests: oidc-provider, which signs in whoever `person` says without asking. It can be told
 * to hang, to be too large, to be down, or to call itself something else.
 */
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import Provider from 'oidc-provider'

export interface Person {
  sub: string
  email?: string
  email_verified?: boolean
  name?: string
  preferred_username?: string
}

export type OidcFault = 'silent' | 'huge' | 500 | 'redirect' | 'not json'

export class OidcServer {
  person: Person = { sub: 'p-1', email: 'ada@example.com', email_verified: true, preferred_username: 'Ada' }
  /** Asked for every request by its path. */
  fault: (path: string) => OidcFault | undefined = () => undefined
  /** What the discovered document says in place of the truth. */
  discovered: Record<string, unknown> = {}
  /** Paths that were asked for. */
  readonly asked: string[] = []
  readonly clientId = 'meshbook'
  readonly clientSecret = `canary-client-secret-${randomUUID()}`
  readonly url: string
  readonly #server: Server
  #provider: Provider | undefined

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(t: TestContext): Promise<OidcServer> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const oidc = new OidcServer(server)
    server.on('request', (request, response) => void oidc.#serve(request, response))
    t.after(() => oidc.stop())
    return oidc
  }

  /** Registers the hub as a client that comes back to these addresses. */
  register(redirectUris: string[]): void {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    this.#provider = new Provider(this.url, {
      clients: [{ client_id: this.clientId, client_secret: this.clientSecret, redirect_uris: redirectUris }],
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'test', use: 'sig', alg: 'RS256' }] },
      cookies: { keys: ['test'] },
      ttl: { Interaction: 600, Grant: 600, Session: 600, AccessToken: 600, IdToken: 600, AuthorizationCode: 60 },
      pkce: { required: () => true },
      features: { devInteractions: { enabled: false } },
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
      interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
      findAccount: (_: unknown, sub: string) => ({ accountId: sub, claims: () => ({ ...this.person, sub }) }),
      loadExistingGrant: (ctx: { oidc: { session: { accountId: string }; client: { clientId: string } } }) =>
        this.#grant(ctx.oidc.session.accountId, ctx.oidc.client.clientId),
    })
  }

  env(): NodeJS.ProcessEnv {
    return {
      MESHBOOK_OIDC_ISSUER: this.url,
      MESHBOOK_OIDC_CLIENT_ID: this.clientId,
      MESHBOOK_OIDC_CLIENT_SECRET: this.clientSecret,
      MESHBOOK_OIDC_NAME: 'Test ID',
    }
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  async #grant(accountId: string, clientId: string): Promise<unknown> {
    const grant = new this.#provider!.Grant({ accountId, clientId })
    grant.addOIDCScope('openid email profile')
    await grant.save()
    return grant
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', this.url).pathname
    this.asked.push(path)
    const fault = this.fault(path)
    if (fault !== undefined) return misbehave(response, fault)
    if (path === '/.well-known/openid-configuration' && Object.keys(this.discovered).length > 0)
      return this.#discover(request, response)
    if (!path.startsWith('/interaction/')) return this.#provider!.callback()(request, response)
    const { prompt } = await this.#provider!.interactionDetails(request, response)
    const result = prompt.name === 'login' ? { login: { accountId: this.person.sub } } : { error: 'access_denied' }
    await this.#provider!.interactionFinished(request, response, result)
  }

  #discover(_request: IncomingMessage, response: ServerResponse): void {
    const at = (path: string): string => this.url + path
    const truth = {
      issuer: this.url,
      authorization_endpoint: at('/auth'),
      token_endpoint: at('/token'),
      userinfo_endpoint: at('/me'),
      jwks_uri: at('/jwks'),
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      authorization_response_iss_parameter_supported: true,
    }
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ ...truth, ...this.discovered }))
  }
}

function misbehave(response: ServerResponse, fault: OidcFault): void {
  if (fault === 'silent') return
  if (fault === 'redirect') return void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
  if (fault === 'not json') return void response.setHeader('content-type', 'text/html').end('<h1>Sorry</h1>')
  if (fault === 500) return void response.writeHead(500).end('{}')
  response.setHeader('content-type', 'application/json')
  const line = `"${'x'.repeat(65_536)}",`
  const pour = (): void => {
    while (!response.destroyed && response.write(line));
    if (!response.destroyed) response.once('drain', pour)
  }
  response.write('[')
  pour()
}
