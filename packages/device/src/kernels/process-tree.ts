/**
 * Finds and ends everything that a kernel has started. Every process of a session carries the session and its folder in
 * its environment, which also finds those that have left their parent and their process group; those that have cleared
 * their environment are found below their parents. What was restored from an image carries the marks of where it was
 * saved, which say nothing: it is known by the first process of its pid namespace. A kernel host carries a mark of another name, so that it outlives
 * the kernel that it ends.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { identityOf, isAlive } from './process-identity.ts'

export const markName = 'MESHBOOK_KERNEL'
export const hostMarkName = 'MESHBOOK_HOST'
const rounds = 100
const pauseMs = 20
const run = promisify(execFile)

/** Sessions of two devices on one machine may have the same id, but not the same folder. */
export function markOf(folder: string): string {
  return `${basename(folder)}${placeOf(dirname(folder))}`
}

/** Of one kernel of a session, which may have two while one takes the place of the other. */
export function kernelMark(mark: string, kernel: string): string {
  return `${mark}@${kernel}`
}

/** How the marks of all sessions below a folder end. */
export function placeOf(sessions: string): string {
  return `@${createHash('sha256').update(resolve(sessions)).digest('hex').slice(0, 16)}`
}

export interface FoundProcess {
  pid: number
  parent: number
  session: number
  /** Marks of the process: as a kernel's, and as a host. */
  kernel: string | undefined
  host: string | undefined
}

/** Numbers of the living processes of a session, the given one and its descendants among them. */
export async function processesOf(mark: string, pid: number | undefined): Promise<number[]> {
  if (process.platform !== 'linux') return descendants(pid)
  const all = await linuxProcesses()
  const marked = all.filter(({ kernel }) => isOf(kernel, mark))
  const spaces = new Namespaces(all)
  const isOwn = await Promise.all(marked.map(each => spaces.isStartedHere(each, mark)))
  const own = marked.filter((_, index) => isOwn[index]).map(each => each.pid)
  return [...withChildren(own, all)]
}

/** Which process of a machine is in which namespace. */
class Namespaces {
  readonly #byPid: Map<number, FoundProcess>
  readonly #links = new Map<string, Promise<string>>()

  constructor(all: readonly FoundProcess[]) {
    this.#byPid = new Map(all.map(each => [each.pid, each]))
  }

  /** Empty for a process that has ended, or is another user's. */
  link(pid: number | 'self', kind: 'pid' | 'mnt'): Promise<string> {
    const path = `/proc/${pid}/ns/${kind}`
    const known = this.#links.get(path) ?? readlink(path).catch(() => '')
    this.#links.set(path, known)
    return known
  }

  async isForeign(pid: number, kind: 'pid' | 'mnt'): Promise<boolean> {
    const link = await this.link(pid, kind)
    return link !== '' && link !== (await this.link('self', kind))
  }

  /** The first of the processes above it, or itself, that are in another pid namespace than we are. */
  async outermost(pid: number): Promise<number | undefined> {
    let found: number | undefined
    for (let at: number | undefined = pid; at !== undefined && (await this.isForeign(at, 'pid')); ) {
      found = at
      at = this.#byPid.get(at)?.parent
    }
    return found
  }

  /**
   * Restored trees have a pid namespace and a mount namespace of their own, and nobody of the session above them; of the
   * namespaces of kernels, and of what cells start, one of the three is otherwise.
   */
  async isStartedHere({ pid }: FoundProcess, mark: string): Promise<boolean> {
    const first = await this.outermost(pid)
    if (first === undefined || !(await this.isForeign(first, 'mnt'))) return true
    const above = this.#byPid.get(this.#byPid.get(first)?.parent ?? 0)
    return above !== undefined && isOf(above.kernel, mark)
  }
}

/** The process to which all of a restored kernel belong: the first of its pid namespace, or itself where it has none. */
export async function rootOf(pid: number): Promise<{ pid: number; identity: string }> {
  const root = (await new Namespaces(await linuxProcesses()).outermost(pid)) ?? pid
  return { pid: root, identity: (await identityOf(root)) ?? 'ended' }
}

/** All of a restored kernel: those below its root, and what is left of the root's session. */
export async function processesUnder(root: number): Promise<number[]> {
  if (process.platform !== 'linux') return descendants(root)
  const all = await linuxProcesses()
  const found = new Set(all.filter(({ pid, session }) => pid === root || session === root).map(({ pid }) => pid))
  for (let size = -1; size !== found.size; ) {
    size = found.size
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid)
  }
  return [...found]
}

/** How this machine numbers a process that `near`, in the same pid namespace, knows as `pid`. */
export async function numberHere(pid: number, near: number): Promise<number | undefined> {
  const all = await linuxProcesses()
  const spaces = new Namespaces(all)
  if (!(await spaces.isForeign(near, 'pid'))) return pid
  const space = await spaces.link(near, 'pid')
  for (const each of all) {
    if ((await spaces.link(each.pid, 'pid')) !== space) continue
    const status = await readFile(`/proc/${each.pid}/status`, 'latin1').catch(() => '')
    if (Number(/^NSpid:.*\s(\d+)$/m.exec(status)?.[1]) === pid) return each.pid
  }
  return undefined
}

export async function firstChildOf(pid: number): Promise<number | undefined> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1').catch(() => '')
  const [first] = list.trim().split(/\s+/)
  return first ? Number(first) : undefined
}

/** The kernel hosts of a session. */
export async function hostsOf(mark: string): Promise<number[]> {
  return (await linuxProcesses()).filter(({ host }) => host === mark).map(({ pid }) => pid)
}

/** Sessions below this folder of which there are processes, hosts or kernels. */
export async function markedBelow(sessions: string): Promise<Set<string>> {
  const place = placeOf(sessions)
  const marks = (await linuxProcesses()).flatMap(({ kernel = '', host = '' }) => [kernel, host])
  return new Set(marks.filter(mark => `${mark}@`.includes(`${place}@`)).map(mark => mark.slice(0, mark.indexOf(place))))
}

/** A mark without a place stands for the session in any. */
function isOf(found: string | undefined, mark: string): boolean {
  return found !== undefined && (found === mark || found.startsWith(`${mark}@`))
}

async function linuxProcesses(): Promise<FoundProcess[]> {
  if (process.platform !== 'linux') return []
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const found = await Promise.all(pids.map(describe))
  return found.filter(each => each !== undefined)
}

/** Undefined for one that has ended, also if it is not yet reaped. */
async function describe(pid: string): Promise<FoundProcess | undefined> {
  const [stat, environment] = await Promise.all(
    ['stat', 'environ'].map(file => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '')),
  )
  const [state, parent, , session] = stat!.slice(stat!.lastIndexOf(')') + 2).split(' ')
  if (!parent || state === 'Z' || state === 'X') return undefined
  const names = environment!.split('\0')
  const marked = (name: string) => names.find(each => each.startsWith(`${name}=`))?.slice(name.length + 1) || undefined
  const numbers = { pid: Number(pid), parent: Number(parent), session: Number(session) }
  return { ...numbers, kernel: marked(markName), host: marked(hostMarkName) }
}

/** A session inside the session, as of a Meshbook that a cell started, is not part of it. */
function withChildren(own: number[], all: FoundProcess[]): Set<number> {
  const found = new Set(own)
  for (let size = -1; size !== found.size; ) {
    size = found.size
    for (const { pid, parent, kernel, host } of all)
      if (found.has(parent) && kernel === undefined && host === undefined) found.add(pid)
  }
  return found
}

async function descendants(pid: number | undefined): Promise<number[]> {
  if (pid === undefined) return []
  const { stdout } = await run('ps', ['-axo', 'pid=,ppid=,pgid=,stat='])
  const all = stdout.split('\n').map(line => line.trim().split(/\s+/))
  const found = new Set<number>()
  for (let size = -1; size !== found.size; ) {
    size = found.size
    for (const [own, parent, group, state] of all) {
      const belongs = Number(own) === pid || Number(group) === pid || found.has(Number(parent))
      if (belongs && !state?.startsWith('Z')) found.add(Number(own))
    }
  }
  return [...found]
}

/** Kills until nobody is left, as processes may be born meanwhile. Returns those that could not be killed. */
export function killTree(mark: string, pid: number | undefined): Promise<number[]> {
  return killAll(() => processesOf(mark, pid))
}

/** Of two hosts both would write the journal: there must be none before one is started. */
export function killHosts(mark: string): Promise<number[]> {
  return killAll(() => hostsOf(mark))
}

/** Of a restored kernel. */
export async function killUnder(root: { pid: number; identity: string }): Promise<number[]> {
  // With the first process of a pid namespace all of it end; without one, those below are found while it lives.
  const below = (await isAlive(root)) ? await processesUnder(root.pid) : []
  const known = await Promise.all(below.map(async pid => ({ pid, identity: (await identityOf(pid)) ?? '' })))
  await killAll(async () => ((await isAlive(root)) ? processesUnder(root.pid) : []))
  return killKnown(known)
}

/** What an earlier kernel of the session has left, beside the one with this mark. */
export function killOthers(mark: string, kept: string | undefined): Promise<number[]> {
  return killAll(async () => {
    const keep = new Set(kept === undefined ? [] : await processesOf(kept, undefined))
    return (await processesOf(mark, undefined)).filter(pid => !keep.has(pid))
  })
}

/** Those of before that are still the same processes. */
export function killKnown(known: readonly { pid: number; identity: string }[]): Promise<number[]> {
  return killAll(async () => {
    const alive = await Promise.all(known.map(isAlive))
    return known.filter((_, index) => alive[index]).map(({ pid }) => pid)
  })
}

async function killAll(find: () => Promise<number[]>): Promise<number[]> {
  let left: number[] = []
  for (let round = 0; round < rounds; round++) {
    left = await find()
    if (left.length === 0) return []
    for (const each of left) signal(each, 'SIGKILL')
    await sleep(pauseMs)
  }
  return left
}

/** A process that has ended in the meantime is what we want. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
