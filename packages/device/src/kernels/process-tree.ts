/**
 * Ends everything that a kernel has started. Every process of a session carries the session's id in its environment,
 * which also finds those that have left their parent and their process group.
 */
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

export const markName = 'MESHBOOK_KERNEL'
const rounds = 100
const pauseMs = 20
const run = promisify(execFile)

/** Numbers of the living processes of a session, the given one and its descendants among them. */
export async function processesOf(mark: string, pid: number | undefined): Promise<number[]> {
  return process.platform === 'linux' ? marked(mark) : descendants(pid)
}

async function marked(mark: string): Promise<number[]> {
  const wanted = `${markName}=${mark}`
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const found = await Promise.all(pids.map(pid => carries(pid, wanted)))
  return pids.filter((_, index) => found[index]).map(Number)
}

/** A process that has ended but is not reaped has an empty environment. */
async function carries(pid: string, wanted: string): Promise<boolean> {
  const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
  return environment.split('\0').includes(wanted)
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
export async function killTree(mark: string, pid: number | undefined): Promise<number[]> {
  let left: number[] = []
  for (let round = 0; round < rounds; round++) {
    left = await processesOf(mark, pid)
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
