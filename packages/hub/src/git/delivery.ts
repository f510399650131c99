/**
 * Brings what a task made to where its repository really is (GT30–GT33): the branch by git, with a lease on what was last
 * delivered, and the pull request by the host. What was delivered is noted by refs of the task repository, the intent
 * before the push and the fact after it, so that a hub that was killed between knows its own push again.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, RunId } from '@meshbook/core/ids.ts'
import { isBranch } from '@meshbook/core/task-events.ts'
import { type Authorized, remoteFailure } from './git-auth.ts'
import type { PullRequest, PullRequestOrder } from './git-host.ts'
import type { GitHosts } from './git-hosts.ts'
import type { GitProgram } from './git-program.ts'
import type { Mirrors } from './mirrors.ts'
import { prefixOf } from './push-commands.ts'
import { zeroCommit } from './ref-list.ts'
import type { Remote } from './remote.ts'
import type { TaskRepositories, TaskRepository } from './task-repositories.ts'

export interface DeliveryOrder {
  org: OrgId
  task: RunId
  /** The whole name, below `meshbook/<task>/`. */
  branch: string
  commit: string
}

export type Delivered =
  | { state: 'pushed' | 'there'; commit: string }
  /** Somebody else moved, made or (`at` null) removed it. */
  | { state: 'moved'; at: string | null }
  /** In the remote's words. */
  | { state: 'refused'; reason: string }

export interface DeliveryPorts {
  git: GitProgram
  mirrors: Mirrors
  repositories: TaskRepositories
  hosts: GitHosts
}

export class Delivery {
  readonly #ports: DeliveryPorts

  constructor(ports: DeliveryPorts) {
    this.#ports = ports
  }

  /** May be asked for again. Throws REPO_DENIED, UNREACHABLE or TIMEOUT; nothing is lost by either. */
  async deliver(order: DeliveryOrder, signal?: AbortSignal): Promise<Delivered> {
    const { mirrors, repositories } = this.#ports
    const { org, task, branch, commit } = order
    const repository = repositories.find(org, task)
    if (!repository) throw new MeshError('NOT_FOUND', { detail: 'the task has no repository' })
    if (!isBranch(branch) || !`refs/heads/${branch}`.startsWith(prefixOf(task)))
      throw new MeshError('BAD_REQUEST', { detail: `${branch} is no branch of this task` })
    if (!(await repositories.has(repository, commit)))
      throw new MeshError('NOT_FOUND', { detail: 'the task has no such commit' })
    return mirrors.atRemote({ org, repo: repository.repo, signal }, (remote, authorized) =>
      this.#deliver(repository, order, { remote, authorized, signal }),
    )
  }

  async #deliver({ gitDir }: TaskRepository, { branch, commit }: DeliveryOrder, at: At): Promise<Delivered> {
    const now = await this.#tipOf(branch, at)
    if (now === commit) {
      await this.#note(gitDir, 'delivered', branch, commit)
      return { state: 'there', commit }
    }
    const known = [await this.#noted(gitDir, 'delivered', branch), await this.#noted(gitDir, 'pushing', branch)]
    const isFirst = now === null && known[0] === null
    if (!isFirst && !known.some(one => one !== null && one === now)) return { state: 'moved', at: now }
    await this.#note(gitDir, 'pushing', branch, commit)
    const outcome = await this.#push(gitDir, { branch, commit, now }, at)
    if (outcome.state === 'pushed') await this.#note(gitDir, 'delivered', branch, commit)
    return outcome
  }

  async #tipOf(branch: string, { remote, authorized, signal }: At): Promise<string | null> {
    const ref = `refs/heads/${branch}`
    const args = ['ls-remote', '--heads', '--', remote.url, ref]
    const answer = await this.#ports.git.run({ ...authorized, args, signal })
    if (answer.code !== 0 || answer.isCut) throw remoteFailure(remote, answer)
    const line = answer.stdout
      .toString('utf8')
      .split('\n')
      .find(text => text.endsWith(`\t${ref}`))
    return line?.slice(0, line.indexOf('\t')) ?? null
  }

  async #push(
    gitDir: string,
    { branch, commit, now }: { branch: string; commit: string; now: string | null },
    { remote, authorized, signal }: At,
  ): Promise<Delivered> {
    const ref = `refs/heads/${branch}`
    const lease = `--force-with-lease=${ref}:${now ?? ''}`
    const flags = ['--porcelain', '--no-verify', '--no-signed', '--no-follow-tags', '--recurse-submodules=no', lease]
    const args = ['push', ...flags, '--', remote.url, `${commit}:${ref}`]
    const answer = await this.#ports.git.run({ ...authorized, gitDir, args, signal })
    const line = answer.stdout
      .toString('utf8')
      .split('\n')
      .find(text => text.includes(`:${ref}\t`))
    if (line === undefined) throw remoteFailure(remote, answer)
    if (!line.startsWith('!')) return { state: 'pushed', commit }
    const reason = line.split('\t').slice(2).join(' ')
    // Between the look and the push somebody else was there.
    if (/stale info|fetch first|failed to update ref|reference already exists|cannot lock ref/.test(reason))
      return { state: 'moved', at: await this.#tipOf(branch, { remote, authorized, signal }) }
    return { state: 'refused', reason: refusalOf(reason, answer.stderr) }
  }

  async #noted(gitDir: string, what: Noted, branch: string): Promise<string | null> {
    const args = ['rev-parse', '--verify', '--quiet', noteRef(what, branch)]
    const { code, stdout } = await this.#ports.git.run({ gitDir, args })
    return code === 0 ? stdout.toString('utf8').trim() : null
  }

  async #note(gitDir: string, what: Noted, branch: string, commit: string): Promise<void> {
    await this.#ports.git.text({ gitDir, args: ['update-ref', noteRef(what, branch), commit] })
  }

  /** Null where the host has none. The branch has been delivered. */
  async pullRequest(
    {
      org,
      repo,
      ...order
    }: Omit<PullRequestOrder, 'path' | 'into'> & { org: OrgId; repo: string; into: string | null },
    signal?: AbortSignal,
  ): Promise<PullRequest | null> {
    const host = await this.#ports.hosts.hostFor(org, repo, signal)
    const into = order.into ?? this.#ports.mirrors.headOf(org, repo)
    if (!host || into === null) return null
    return host.pullRequest({ ...order, into, path: host.path }, signal)
  }
}

interface At {
  remote: Remote
  authorized: Authorized
  signal?: AbortSignal | undefined
}

type Noted = 'delivered' | 'pushing'
const noteRef = (what: Noted, branch: string): string => `refs/meshbook/${what}/${branch}`

/** What the remote printed says more than its one word. */
function refusalOf(reason: string, stderr: string): string {
  const said = stderr
    .split('\n')
    .filter(line => line.startsWith('remote: '))
    .map(line => line.slice('remote: '.length).trim())
    .filter(line => line !== '')
  return [reason, ...said].join('; ').replaceAll(zeroCommit, 'nothing').slice(0, 500)
}
