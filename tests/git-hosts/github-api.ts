/**
 * GitHub's REST API for pull requests and apps as its documentation describes it (version 2022-11-28), in front of a real
 * git remote, and strict: real paths, required fields, GitHub's own words for what it refuses.
 */
import { createVerify, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Cleanup } from '../mesh-process.ts'
import { answer, readBody } from './api-answers.ts'
import { GitRemote } from './git-remote.ts'

export interface ApiPull {
  number: number
  title: string
  body: string
  head: string
  base: string
  state: 'open' | 'closed'
  merged_at: string | null
}

const documentation = 'https://docs.github.com/rest'
const app = '12345'

export class GithubApi {
  readonly remote: GitRemote
  readonly token = `ghp_canary${randomBytes(18).toString('hex')}`
  readonly appKey: string
  readonly #publicKey: KeyObject
  readonly pulls = new Map<string, ApiPull[]>()
  /** Of each call: method and path. */
  readonly calls: string[] = []
  /** Tokens that the app got, with the repositories that they are for. */
  readonly issued = new Map<string, string[]>()
  /** Before a pull request is made: what happens just then. */
  beforeMake: (() => void) | null = null
  down = false

  private constructor(remote: GitRemote) {
    this.remote = remote
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    this.#publicKey = publicKey
    this.appKey = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
  }

  static async start(t: Cleanup): Promise<GithubApi> {
    const github = new GithubApi(await GitRemote.start(t))
    github.remote.admits = (_, password) => password === github.token || github.issued.has(password)
    github.remote.api = (request, response, url) => github.#serve(request, response, url)
    return github
  }

  /** As it is stored. */
  get storedApp(): string {
    return JSON.stringify({ app, key: this.appKey })
  }

  async #serve(request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> {
    if (!url.pathname.startsWith('/api/v3/')) return false
    const path = url.pathname.slice('/api/v3'.length)
    this.calls.push(`${request.method} ${path}`)
    if (this.down) return answer(response, 503, { message: 'Service Unavailable' })
    if (!request.headers['user-agent'])
      return answer(response, 403, { message: 'Request forbidden by administrative rules.' })
    if (request.headers.accept !== 'application/vnd.github+json')
      return answer(response, 415, { message: "Must accept 'application/json'" })
    if (request.headers['x-github-api-version'] !== '2022-11-28')
      return answer(response, 400, { message: 'That is not a supported REST API version' })
    const bearer = /^(?:Bearer|token) (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const forApp = /^\/repos\/([\w.-]+)\/([\w.-]+)\/installation$/.exec(path)
    if (forApp && request.method === 'GET') return this.#installation(response, bearer, `${forApp[1]}/${forApp[2]}`)
    if (path === '/app/installations/77/access_tokens' && request.method === 'POST')
      return this.#accessToken(request, response, bearer)
    const found = /^\/repos\/([\w.-]+\/[\w.-]+)\/pulls(?:\/(\d+))?$/.exec(path)
    if (!found) return this.#notFound(response)
    const repo = found[1]!
    if (bearer !== this.token && !this.issued.get(bearer)?.includes(repo.split('/')[1]!))
      return answer(response, 401, { message: 'Bad credentials', documentation_url: documentation, status: '401' })
    const pulls = this.pulls.get(repo)
    if (!pulls) return this.#notFound(response)
    if (request.method === 'GET' && !found[2]) return this.#list(response, pulls, repo, url.searchParams)
    if (request.method === 'POST' && !found[2]) return this.#make(request, response, repo, pulls)
    if (request.method === 'PATCH' && found[2]) return this.#change(request, response, repo, pulls, Number(found[2]))
    return this.#notFound(response)
  }

  #notFound(response: ServerResponse): true {
    return answer(response, 404, { message: 'Not Found', documentation_url: documentation, status: '404' })
  }

  #list(response: ServerResponse, pulls: ApiPull[], repo: string, query: URLSearchParams): true {
    const state = query.get('state') ?? 'open'
    const head = query.get('head')
    const base = query.get('base')
    const owner = repo.split('/')[0]
    const wanted = pulls.filter(
      pull =>
        (state === 'all' || pull.state === state) &&
        (head === null || head === `${owner}:${pull.head}`) &&
        (base === null || base === pull.base),
    )
    return answer(response, 200, wanted.map(pull => this.#shown(repo, pull)).reverse())
  }

  async #make(request: IncomingMessage, response: ServerResponse, repo: string, pulls: ApiPull[]): Promise<true> {
    const body = await readBody(request)
    if (!body) return answer(response, 400, { message: 'Problems parsing JSON', documentation_url: documentation })
    for (const field of ['title', 'head', 'base'])
      if (typeof body[field] !== 'string' || body[field] === '')
        return this.#invalid(response, { resource: 'PullRequest', code: 'missing_field', field })
    const unknown = Object.keys(body).find(name => !['title', 'head', 'base', 'body', 'draft'].includes(name))
    if (unknown) return answer(response, 422, { message: `Invalid request.\n\n"${unknown}" is not a permitted key.` })
    this.beforeMake?.()
    this.beforeMake = null
    const { title, head, base, body: text = '' } = body as Record<string, string>
    const refs = await this.remote.refs(repo)
    const from = refs[`refs/heads/${head}`]
    const into = refs[`refs/heads/${base}`]
    if (!from) return this.#invalid(response, { resource: 'PullRequest', field: 'head', code: 'invalid' })
    if (!into) return this.#invalid(response, { resource: 'PullRequest', field: 'base', code: 'invalid' })
    const custom = (message: string): true =>
      this.#invalid(response, { resource: 'PullRequest', code: 'custom', message })
    if (from === into) return custom(`No commits between ${base} and ${head}`)
    if (pulls.some(pull => pull.state === 'open' && pull.head === head && pull.base === base))
      return custom(`A pull request already exists for ${repo.split('/')[0]}:${head}.`)
    const pull = this.add(repo, { title: title!, head: head!, base: base!, body: text })
    return answer(response, 201, this.#shown(repo, pull))
  }

  add(repo: string, fields: Pick<ApiPull, 'title' | 'head' | 'base' | 'body'>): ApiPull {
    const pulls = this.pulls.get(repo)!
    const pull: ApiPull = { number: pulls.length + 1, state: 'open', merged_at: null, ...fields }
    pulls.push(pull)
    return pull
  }

  #invalid(response: ServerResponse, error: Record<string, string>): true {
    const body = { message: 'Validation Failed', errors: [error], documentation_url: documentation, status: '422' }
    return answer(response, 422, body)
  }

  async #change(
    request: IncomingMessage,
    response: ServerResponse,
    repo: string,
    pulls: ApiPull[],
    number: number,
  ): Promise<true> {
    const body = await readBody(request)
    const pull = pulls.find(known => known.number === number)
    if (!pull) return this.#notFound(response)
    if (!body) return answer(response, 400, { message: 'Problems parsing JSON', documentation_url: documentation })
    const unknown = Object.keys(body).find(name => !['title', 'body', 'state', 'base'].includes(name))
    if (unknown) return answer(response, 422, { message: `Invalid request.\n\n"${unknown}" is not a permitted key.` })
    Object.assign(pull, body)
    return answer(response, 200, this.#shown(repo, pull))
  }

  #shown(repo: string, { number, title, body, head, base, state, merged_at }: ApiPull): object {
    return {
      id: 1_000_000 + number,
      number,
      url: `${this.remote.url}/api/v3/repos/${repo}/pulls/${number}`,
      html_url: `${this.remote.url}/${repo}/pull/${number}`,
      state,
      locked: false,
      title,
      body,
      user: { login: 'octocat', id: 1, type: 'User' },
      created_at: '2024-01-01T00:00:00Z',
      merged_at,
      draft: false,
      head: { label: `${repo.split('/')[0]}:${head}`, ref: head },
      base: { label: `${repo.split('/')[0]}:${base}`, ref: base },
    }
  }

  #installation(response: ServerResponse, jwt: string, repo: string): true {
    const refused = this.#refusedJwt(jwt)
    if (refused) return answer(response, 401, { message: refused, documentation_url: documentation, status: '401' })
    if (!this.pulls.has(repo)) return this.#notFound(response)
    return answer(response, 200, { id: 77, app_id: Number(app), account: { login: repo.split('/')[0] } })
  }

  async #accessToken(request: IncomingMessage, response: ServerResponse, jwt: string): Promise<true> {
    const refused = this.#refusedJwt(jwt)
    if (refused) return answer(response, 401, { message: refused, documentation_url: documentation, status: '401' })
    const body = await readBody(request)
    const names = body?.repositories
    const known = [...this.pulls.keys()].map(repo => repo.split('/')[1])
    if (!Array.isArray(names) || !names.every(name => known.includes(name)))
      return answer(response, 422, {
        message:
          'There is at least one repository that does not exist or is not accessible to the parent installation.',
        documentation_url: documentation,
        status: '422',
      })
    const token = `ghs_canary${randomBytes(18).toString('hex')}`
    this.issued.set(token, names as string[])
    return answer(response, 201, {
      token,
      expires_at: new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+Z/, 'Z'),
      permissions: body?.permissions,
      repository_selection: 'selected',
    })
  }

  /** As GitHub checks it: signature, issuer, not longer than ten minutes. */
  #refusedJwt(jwt: string): string | null {
    const [head = '', claims = '', signature = ''] = jwt.split('.')
    const isSigned = createVerify('RSA-SHA256')
      .update(`${head}.${claims}`)
      .verify(this.#publicKey, signature, 'base64url')
    if (!isSigned) return 'A JSON web token could not be decoded'
    const { alg } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { alg: string }
    const { iss, iat, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>
    const now = Date.now() / 1_000
    if (alg !== 'RS256' || iss !== app) return "'Issuer' claim ('iss') must be an Integer or String"
    if (typeof exp !== 'number' || exp > now + 600) return "'Expiration time' claim ('exp') is too far in the future"
    if (exp < now) return "'Expiration time' claim ('exp') must be a numeric value representing the future time"
    if (typeof iat !== 'number' || iat > now)
      return "'Issued at' claim ('iat') must be an Integer representing the past"
    return null
  }
}
