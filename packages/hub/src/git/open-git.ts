/** All of git that a hub has, put together, and what a task needs of it from its beginning to its end. */
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now, OrgId, RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Log } from '../log.ts'
import { outgoing, systemResolve } from '../outgoing/guarded-request.ts'
import type { TaskRow } from '../store/tasks.ts'
import type { Delivery as TaskDelivery } from '../tasks/places.ts'
import type { Vault } from '../vault/vault.ts'
import { Delivery } from './delivery.ts'
import type { GitSettings } from './git-config.ts'
import type { CredentialFor, StoredCredential } from './git-credential.ts'
import { GitGateway } from './git-gateway.ts'
import { GitHosts } from './git-hosts.ts'
import { GitProgram } from './git-program.ts'
import { type Mirror, Mirrors } from './mirrors.ts'
import { PreparedCheckouts } from './prepared-checkouts.ts'
import { parseRemote } from './remote.ts'
import { listFolder, readTaskFile, taskDiff } from './task-diff.ts'
import { TaskRepositories, type TaskRepository } from './task-repositories.ts'

export interface OpenGitPorts {
  dataFolder: string
  settings: GitSettings
  credentialFor: CredentialFor
  times: Limits
  now: Now
  log: Log
}

type TaskOfGit = Pick<TaskRow, 'org' | 'id' | 'repo' | 'base' | 'baseCommit'>

export interface Git {
  program: GitProgram
  mirrors: Mirrors
  repositories: TaskRepositories
  gateway: GitGateway
  checkouts: PreparedCheckouts
  /** As `tasks/` wants it. */
  delivery: TaskDelivery
  /** The repository of a task, and the commit that it begins from. `from`: it goes on from a commit of another one. */
  begin(task: TaskOfGit, from?: { task: RunId; commit: string }): Promise<{ base: string; repository: TaskRepository }>
  close(): Promise<void>
}

export async function openGit({ dataFolder, settings, credentialFor, times, now, log }: OpenGitPorts): Promise<Git> {
  const folder = join(dataFolder, 'git')
  const program = await GitProgram.open(folder, times)
  const { rules, hosts: named } = settings
  const send = outgoing({ resolve: systemResolve, times })
  const hosts = new GitHosts({ credentialFor, send, named, rules, now })
  const mirrors = await Mirrors.open({
    ...{ folder, git: program, rules, resolve: systemResolve, now, log, limits: times },
    authFor: (org, repo, signal) => hosts.authFor(org, repo, signal),
  })
  const repositories = await TaskRepositories.open(folder, program, mirrors)
  await repositories.sweep(now() - times.taskRepositoryMs)
  const checkouts = await PreparedCheckouts.open({ folder, git: program, mirrors, repositories, log, limits: times })
  const gateway = new GitGateway({ git: program, mirrors, repositories, log, limits: times })
  const delivery = new Delivery({ git: program, mirrors, repositories, hosts })

  const treeOf = async ({ org, id, baseCommit, state }: TaskRow) => {
    const repository = repositories.find(org, id)
    const commit = state.commit ?? baseCommit
    if (!repository || commit === null || !(await repositories.has(repository, commit)))
      throw new MeshError('NOT_FOUND', { detail: 'the files of this task are not kept here' })
    const at = { git: program, limits: times, gitDir: repository.gitDir }
    return { at, commit, isBase: state.commit === null }
  }

  const begin: Git['begin'] = async (task, from) => {
    const { org, id, repo } = task
    const known = repositories.find(org, id)
    // One that has begun goes on from where it began, whatever became of the branch.
    if (known && task.baseCommit !== null) return { base: task.baseCommit, repository: known }
    const free = mirrors.hold(org, repo)
    try {
      const mirror = await mirrors.fetch(org, repo)
      if (!from) {
        const base = task.baseCommit ?? (await baseOf(mirrors, mirror, task.base))
        return { base, repository: await repositories.make({ org, repo, task: id }, base) }
      }
      const repository = await repositories.make({ org, repo, task: id })
      const other = repositories.find(org, from.task)
      if (!other) throw new MeshError('NOT_FOUND', { detail: `what task ${from.task} made is not kept any more` })
      await repositories.take(repository, other, from.commit)
      return { base: from.commit, repository }
    } finally {
      free()
    }
  }

  return {
    ...{ program, mirrors, repositories, gateway, checkouts, begin },
    delivery: {
      push: async ({ org, id, branch, state: { commit } }) => {
        if (commit === null) return null
        const done = await delivery.deliver({ org, task: id, branch, commit })
        if (done.state === 'moved') throw movedBy(branch, done.at)
        if (done.state === 'refused')
          throw new MeshError('FORBIDDEN', { detail: `the repository refused: ${done.reason}` })
        return { branch, commit }
      },
      pullRequest: async ({ org, repo, branch, base, prompt, state, requestedBy }) => {
        const [title, text] = wordsOf(prompt, state.finished?.summary ?? '', requestedBy)
        const made = await delivery.pullRequest({ org, repo, branch, into: base, title, text })
        return made && { url: made.url, number: made.number }
      },
      forget: async ({ org, id }) => {
        await checkouts.release(org, id)
        await repositories.end(org, id, now())
        await repositories.sweep(now() - times.taskRepositoryMs)
      },
      kept: () => repositories.list().map(({ org, task, isOver }) => ({ org, id: task, isOver })),
      drop: async ({ org, id }) => {
        await checkouts.release(org, id)
        await repositories.remove(org, id)
      },
      folder: async (task, path) => {
        const { at, commit, isBase } = await treeOf(task)
        return { commit, isBase, path, ...(await listFolder(at, { ...at, commit, path })) }
      },
      file: async (task, path) => {
        const { at, commit } = await treeOf(task)
        const { bytes, content, isCut } = await readTaskFile(at, { ...at, commit, path })
        return { commit, path, bytes, text: textOf(content, isCut), isCut }
      },
      diff: async ({ org, id, baseCommit, state: { commit } }) => {
        const repository = repositories.find(org, id)
        if (!repository || baseCommit === null || commit === null || !(await repositories.has(repository, commit)))
          throw new MeshError('NOT_FOUND', { detail: 'what this task changed is not kept here' })
        return taskDiff({ git: program, limits: times }, { gitDir: repository.gitDir, base: baseCommit, commit })
      },
    },
    close: () => checkouts.close(),
  }
}

/** Null where it is none. A character that is cut at the end is left out. */
function textOf(bytes: Buffer, isCut: boolean): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: isCut })
    return text.includes('\0') ? null : text
  } catch (thrown) {
    if (thrown instanceof TypeError) return null
    throw thrown
  }
}

async function baseOf(mirrors: Mirrors, mirror: Mirror, branch: string | null): Promise<string> {
  const commit = await mirrors.commitOf(mirror, branch)
  if (commit !== null) return commit
  const detail =
    branch === null ? 'the repository has no commit to begin from' : `the repository has no branch ${branch}`
  throw new MeshError('NOT_FOUND', { detail })
}

function movedBy(branch: string, at: string | null): MeshError {
  const what = at === null ? 'was removed' : `is at ${at.slice(0, 12)}`
  return new MeshError('CONFLICT', { detail: `the branch ${branch} ${what} at the repository, and was not touched` })
}

/** The first line of what was asked for names it; what the agent says of its work follows. */
function wordsOf(prompt: string, summary: string, by: string): [title: string, text: string] {
  const [first = ''] = prompt.trim().split('\n', 1)
  const title = first.replace(/^#+\s*/, '')
  const asked = prompt.length > 4_000 ? `${prompt.slice(0, 4_000)}…` : prompt
  const quoted = asked.split('\n').map(line => `> ${line}`)
  return [
    title.length > 100 ? `${title.slice(0, 99)}…` : title || 'Work of an agent',
    [summary, `${by} asked for this:`, quoted.join('\n')].filter(part => part !== '').join('\n\n'),
  ]
}

/** Keys of git hosts are for the host that they name, those of the two large ones also without a name. */
export function fromVault(vault: Pick<Vault, 'find'>): CredentialFor {
  return async (org: OrgId, repo: string): Promise<StoredCredential | undefined> => {
    const { host, name } = parseRemote(repo)
    const use = `git at ${host}`
    for (const at of new Set([host, name, `https://${host}`])) {
      const key = await vault.find(org, { kinds: ['git', 'github-app', 'gitlab'], at }, use)
      if (key) return { kind: key.kind as StoredCredential['kind'], value: key.secret.reveal() }
    }
    const usual = { 'github.com': 'github-app', 'gitlab.com': 'gitlab' } as const
    const kind = usual[name as keyof typeof usual]
    const key = kind && (await vault.find(org, { kinds: [kind] }, use))
    return key && key.at === null ? { kind, value: key.secret.reveal() } : undefined
  }
}
