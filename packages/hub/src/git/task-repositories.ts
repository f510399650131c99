/**
 * Task repositories: what a worker pushed, bare and apart from everything (GT4, GT20–GT24). Its objects stand on those of
 * the mirror, which is held as long as the repository is there; its other refs are a copy of the mirror's.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, RunId } from '@meshbook/core/ids.ts'
import * as v from 'valibot'
import { syncFolder, writeWhole } from '../backup/whole-file.ts'
import { clearHalves } from './disk-use.ts'
import type { GitProgram } from './git-program.ts'
import { initArgs, type Mirrors } from './mirrors.ts'
import { prefixOf } from './push-commands.ts'
import { parseRefs, type Ref, refFormat } from './ref-list.ts'

export interface TaskScope {
  org: OrgId
  repo: string
  task: RunId
}

export interface TaskRepository extends TaskScope {
  gitDir: string
}

const noteSchema = v.object({
  org: v.string(),
  repo: v.string(),
  task: v.string(),
  /** When the task was over; others may go on from its commits for a while. */
  overAt: v.optional(v.number()),
})

/** What the task began from; below no branch, so that it stays whatever happens to them. */
const baseRef = 'refs/meshbook/base'

export class TaskRepositories {
  readonly #folder: string
  readonly #git: GitProgram
  readonly #mirrors: Mirrors
  readonly #open = new Map<string, { repository: TaskRepository; release: () => void }>()
  readonly #over = new Map<string, number>()
  readonly #making = new Map<string, Promise<TaskRepository>>()

  private constructor(folder: string, git: GitProgram, mirrors: Mirrors) {
    this.#folder = join(folder, 'tasks')
    this.#git = git
    this.#mirrors = mirrors
  }

  static async open(folder: string, git: GitProgram, mirrors: Mirrors): Promise<TaskRepositories> {
    const repositories = new TaskRepositories(folder, git, mirrors)
    await mkdir(repositories.#folder, { recursive: true, mode: 0o700 })
    for (const key of await readdir(repositories.#folder)) await repositories.#know(key)
    return repositories
  }

  async #know(key: string): Promise<void> {
    const text = await readFile(join(this.#folder, key, 'note.json'), 'utf8').catch(() => '')
    const note = v.safeParse(v.pipe(v.string(), v.parseJson(), noteSchema), text)
    if (!note.success) return rm(join(this.#folder, key), { recursive: true, force: true })
    const scope = { org: note.output.org as OrgId, repo: note.output.repo, task: note.output.task as RunId }
    if (note.output.overAt !== undefined) this.#over.set(key, note.output.overAt)
    await clearHalves(join(this.#folder, key, 'repo.git'))
    this.#note(key, scope)
  }

  /** Every task that has one. */
  list(): (TaskScope & { isOver: boolean })[] {
    return [...this.#open].map(
      ([
        key,
        {
          repository: { org, repo, task },
        },
      ]) => {
        return { org, repo, task, isOver: this.#over.has(key) }
      },
    )
  }

  /** Undefined where the task has none. */
  find(org: OrgId, task: RunId): TaskRepository | undefined {
    return this.#open.get(keyOf(org, task))?.repository
  }

  /** Made where it is not there; the mirror is there already. `base` is what the task begins from, kept by a ref of its own. */
  async make(scope: TaskScope, base: string | null = null): Promise<TaskRepository> {
    const key = keyOf(scope.org, scope.task)
    const making = this.#making.get(key) ?? this.#makeOnce(key, scope).finally(() => this.#making.delete(key))
    this.#making.set(key, making)
    const repository = await making
    if (repository.repo !== scope.repo)
      throw new MeshError('CONFLICT', { detail: `${scope.task} is about another repository` })
    if (base !== null) await this.#git.text({ gitDir: repository.gitDir, args: ['update-ref', baseRef, base] })
    return repository
  }

  async #makeOnce(key: string, scope: TaskScope): Promise<TaskRepository> {
    const known = this.#open.get(key)
    if (known) return known.repository
    prefixOf(scope.task)
    const folder = join(this.#folder, key)
    const gitDir = join(folder, 'repo.git')
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await this.#git.text({ args: initArgs(gitDir) })
    const objects = join(gitDir, 'objects')
    const mirrored = join(this.#mirrors.gitDirOf(scope.org, scope.repo), 'objects')
    // Relative, so that the data folder can be moved.
    await writeFile(join(objects, 'info', 'alternates'), `${relative(objects, mirrored)}\n`, {
      mode: 0o600,
      flush: true,
    })
    await syncFolder(join(objects, 'info'))
    await writeWhole(join(folder, 'note.json'), JSON.stringify(scope))
    await syncFolder(this.#folder)
    return this.#note(key, scope)
  }

  #note(key: string, scope: TaskScope): TaskRepository {
    const repository = { ...scope, gitDir: join(this.#folder, key, 'repo.git') }
    this.#open.set(key, { repository, release: this.#mirrors.hold(scope.org, scope.repo) })
    return repository
  }

  /** The mirror's branches and tags as they are now, beside the task's own. */
  async follow(repository: TaskRepository): Promise<void> {
    const { gitDir, org, repo, task } = repository
    const own = prefixOf(task)
    const isForeign = ({ name }: Ref): boolean => !name.startsWith(own)
    const mirrored = (await this.#mirrors.refs({ gitDir: this.#mirrors.gitDirOf(org, repo) })).filter(isForeign)
    const here = (await this.refs(repository)).filter(isForeign)
    const wanted = new Map(mirrored.map(({ name, commit }) => [name, commit]))
    const removed = here.filter(({ name }) => !wanted.has(name)).map(({ name }) => `delete ${name}\n`)
    const known = new Map(here.map(({ name, commit }) => [name, commit]))
    const changed = mirrored.filter(({ name, commit }) => known.get(name) !== commit)
    const updates = changed.map(({ name, commit }) => `update ${name} ${commit}\n`)
    const head = this.#mirrors.headOf(org, repo)
    if (head !== null) await this.#git.text({ gitDir, args: ['symbolic-ref', 'HEAD', `refs/heads/${head}`] })
    // A name may have become a folder of others: what goes, goes first.
    for (const lines of [removed, updates])
      if (lines.length > 0) await this.#git.text({ gitDir, args: ['update-ref', '--stdin'], input: lines.join('') })
  }

  /** Branches and tags, the task's own too. */
  async refs({ gitDir }: Pick<TaskRepository, 'gitDir'>): Promise<Ref[]> {
    return parseRefs(await this.#git.text({ gitDir, args: ['for-each-ref', refFormat, 'refs/heads', 'refs/tags'] }))
  }

  /** Whether a ref of it, or what the task began from, has this commit. */
  async has({ gitDir }: Pick<TaskRepository, 'gitDir'>, commit: string): Promise<boolean> {
    const tips = ['refs/heads', 'refs/tags', baseRef]
    const args = ['for-each-ref', '--count=1', `--contains=${commit}`, '--format=%(refname)', ...tips]
    const { code, stdout } = await this.#git.run({ gitDir, args })
    return code === 0 && stdout.length > 0
  }

  /** A commit of another task, and what it stands on, for one that goes on from there. */
  async take(repository: TaskRepository, from: TaskRepository, commit: string): Promise<void> {
    if (from.org !== repository.org || from.repo !== repository.repo)
      throw new MeshError('CONFLICT', { detail: 'that task is about another repository' })
    const args = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--', from.gitDir, `${commit}:${baseRef}`]
    await this.#git.text({
      gitDir: repository.gitDir,
      transports: ['file'],
      args: ['-c', 'protocol.version=2', ...args],
    })
  }

  /** The task is over: what it pushed can be looked at and gone on from until it is swept. */
  async end(org: OrgId, task: RunId, now: number): Promise<void> {
    const key = keyOf(org, task)
    const found = this.#open.get(key)
    if (!found || this.#over.has(key)) return
    const { repo } = found.repository
    await writeWhole(join(this.#folder, key, 'note.json'), JSON.stringify({ org, repo, task, overAt: now }))
    this.#over.set(key, now)
  }

  /** Takes away those of tasks that were over before then. */
  async sweep(before: number): Promise<void> {
    for (const [key, overAt] of [...this.#over]) {
      const found = this.#open.get(key)
      if (overAt < before && found) await this.remove(found.repository.org, found.repository.task)
    }
  }

  /** With all that was pushed. May be asked for again. */
  async remove(org: OrgId, task: RunId): Promise<void> {
    const key = keyOf(org, task)
    const found = this.#open.get(key)
    this.#open.delete(key)
    this.#over.delete(key)
    found?.release()
    const folder = join(this.#folder, key)
    const going = join(this.#folder, `${key}.going`)
    await rm(going, { recursive: true, force: true })
    await rename(folder, going).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== 'ENOENT') throw thrown
    })
    await rm(going, { recursive: true, force: true })
  }
}

function keyOf(org: OrgId, task: RunId): string {
  return createHash('sha256').update(`${org} ${task}`).digest('hex').slice(0, 40)
}
