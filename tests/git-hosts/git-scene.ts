/** Everything of git that a hub has, in a temporary folder, with a real remote; for the tests of git. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type OrgId, parseRunId, type RunId } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { AuthFor } from '@meshbook/hub/git/git-auth.ts'
import { GitGateway, gatewayPath } from '@meshbook/hub/git/git-gateway.ts'
import { GitProgram } from '@meshbook/hub/git/git-program.ts'
import { Mirrors } from '@meshbook/hub/git/mirrors.ts'
import { TaskRepositories, type TaskRepository } from '@meshbook/hub/git/task-repositories.ts'
import { newLog } from '@meshbook/hub/log.ts'
import { atEnd } from '@meshbook/hub/testing/at-end.ts'
import { temporaryFolder } from '@meshbook/hub/testing/test-hub.ts'
import { GitRemote, git } from './git-remote.ts'

export interface GitScene {
  org: OrgId
  folder: string
  remote: GitRemote
  /** Of the repository `a` at the remote. */
  url: string
  program: GitProgram
  mirrors: Mirrors
  repositories: TaskRepositories
  pushes: { task: RunId; refs: { ref: string; commit: string }[] }[]
  logged: string[]
  clock: { now: number }
  limits: Limits
  /** A task with a repository and a gateway; `url` is what its git talks to. */
  task(name: string, url?: string): Promise<{ id: RunId; url: string; repository: TaskRepository }>
  /** A folder with a clone of that url. */
  clone(url: string, ...args: string[]): Promise<string>
}

export interface GitSceneOptions {
  own?: Partial<Limits>
  authFor?: AuthFor
  /** Of the first commit. */
  files?: Record<string, string>
  /** With one repository already. */
  remote?: GitRemote
}

export async function gitScene(t: TestContext, options: GitSceneOptions = {}): Promise<GitScene> {
  const { own = {}, authFor = async () => undefined, files } = options
  const org = 'org_00000000000000000000000000' as OrgId
  const folder = await temporaryFolder(t)
  const remote = options.remote ?? (await GitRemote.start(t))
  const logged: string[] = []
  const clock = { now: 1_000_000 }
  const all = { ...limits, ...own }
  const log = newLog('debug', { write: line => void logged.push(line) })
  const program = await GitProgram.open(folder, all)
  const mirrors = await Mirrors.open({
    folder,
    git: program,
    authFor,
    rules: { inside: true, folders: [] },
    resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    now: () => clock.now,
    log,
    limits: all,
  })
  const repositories = await TaskRepositories.open(folder, program, mirrors)
  const pushes: GitScene['pushes'] = []
  const gateway = new GitGateway({
    git: program,
    mirrors,
    repositories,
    log,
    limits: all,
    pushed: ({ task }, refs) => void pushes.push({ task, refs }),
  })
  const url = remote.repositories[0] ?? (await remote.repository('a', files))
  let clones = 0
  return {
    org,
    folder,
    remote,
    url,
    program,
    mirrors,
    repositories,
    pushes,
    logged,
    clock,
    limits: all,
    async task(name, repo = url) {
      const id = parseRunId(name)
      const mirror = await mirrors.fetch(org, repo, { freshMs: 1 })
      const base = await mirrors.commitOf(mirror, null)
      const repository = await repositories.make({ org, repo, task: id }, base)
      const server = createServer(gateway.handlerFor({ org, repo, task: id }))
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      atEnd(t, () => {
        server.close()
        server.closeAllConnections()
      })
      return { id, repository, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${gatewayPath}` }
    },
    async clone(from, ...args) {
      const name = `clone-${clones++}`
      await git(folder, 'clone', '-q', ...args, from, name)
      return join(folder, name)
    },
  }
}
