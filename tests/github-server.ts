/**
 * GitHub's OAuth as its documentation describes it, for the tests, and strict: it refuses what GitHub refuses, in GitHub's
 * way (errors of the token with status 200, a code good once for ten minutes, PKCE with S256, numbers as ids, headers).
 */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export interface GithubUser {
  id: number
  login: string
  emails: { email: string; primary: boolean; verified: boolean; visibility: 'public' | 'private' | null }[]
}

interface Code {
  redirectUri: string
  challenge: string
  user: GithubUser
  scope: string
}

export class GithubServer {
  user: GithubUser = {
    id: 583_231,
    login: 'octocat',
    emails: [
      { email: 'old@example.com', primary: false, verified: true, visibility: null },
      { email: 'octo@example.com', primary: true, verified: true, visibility: 'public' },
    ],
  }
  /** The person presses "Cancel". */
  declines = false
  down = false
  readonly clientId = 'Iv1.0123456789abcdef'
  readonly clientSecret = `canary-github-${randomBytes(20).toString('hex')}`
  /** What was refused, and why. */
  readonly refused: string[] = []
  readonly issued: string[] = []
  readonly url: string
  readonly #codes = new Map<string, Code>()
  readonly #tokens = new Map<string, Code>()
  #callback = ''

  private constructor(server: Server) {
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(t: TestContext): Promise<GithubServer> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const github = new GithubServer(server)
    server.on('request', (request, response) => void github.#serve(request, response))
    t.after(() => {
      server.close()
      server.closeAllConnections()
    })
    return github
  }

  /** The authorization callback URL of the app: what comes later must be it or below it. */
  register(callback: string): void {
    this.#callback = callback
  }

  env(): NodeJS.ProcessEnv {
    return {
      MESHBOOK_GITHUB_URL: this.url,
      MESHBOOK_GITHUB_CLIENT_ID: this.clientId,
      MESHBOOK_GITHUB_CLIENT_SECRET: this.clientSecret,
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url)
    const route = `${request.method} ${url.pathname}`
    if (this.down) return answer(response, 503, { message: 'Service unavailable' })
    if (route === 'GET /login/oauth/authorize') return this.#authorize(url.searchParams, response)
    if (route === 'POST /login/oauth/access_token') return this.#redeem(request, response)
    if (route === 'GET /api/v3/user') return this.#tell(request, response, 'read:user', userOf)
    if (route === 'GET /api/v3/user/emails') return this.#tell(request, response, 'user:email', ({ emails }) => emails)
    answer(response, 404, { message: 'Not Found' })
  }

  #authorize(asked: URLSearchParams, response: ServerResponse): undefined {
    const redirectUri = asked.get('redirect_uri') ?? this.#callback
    if (asked.get('client_id') !== this.clientId) return this.#refuse(response, 404, 'unknown client')
    if (!redirectUri.startsWith(this.#callback)) return this.#refuse(response, 404, 'redirect_uri mismatch')
    const back = new URL(redirectUri)
    if (asked.has('state')) back.searchParams.set('state', asked.get('state')!)
    if (asked.has('code_challenge') && asked.get('code_challenge_method') !== 'S256')
      return this.#refuse(response, 400, 'code_challenge_method')
    if (this.declines) {
      back.searchParams.set('error', 'access_denied')
      back.searchParams.set('error_description', 'The user has denied your application access.')
    } else back.searchParams.set('code', this.#newCode(asked, redirectUri))
    response.writeHead(302, { location: back.href }).end()
  }

  #newCode(asked: URLSearchParams, redirectUri: string): string {
    const code = randomBytes(10).toString('hex')
    this.issued.push(code)
    const [challenge, scope] = [asked.get('code_challenge') ?? '', asked.get('scope') ?? '']
    this.#codes.set(code, { redirectUri, challenge, user: structuredClone(this.user), scope })
    return code
  }

  async #redeem(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await textOf(request))
    const wrong = (error: string): void => {
      this.refused.push(error)
      answer(response, 200, { error, error_description: 'x', error_uri: 'https://docs.github.com/' })
    }
    if (request.headers.accept !== 'application/json') return wrong('not asked for as JSON')
    if (form.get('client_id') !== this.clientId || form.get('client_secret') !== this.clientSecret)
      return wrong('incorrect_client_credentials')
    const code = this.#codes.get(form.get('code') ?? '')
    this.#codes.delete(form.get('code') ?? '')
    if (!code) return wrong('bad_verification_code')
    if (form.get('redirect_uri') !== code.redirectUri) return wrong('redirect_uri_mismatch')
    const shown = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (code.challenge !== '' && shown !== code.challenge) return wrong('bad_verification_code')
    const token = `gho_${randomBytes(18).toString('hex')}`
    this.issued.push(token)
    this.#tokens.set(token, code)
    answer(response, 200, { access_token: token, scope: code.scope.replaceAll(' ', ','), token_type: 'bearer' })
  }

  #tell(
    request: IncomingMessage,
    response: ServerResponse,
    scope: string,
    what: (user: GithubUser) => unknown,
  ): undefined {
    const token = /^(?:Bearer|token) (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    const known = this.#tokens.get(token ?? '')
    if (!known) return this.#refuse(response, 401, 'Bad credentials')
    if (!request.headers['user-agent']) return this.#refuse(response, 403, 'no User-Agent')
    if (!known.scope.split(' ').includes(scope)) return this.#refuse(response, 404, `scope ${scope}`)
    answer(response, 200, what(known.user))
  }

  #refuse(response: ServerResponse, status: number, message: string): undefined {
    this.refused.push(message)
    answer(response, status, { message })
  }
}

const userOf = ({ id, login }: GithubUser): unknown => ({ login, id, node_id: 'x', type: 'User', email: null })

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}
