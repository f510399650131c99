/**
 * Finds and ends everything that a kernel has started. Every process of a session carries the session and its folder in
 * its environment, which also finds those that have left their parent and their process group; those that have cleared
 * their environment are found below their parents. A kernel host carries a mark of another name, so that it outlives
 * the kernel that it ends.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { isAlive } from './process-identity.ts'

export const markName = 'MESHBOOK_KERNEL'
export const hostMarkName = 'MESHBOOK_HOST'
const rounds = 100
const pauseMs = 20
const run = promisify(execFile)

/** Sessions of two devices on one machine may have the same id, but not the same folder. */
export function markOf(folder: string): string {
  return `${basename(folder)}${placeOf(dirname(folder))}`
}

/** How the marks of all sessions below a folder end. */
export function placeOf(sessions: string): string {
  return `@${createHash('sha256').update(resolve(sessions)).digest('hex').slice(0, 16)}`
}

export interface FoundProcess {
  pid: number
  parent: number
  /** Marks of the process: as a kernel's, and as a host. */
  kernel: string | undefined
  host: string | undefined
}

/** Numbers of the living processes of a session, the given one and its descendants among them. */
export async function processesOf(mark: string, pid: number | undefined): Promise<number[]> {
  if (process.platform !== 'linux') return descendants(pid)
  const all = await linuxProcesses()
  const own = all.filter(({ kernel }) => isOf(kernel, mark)).map(each => each.pid)
  return [...withChildren(own, all)]
}

/** The kernel hosts of a session. */
export async function hostsOf(mark: string): Promise<number[]> {
  return (await linuxProcesses()).filter(({ host }) => host === mark).map(({ pid }) => pid)
}

/** Sessions below this folder of which there are processes, hosts or kernels. */
export async function markedBelow(sessions: string): Promise<Set<string>> {
  const place = placeOf(sessions)
  const marks = (await linuxProcesses()).flatMap(({ kernel = '', host = '' }) => [kernel, host])
  return new Set(marks.filter(mark => mark.endsWith(place)).map(mark => mark.slice(0, -place.length)))
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
  const [state, parent] = stat!.slice(stat!.lastIndexOf(')') + 2).split(' ')
  if (!parent || state === 'Z' || state === 'X') return undefined
  const names = environment!.split('\0')
  const marked = (name: string) => names.find(each => each.startsWith(`${name}=`))?.slice(name.length + 1) || undefined
  return { pid: Number(pid), parent: Number(parent), kernel: marked(markName), host: marked(hostMarkName) }
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
