/**
 * Checkouts for workers of the same machine (GT40–GT42). One is made ahead for each mirror; a task gets a mount over it,
 * so that nothing is copied, or, where that cannot be, a repository with copies. Git works in it only before it is handed
 * over (GT4).
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, copyFile, lchown, link, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { isBranch } from '@meshbook/core/task-events.ts'
import * as v from 'valibot'
import { writeWhole } from '../backup/whole-file.ts'
import type { Log } from '../log.ts'
import type { GitConfig, GitProgram } from './git-program.ts'
import { keyOf, type Mirrors } from './mirrors.ts'
import { canOverlay, mountOverlay, mountsBelow, unmount } from './overlay.ts'
import { parseRefs, refFormat } from './ref-list.ts'
import type { TaskRepositories } from './task-repositories.ts'

const exec = promisify(execFile)

export interface CheckoutOrder {
  org: OrgId
  repo: string
  task: RunId
  /** Of the mirror or of what the task pushed. */
  base: string
  /** Checked out at `base`. */
  branch: string
  /** What its git talks to. */
  origin: string
  /** Whose the files are, where this process may say so. */
  owner?: { uid: number; gid: number }
  /** Where what the worker writes is kept, such as a volume with a quota; beside the rest if absent. */
  room?: string
}

export interface Checkout {
  folder: string
  commit: string
  kind: 'mount' | 'copy'
  release(): Promise<void>
}

export interface CheckoutsPorts {
  folder: string
  git: GitProgram
  mirrors: Mirrors
  repositories: TaskRepositories
  log: Log
  limits: Pick<Limits, 'checkoutsPerMirror' | 'checkoutMs'>
  /** False: nothing is mounted, whatever this process may do. */
  mounts?: boolean
}

const noteSchema = v.object({
  org: v.string(),
  task: v.string(),
  room: v.nullable(v.string()),
  over: v.nullable(v.string()),
})
type Note = v.InferOutput<typeof noteSchema>

/** A checkout that tasks are mounted over. */
interface Ready {
  folder: string
  tree: string
  commit: string
}

/** As a mount shows files other numbers than what is below it, git must not go by those. */
const settled: GitConfig = [
  ['core.checkStat', 'minimal'],
  ['core.trustctime', 'false'],
]

export class PreparedCheckouts {
  readonly #ports: CheckoutsPorts
  readonly #ready: string
  readonly #tasks: string
  readonly #mounts: boolean
  readonly #making = new Map<string, Promise<Ready>>()
  readonly #notes = new Map<string, Note>()
  readonly #background = new Set<Promise<void>>()

  private constructor(ports: CheckoutsPorts, mounts: boolean) {
    this.#ports = ports
    this.#mounts = mounts
    this.#ready = join(ports.folder, 'checkouts', 'ready')
    this.#tasks = join(ports.folder, 'checkouts', 'tasks')
  }

  static async open(ports: CheckoutsPorts): Promise<PreparedCheckouts> {
    const folder = join(ports.folder, 'checkouts')
    await mkdir(join(folder, 'ready'), { recursive: true, mode: 0o700 })
    await mkdir(join(folder, 'tasks'), { recursive: true, mode: 0o700 })
    const checkouts = new PreparedCheckouts(ports, ports.mounts !== false && (await canOverlay(folder)))
    await checkouts.#look()
    return checkouts
  }

  async #look(): Promise<void> {
    for (const key of await readdir(this.#tasks)) {
      const text = await readFile(join(this.#tasks, key, 'note.json'), 'utf8').catch(() => '')
      const note = v.safeParse(v.pipe(v.string(), v.parseJson(), noteSchema), text)
      if (note.success) this.#notes.set(key, note.output)
      else await this.#clear(key, null)
    }
    for (const mirror of await readdir(this.#ready))
      for (const name of await readdir(join(this.#ready, mirror)))
        if (!/^[0-9a-f]{40}$/.test(name)) await rm(join(this.#ready, mirror, name), { recursive: true, force: true })
  }

  /** Takes away those of tasks that are over. */
  async settle(isLive: (org: OrgId, task: RunId) => boolean): Promise<void> {
    for (const { org, task } of [...this.#notes.values()])
      if (!isLive(org as OrgId, task as RunId)) await this.release(org as OrgId, task as RunId)
  }

  /** A fresh one, also where the task had one. The mirror is up to date. */
  async prepare(order: CheckoutOrder): Promise<Checkout> {
    const { org, task, base, branch } = order
    if (!isBranch(branch)) throw new MeshError('BAD_REQUEST', { detail: `${branch} is no name of a branch` })
    await this.release(org, task)
    const free = this.#ports.mirrors.hold(org, order.repo)
    try {
      const folder = this.#mounts ? await this.#mount(order) : await this.#copy(order)
      return { folder, commit: base, kind: this.#mounts ? 'mount' : 'copy', release: () => this.release(org, task) }
    } catch (thrown) {
      await this.release(org, task)
      throw thrown
    } finally {
      free()
    }
  }

  /** Makes the checkout that tasks of this repository are mounted over, of its default branch as the mirror has it now. */
  async warm(org: OrgId, repo: string, origin: string, owner?: CheckoutOrder['owner']): Promise<void> {
    if (!this.#mounts) return
    const gitDir = this.#ports.mirrors.gitDirOf(org, repo)
    const head = this.#ports.mirrors.headOf(org, repo)
    const commit = await this.#ports.mirrors.commitOf({ org, repo, gitDir, head, fetchedAt: 0 }, null)
    if (commit !== null) await this.#readyAt({ org, repo, commit, origin, owner })
  }

  /** May be asked for again. */
  async release(org: OrgId, task: RunId): Promise<void> {
    const key = taskKey(org, task)
    const note = this.#notes.get(key)
    if (note) await this.#clear(key, note.room)
    this.#notes.delete(key)
  }

  /** What is being made ahead is done. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#background)
  }

  async #clear(key: string, room: string | null): Promise<void> {
    const folder = join(this.#tasks, key)
    for (const at of await mountsBelow(folder)) await unmount(at)
    if (room !== null) await rm(join(room, key), { recursive: true, force: true, maxRetries: 3 })
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }

  async #begin(order: CheckoutOrder, over: string | null): Promise<{ folder: string; written: string }> {
    const { org, task } = order
    const room = order.room ?? null
    const key = taskKey(org, task)
    const folder = join(this.#tasks, key)
    const note = { org, task, room, over }
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeWhole(join(folder, 'note.json'), JSON.stringify(note))
    this.#notes.set(key, note)
    const written = room === null ? folder : join(room, key)
    await mkdir(written, { recursive: true, mode: 0o700 })
    return { folder, written }
  }

  async #mount(order: CheckoutOrder): Promise<string> {
    const { base, branch, owner } = order
    const ready = await this.#nearest(order)
    const { folder, written } = await this.#begin(order, ready.folder)
    const overlay = {
      lower: ready.tree,
      upper: join(written, 'upper'),
      work: join(written, 'work'),
      at: join(folder, 'at'),
    }
    for (const path of [overlay.upper, overlay.work, overlay.at]) await mkdir(path)
    await mountOverlay(overlay)
    const at = { gitDir: join(overlay.at, '.git'), workTree: overlay.at }
    if (base !== ready.commit) {
      await this.#bring(order, at.gitDir)
      await this.#ports.git.text({ ...at, config: settled, args: ['read-tree', '-m', '-u', ready.commit, base] })
      this.#inBackground(order)
    }
    await this.#putOn(at.gitDir, branch, base)
    if (owner) {
      // What lies above is changed only while it is not mounted.
      await unmount(overlay.at)
      await exec('find', [
        overlay.upper,
        '!',
        '-type',
        'c',
        '-exec',
        'chown',
        '-h',
        `${owner.uid}:${owner.gid}`,
        '{}',
        '+',
      ])
      await mountOverlay(overlay)
    }
    await chmod(overlay.at, 0o755)
    return overlay.at
  }

  /** The one of this very commit, or the newest that there is, or a new one. */
  async #nearest(order: CheckoutOrder): Promise<Ready> {
    const folder = join(this.#ready, keyOf(order.org, order.repo))
    const names = (await namesIn(folder)).filter(name => /^[0-9a-f]{40}$/.test(name))
    const exact = names.find(name => name === order.base)
    if (exact) return readyOf(folder, exact)
    const aged = await Promise.all(names.map(async name => ({ name, at: (await stat(join(folder, name))).mtimeMs })))
    const newest = aged.sort((a, b) => b.at - a.at)[0]
    return newest ? readyOf(folder, newest.name) : this.#readyAt({ ...order, commit: order.base })
  }

  async #readyAt(wanted: ReadyOrder): Promise<Ready> {
    const folder = join(this.#ready, keyOf(wanted.org, wanted.repo))
    const known = (await namesIn(folder)).includes(wanted.commit)
    if (known) return readyOf(folder, wanted.commit)
    const key = `${folder} ${wanted.commit}`
    const making = this.#making.get(key) ?? this.#makeReady(folder, wanted).finally(() => this.#making.delete(key))
    this.#making.set(key, making)
    return making
  }

  async #makeReady(folder: string, wanted: ReadyOrder): Promise<Ready> {
    const { commit, owner } = wanted
    const half = join(folder, `${commit}.half`)
    await rm(half, { recursive: true, force: true })
    const tree = join(half, 'tree')
    await mkdir(tree, { recursive: true, mode: 0o755 })
    await this.#makeTree(tree, wanted, link)
    if (owner) {
      // Packs are links to the mirror's: they stay whose they are.
      const packs = join(tree, '.git', 'objects', 'pack')
      await exec('find', [
        tree,
        '!',
        '-path',
        `${packs}/*`,
        '-exec',
        'chown',
        '-h',
        `${owner.uid}:${owner.gid}`,
        '{}',
        '+',
      ])
    }
    await rename(half, join(folder, commit))
    await this.#dropOld(folder, commit)
    return readyOf(folder, commit)
  }

  async #dropOld(folder: string, kept: string): Promise<void> {
    const used = new Set([...this.#notes.values()].map(({ over }) => over))
    const names = (await readdir(folder)).filter(name => /^[0-9a-f]{40}$/.test(name) && name !== kept)
    const aged = await Promise.all(names.map(async name => ({ name, at: (await stat(join(folder, name))).mtimeMs })))
    const extra = aged.sort((a, b) => b.at - a.at).slice(this.#ports.limits.checkoutsPerMirror - 1)
    for (const { name } of extra)
      if (!used.has(join(folder, name))) await rm(join(folder, name), { recursive: true, force: true })
  }

  /** The next task shall find one that is nearer. */
  #inBackground({ org, repo, origin, owner }: CheckoutOrder): void {
    const work = this.warm(org, repo, origin, owner).catch((error: unknown) => {
      this.#ports.log.warn({ err: error }, 'a checkout could not be made ahead')
    })
    this.#background.add(work)
    void work.then(() => this.#background.delete(work))
  }

  async #copy(order: CheckoutOrder): Promise<string> {
    const { base: commit, branch, owner } = order
    const { written } = await this.#begin(order, null)
    const tree = join(written, 'at')
    await mkdir(tree, { mode: 0o755 })
    const copy = (from: string, to: string): Promise<void> => copyFile(from, to, constants.COPYFILE_FICLONE)
    await this.#makeTree(tree, { ...order, commit }, copy)
    await this.#putOn(join(tree, '.git'), branch, commit)
    if (owner && process.geteuid?.() === 0) {
      await exec('chown', ['-R', '-h', `${owner.uid}:${owner.gid}`, tree], { timeout: this.#ports.limits.checkoutMs })
      await lchown(tree, owner.uid, owner.gid)
    }
    return tree
  }

  /** A repository of its own with the mirror's packs, its branches as those of `origin`, and the commit checked out. */
  async #makeTree(tree: string, order: ReadyOrder, share: (from: string, to: string) => Promise<void>): Promise<void> {
    const { git, mirrors, limits } = this.#ports
    const { org, repo, commit, origin } = order
    const gitDir = join(tree, '.git')
    const mirror = mirrors.gitDirOf(org, repo)
    await git.text({ args: ['init', '--quiet', '--template=', '--initial-branch=main', '--', tree] })
    await sharePacks(join(mirror, 'objects', 'pack'), join(gitDir, 'objects', 'pack'), share)
    const refs = parseRefs(
      await git.text({ gitDir: mirror, args: ['for-each-ref', refFormat, 'refs/heads', 'refs/tags'] }),
    )
    const lines = refs.map(
      ({ name, commit: at }) => `create ${name.replace('refs/heads/', 'refs/remotes/origin/')} ${at}\n`,
    )
    await git.text({ gitDir, config: noLogs, args: ['update-ref', '--stdin'], input: lines.join('') })
    await git.text({ gitDir, args: ['pack-refs', '--all'] })
    for (const [key, value] of [
      ...settled,
      ['gc.auto', '0'],
      ['remote.origin.url', origin],
      ['remote.origin.fetch', '+refs/heads/*:refs/remotes/origin/*'],
    ] as const)
      await git.text({ gitDir, args: ['config', key, value] })
    await this.#bring({ ...order, base: commit }, gitDir)
    await git.text({
      gitDir,
      workTree: tree,
      config: [...settled, ...noLogs, ['checkout.workers', '0'], ['advice.detachedHead', 'false']],
      args: ['checkout', '--quiet', '--detach', commit],
      timeoutMs: limits.checkoutMs,
    })
  }

  /** Objects of a commit that is not there yet: newer ones of the mirror, or what the task pushed. */
  async #bring(order: Pick<CheckoutOrder, 'org' | 'repo' | 'base'> & { task?: RunId }, gitDir: string): Promise<void> {
    const { git, mirrors, repositories } = this.#ports
    const { org, repo, base, task } = order
    const here = await git.run({ gitDir, args: ['cat-file', '-e', `${base}^{commit}`] })
    if (here.code === 0) return
    const from = (task && repositories.find(org, task)?.gitDir) ?? mirrors.gitDirOf(org, repo)
    const args = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance', '--', from, base]
    await git.text({ gitDir, transports: ['file'], args })
  }

  async #putOn(gitDir: string, branch: string, commit: string): Promise<void> {
    const { git } = this.#ports
    await git.text({ gitDir, config: noLogs, args: ['update-ref', `refs/heads/${branch}`, commit] })
    await git.text({ gitDir, config: noLogs, args: ['symbolic-ref', 'HEAD', `refs/heads/${branch}`] })
  }
}

const noLogs: GitConfig = [['core.logAllRefUpdates', 'false']]

const namesIn = (folder: string): Promise<string[]> =>
  readdir(folder).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return []
    throw thrown
  })

interface ReadyOrder extends Pick<CheckoutOrder, 'org' | 'repo' | 'origin'> {
  commit: string
  task?: RunId
  owner?: CheckoutOrder['owner'] | undefined
}

function readyOf(folder: string, commit: string): Ready {
  return { folder: join(folder, commit), tree: join(folder, commit, 'tree'), commit }
}

/** Packs are never changed, only replaced: one that goes meanwhile is in a new one by then, so all is done again. */
async function sharePacks(from: string, to: string, share: (from: string, to: string) => Promise<void>): Promise<void> {
  await mkdir(to, { recursive: true })
  for (let tries = 0; ; tries++) {
    const names = (await readdir(from)).filter(name => /^pack-[0-9a-f]+\.(?:pack|idx|rev)$/.test(name))
    try {
      for (const name of names) await shareOne(join(from, name), join(to, name), share)
      return
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT' || tries > 3) throw thrown
    }
  }
}

async function shareOne(from: string, to: string, share: (from: string, to: string) => Promise<void>): Promise<void> {
  await share(from, to).catch(async (thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'EXDEV' || thrown.code === 'EPERM' || thrown.code === 'EMLINK') return copyFile(from, to)
    if (thrown.code !== 'EEXIST') throw thrown
  })
}

function taskKey(org: OrgId, task: RunId): string {
  return createHash('sha256').update(`${org} ${task}`).digest('hex').slice(0, 40)
}
