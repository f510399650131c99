/** Pull requests at GitHub (GT33–GT35), with a token. */
import * as v from 'valibot'
import {
  answerOf,
  askHost,
  type GitHost,
  type HostPorts,
  type HostRequest,
  hostFailure,
  type PullRequest,
  type PullRequestOrder,
} from './git-host.ts'

const pullSchema = v.object({
  number: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  html_url: v.pipe(v.string(), v.url()),
  state: v.picklist(['open', 'closed']),
  merged_at: v.optional(v.nullable(v.string())),
})
type Pull = v.InferOutput<typeof pullSchema>

export class GithubHost implements GitHost {
  readonly #ports: HostPorts
  readonly #token: string

  constructor(ports: HostPorts, token: string) {
    this.#ports = ports
    this.#token = token
  }

  async pullRequest(order: PullRequestOrder, signal?: AbortSignal): Promise<PullRequest> {
    const known = await this.#find(order, signal)
    if (known) return this.#update(order, known, signal)
    const { path, branch: head, into: base, title, text: body } = order
    const answer = await this.#ask(
      { method: 'POST', path: `${repos(path)}/pulls`, body: { title, head, base, body } },
      signal,
    )
    if (answer.status === 201) return shown(answerOf(pullSchema, answer), 'made')
    // Somebody else was first: it is there now.
    const first = answer.status === 422 ? await this.#find(order, signal) : undefined
    if (first) return this.#update(order, first, signal)
    throw this.#failed('a pull request was not made', answer)
  }

  /** The newest of this branch; one that is open before all others. */
  async #find({ path, branch, into }: PullRequestOrder, signal?: AbortSignal): Promise<Pull | undefined> {
    const owner = path.split('/')[0]
    const query = new URLSearchParams({ head: `${owner}:${branch}`, base: into, state: 'all', per_page: '100' })
    const answer = await this.#ask({ method: 'GET', path: `${repos(path)}/pulls?${query}` }, signal)
    if (answer.status !== 200) throw this.#failed('pull requests cannot be listed', answer)
    const all = answerOf(v.array(pullSchema), answer)
    return all.find(({ state }) => state === 'open') ?? all.sort((a, b) => b.number - a.number)[0]
  }

  async #update({ path, title, text }: PullRequestOrder, known: Pull, signal?: AbortSignal): Promise<PullRequest> {
    if (known.state === 'closed') return shown(known, known.merged_at ? 'merged' : 'closed')
    const change = {
      method: 'PATCH',
      path: `${repos(path)}/pulls/${known.number}`,
      body: { title, body: text },
    } as const
    const answer = await this.#ask(change, signal)
    if (answer.status !== 200) throw this.#failed('the pull request was not updated', answer)
    return shown(answerOf(pullSchema, answer), 'updated')
  }

  #ask(request: HostRequest, signal?: AbortSignal): ReturnType<typeof askHost> {
    return askHost(this.#ports, request, githubHeaders(this.#token), signal)
  }

  #failed(what: string, answer: Parameters<typeof hostFailure>[1]): Error {
    return hostFailure(what, answer, [this.#token])
  }
}

export function githubHeaders(token: string): Record<string, string> {
  return {
    accept: 'application/vnd.github+json',
    'x-github-api-version': '2022-11-28',
    authorization: `Bearer ${token}`,
  }
}

/** `owner/name` as a path of the API. */
export function repos(path: string): string {
  return `/repos/${path.split('/').slice(0, 2).map(encodeURIComponent).join('/')}`
}

function shown({ html_url: url, number }: Pull, state: PullRequest['state']): PullRequest {
  return { url, number, state }
}
