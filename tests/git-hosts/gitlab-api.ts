/** GitLab's REST API (version 4) for merge requests as its documentation describes it, in front of a real git remote, and strict. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { answer, readBody } from './api-answers.ts'
import { GitRemote } from './git-remote.ts'

export interface ApiMerge {
  iid: number
  title: string
  description: string
  source_branch: string
  target_branch: string
  state: 'opened' | 'closed' | 'merged'
}

const makeFields = [
  'source_branch',
  'target_branch',
  'title',
  'description',
  'remove_source_branch',
  'labels',
  'squash',
]

export class GitlabApi {
  readonly remote: GitRemote
  readonly token = `glpat-canary${randomBytes(10).toString('hex')}`
  readonly merges = new Map<string, ApiMerge[]>()
  readonly calls: string[] = []
  beforeMake: (() => void) | null = null

  private constructor(remote: GitRemote) {
    this.remote = remote
  }

  static async start(t: TestContext): Promise<GitlabApi> {
    const gitlab = new GitlabApi(await GitRemote.start(t))
    gitlab.remote.admits = (username, password) => username === 'oauth2' && password === gitlab.token
    gitlab.remote.api = (request, response, url) => gitlab.#serve(request, response, url)
    return gitlab
  }

  async #serve(request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> {
    if (!url.pathname.startsWith('/api/v4/')) return false
    const path = url.pathname.slice('/api/v4'.length)
    this.calls.push(`${request.method} ${path}`)
    if (request.headers['private-token'] !== this.token) return answer(response, 401, { message: '401 Unauthorized' })
    const found = /^\/projects\/([^/]+)\/merge_requests(?:\/(\d+))?$/.exec(path)
    // A path with slashes that are not encoded is another route there.
    const repo = decodeURIComponent(found?.[1] ?? '')
    const merges = this.merges.get(repo)
    if (!found || !merges) return answer(response, 404, { message: '404 Project Not Found' })
    if (request.method === 'GET' && !found[2]) return this.#list(response, repo, merges, url.searchParams)
    if (request.method === 'POST' && !found[2]) return this.#make(request, response, repo, merges)
    if (request.method === 'PUT' && found[2]) return this.#change(request, response, repo, merges, Number(found[2]))
    return answer(response, 405, { message: '405 Method Not Allowed' })
  }

  #list(response: ServerResponse, repo: string, merges: ApiMerge[], query: URLSearchParams): true {
    const state = query.get('state') ?? 'all'
    const wanted = merges.filter(
      merge =>
        (state === 'all' || merge.state === state) &&
        (query.get('source_branch') ?? merge.source_branch) === merge.source_branch &&
        (query.get('target_branch') ?? merge.target_branch) === merge.target_branch,
    )
    return answer(response, 200, wanted.map(merge => this.#shown(repo, merge)).reverse())
  }

  async #make(request: IncomingMessage, response: ServerResponse, repo: string, merges: ApiMerge[]): Promise<true> {
    const body = (await readBody(request)) ?? {}
    const missing = ['title', 'source_branch', 'target_branch'].filter(name => typeof body[name] !== 'string')
    if (missing.length > 0)
      return answer(response, 400, { error: missing.map(name => `${name} is missing`).join(', ') })
    const unknown = Object.keys(body).find(name => !makeFields.includes(name))
    if (unknown) return answer(response, 400, { error: `${unknown} is invalid` })
    this.beforeMake?.()
    this.beforeMake = null
    const fields = body as unknown as Omit<ApiMerge, 'iid' | 'state'>
    const refs = await this.remote.refs(repo)
    if (!refs[`refs/heads/${fields.source_branch}`])
      return answer(response, 422, { message: ['Source branch does not exist'] })
    const same = merges.find(
      merge =>
        merge.state === 'opened' &&
        merge.source_branch === fields.source_branch &&
        merge.target_branch === fields.target_branch,
    )
    if (same)
      return answer(response, 409, {
        message: [`Another open merge request already exists for this source branch: !${same.iid}`],
      })
    return answer(response, 201, this.#shown(repo, this.add(repo, fields)))
  }

  add(repo: string, fields: Pick<ApiMerge, 'title' | 'description' | 'source_branch' | 'target_branch'>): ApiMerge {
    const merges = this.merges.get(repo)!
    const { title, description, source_branch, target_branch } = fields
    const merge: ApiMerge = {
      iid: merges.length + 1,
      state: 'opened',
      title,
      description,
      source_branch,
      target_branch,
    }
    merges.push(merge)
    return merge
  }

  async #change(
    request: IncomingMessage,
    response: ServerResponse,
    repo: string,
    merges: ApiMerge[],
    iid: number,
  ): Promise<true> {
    const body = (await readBody(request)) ?? {}
    const merge = merges.find(known => known.iid === iid)
    if (!merge) return answer(response, 404, { message: '404 Not found' })
    if (Object.keys(body).length === 0)
      return answer(response, 400, {
        error: 'assignee_id, description, title, … are missing, at least one parameter must be provided',
      })
    Object.assign(merge, body)
    return answer(response, 200, this.#shown(repo, merge))
  }

  #shown(repo: string, merge: ApiMerge): object {
    return {
      id: 5_000 + merge.iid,
      project_id: 3,
      ...merge,
      web_url: `${this.remote.url}/${repo}/-/merge_requests/${merge.iid}`,
      author: { id: 1, username: 'admin' },
      draft: false,
    }
  }
}
