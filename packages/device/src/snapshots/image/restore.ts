/** Starts what an opened folder holds: mounts, files that are put back, CRIU, and what looks after the result. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { MeshError } from '@meshbook/core/errors.ts'
import { identityOf } from '../../kernels/process-identity.ts'
import { type Criu, cleanEnvironment, restoreArguments, whyFailed } from './criu-run.ts'
import { openedNames } from './decode-image.ts'
import { initScript } from './dump-target.ts'
import type { FileList, ImagePlan } from './image-plan.ts'
import { exists, isFolder, MadePaths } from './made-paths.ts'
import { imagesWithFreePorts } from './other-ports.ts'
import { closureMounts, hashOf, type Mount, mountList } from './restore-mounts.ts'

const run = promisify(execFile)
const script = fileURLToPath(new URL(initScript, import.meta.url))
const lookMs = 5
/** Numbers of processes that help in a namespace lie above those of the image. */
const aboveImage = 1_000
const mostPid = 4_000_000
/** A folder right below the root, as /tmp, is not only the session's. */
const fewNames = 2

export interface RestoreOrder {
  criu: Criu
  folder: string
  plan: ImagePlan
  files: FileList
  closureStore: string
  projectFolder: string
  /** A folder of this restore, as the session's own. */
  scratch: string
  /** Before CRIU starts: what the image waits for. */
  before(made: MadePaths): Promise<void>
  signal: AbortSignal
}

export interface Restored {
  pid: number
  identity: string
  /** Ends all of it and takes away what was made for it. */
  undo(): Promise<void>
  /** What was made for it stays. */
  keep(): void
  /** What the user is to know of it. */
  notes: string[]
  /** Until this file is there, what was restored is nobody's, and is ended after a time (SN28). */
  adopted: string
}

export async function restore(order: RestoreOrder): Promise<Restored> {
  const work = await mkdtemp(join(order.folder, 'start-'))
  const made = new MadePaths(work)
  let started: Started | undefined
  const undo = async () => {
    await started?.end()
    await made.undo()
    await rm(work, { recursive: true, force: true })
  }
  try {
    const mounts = await prepared(order, work, made)
    await order.before(made)
    order.signal.throwIfAborted()
    await writeFile(join(work, 'mounts'), mountList(mounts), { mode: 0o600 })
    const images = await imagesWithFreePorts(join(order.folder, openedNames.images), order.plan.kernel.address, work)
    started = new Started(order, work, images.folder)
    const pid = await started.restored()
    const identity = await identityOf(pid)
    if (identity === undefined) throw new MeshError('RESTORE_FAILED', { detail: 'it ended at once' })
    return { pid, identity, undo, keep: () => made.keep(), notes: images.notes, adopted: join(work, 'kept') }
  } catch (error) {
    await undo()
    throw error
  }
}

async function prepared(order: RestoreOrder, work: string, made: MadePaths): Promise<Mount[]> {
  const { plan, files, folder, closureStore, projectFolder, scratch } = order
  const projects = (await isFolder(projectFolder)) ? plan.projectPaths.filter(path => path !== projectFolder) : []
  const moves = [...projects.map(from => ({ from, to: projectFolder })), { from: plan.kernel.scratch, to: scratch }]
  const here = (path: string) => moved(path, moves)
  if (scratch !== '') await made.folder(scratch, 0o700)
  for (const path of plan.folders) await made.folder(here(path), 0o700)
  for (const path of files.fifos) await putFifo(here(path), made)
  for (const [index, file] of files.open.entries())
    await putOpenFile(here(file.path), join(folder, openedNames.open, String(index)), file, made)
  for (const path of projects) await made.folder(path, 0o755)
  const options = { closureStore, work, made }
  const before = files.closure.map(file => ({ ...file, path: here(file.path) }))
  const isMoved = (index: number) => before[index]!.path !== files.closure[index]!.path
  return [
    ...(await closureMounts(
      before.filter((_, index) => isMoved(index)),
      options,
    )),
    ...projects.map(to => ({ kind: 'bind', from: projectFolder, to }) as const),
    ...(await scratchMounts(plan.kernel.scratch, scratch, made)),
    ...(await closureMounts(
      before.filter((_, index) => !isMoved(index)),
      options,
    )),
    ...(plan.ownNamespace ? [] : [{ kind: 'last', pid: Math.min(plan.mostPid + aboveImage, mostPid) } as const]),
  ]
}

/** Folders that are elsewhere here. */
function moved(path: string, moves: readonly { from: string; to: string }[]): string {
  for (const { from, to } of moves)
    if (from !== '' && (path === from || path.startsWith(`${from}/`))) return `${to}${path.slice(from.length)}`
  return path
}

/**
 * The session's own folder is seen where it was, in memory: what lies there on this machine may be another kernel's, and
 * a folder that somebody removes would take with it what is mounted on it.
 */
async function scratchMounts(was: string, is: string, made: MadePaths): Promise<Mount[]> {
  if (was === '' || was === is) return []
  const above = dirname(was)
  const bind = { kind: 'bind', from: is, to: was } as const
  const isOfMany = above.split('/').length <= fewNames || `${is}/`.startsWith(`${above}/`)
  await made.folder(isOfMany ? was : above, 0o700)
  return isOfMany ? [bind] : [{ kind: 'memory', at: above }, { kind: 'folder', path: was }, bind]
}

async function putFifo(path: string, made: MadePaths): Promise<void> {
  if (await exists(path)) return
  await made.file(path, () => run('mkfifo', ['-m', '600', path]))
}

async function putOpenFile(path: string, from: string, file: FileList['open'][number], made: MadePaths): Promise<void> {
  if ((await exists(path)) && (await hashOf(path)) === file.sha256) return
  const name = path.slice(path.lastIndexOf('/') + 1)
  await made.putBack(path, from, file.mode, file.ofSession ? undefined : `${name}.mesh-conflict`)
}

/** The processes that a restore starts, until they are the session's. */
class Started {
  readonly #order: RestoreOrder
  readonly #work: string
  readonly #child: ChildProcess
  #pid: number | undefined
  #ended = false

  constructor(order: RestoreOrder, work: string, images: string) {
    this.#order = order
    this.#work = work
    const { criu, plan } = order
    const root = plan.ownNamespace ? 0 : plan.rootPid
    const command = [...criu.command, ...restoreArguments(images, work)]
    const inner = ['perl', script, String(root), join(work, 'mounts'), work, ...command]
    const own = plan.ownNamespace ? [] : ['-p', '-f', '--mount-proc']
    this.#child = spawn('unshare', ['-m', '--propagation', 'private', ...own, ...inner], {
      detached: true,
      stdio: 'ignore',
      cwd: '/',
      env: cleanEnvironment,
    })
    this.#child.unref()
  }

  async restored(): Promise<number> {
    const { plan, signal } = this.#order
    await once(this.#child, 'spawn')
    this.#child.once('exit', () => (this.#ended = true))
    const pidfile = join(this.#work, 'pidfile')
    while (!(await exists(join(this.#work, 'restored')))) {
      signal.throwIfAborted()
      const why = await readFile(join(this.#work, 'failed'), 'utf8').catch(() => undefined)
      if (why !== undefined || this.#ended) throw new MeshError('RESTORE_FAILED', { detail: await this.#why(why) })
      await sleep(lookMs)
    }
    this.#pid = plan.ownNamespace ? Number(await readFile(pidfile, 'latin1')) : await this.#first()
    return this.#pid
  }

  async #first(): Promise<number> {
    const list = await readFile(`/proc/${this.#child.pid}/task/${this.#child.pid}/children`, 'latin1').catch(() => '')
    const pid = Number(list.trim().split(/\s+/)[0])
    if (!pid) throw new MeshError('RESTORE_FAILED', { detail: 'it ended at once' })
    return pid
  }

  #why(told: string | undefined): Promise<string> {
    const how = told || `ended with status ${this.#child.exitCode ?? this.#child.signalCode}`
    return whyFailed(join(this.#work, 'restore.log'), how)
  }

  /** With the first process of the namespace all of it end. */
  async end(): Promise<void> {
    const first = this.#pid ?? (await this.#first().catch(() => undefined)) ?? (await this.#pidfile())
    for (const pid of [first, this.#child.pid]) if (pid !== undefined) kill(pid)
    while (first !== undefined && (await identityOf(first)) !== undefined) await sleep(lookMs)
  }

  async #pidfile(): Promise<number | undefined> {
    const text = await readFile(join(this.#work, 'pidfile'), 'latin1').catch(() => '')
    return this.#order.plan.ownNamespace && Number(text) > 1 ? Number(text) : undefined
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The folder that a copy watches is made where the kernel's copy expects it. */
export async function makeWatched(folder: string, made: MadePaths): Promise<void> {
  if (await exists(folder)) return
  await made.file(folder, async () => {
    await mkdir(folder, { mode: 0o700 })
  })
}
