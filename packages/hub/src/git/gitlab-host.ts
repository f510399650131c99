/** Merge requests at GitLab (GT33–GT35), with a token. */
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

const mergeSchema = v.object({
  iid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  web_url: v.pipe(v.string(), v.url()),
  state: v.picklist(['opened', 'closed', 'merged', 'locked']),
})
type Merge = v.InferOutput<typeof mergeSchema>

export class GitlabHost implements GitHost {
  readonly #ports: HostPorts
  readonly #token: string

  constructor(ports: HostPorts, token: string) {
    this.#ports = ports
    this.#token = token
  }

  async pullRequest(order: PullRequestOrder, signal?: AbortSignal): Promise<PullRequest> {
    const known = await this.#find(order, signal)
    if (known) return this.#update(order, known, signal)
    const { path, branch, into, title, text } = order
    const body = { source_branch: branch, target_branch: into, title, description: text, remove_source_branch: true }
    const answer = await this.#ask({ method: 'POST', path: merges(path), body }, signal)
    if (answer.status === 201) return shown(answerOf(mergeSchema, answer), 'made')
    const first = answer.status === 409 ? await this.#find(order, signal) : undefined
    if (first) return this.#update(order, first, signal)
    throw this.#failed('a merge request was not made', answer)
  }

  async #find({ path, branch, into }: PullRequestOrder, signal?: AbortSignal): Promise<Merge | undefined> {
    const query = new URLSearchParams({ source_branch: branch, target_branch: into, state: 'all', per_page: '100' })
    const answer = await this.#ask({ method: 'GET', path: `${merges(path)}?${query}` }, signal)
    if (answer.status !== 200) throw this.#failed('merge requests cannot be listed', answer)
    const all = answerOf(v.array(mergeSchema), answer)
    return all.find(({ state }) => state === 'opened') ?? all.sort((a, b) => b.iid - a.iid)[0]
  }

  async #update({ path, title, text }: PullRequestOrder, known: Merge, signal?: AbortSignal): Promise<PullRequest> {
    if (known.state !== 'opened') return shown(known, known.state === 'closed' ? 'closed' : 'merged')
    const change = { method: 'PUT', path: `${merges(path)}/${known.iid}`, body: { title, description: text } } as const
    const answer = await this.#ask(change, signal)
    if (answer.status !== 200) throw this.#failed('the merge request was not updated', answer)
    return shown(answerOf(mergeSchema, answer), 'updated')
  }

  #ask(request: HostRequest, signal?: AbortSignal): ReturnType<typeof askHost> {
    return askHost(this.#ports, request, { 'private-token': this.#token, accept: 'application/json' }, signal)
  }

  #failed(what: string, answer: Parameters<typeof hostFailure>[1]): Error {
    return hostFailure(what, answer, [this.#token])
  }
}

const merges = (path: string): string => `/projects/${encodeURIComponent(path)}/merge_requests`

function shown({ web_url: url, iid: number }: Merge, state: PullRequest['state']): PullRequest {
  return { url, number, state }
}
