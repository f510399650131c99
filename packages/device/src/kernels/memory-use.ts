/** What the processes of a session take of the machine's memory, and how much there is. Reads, decides nothing. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { constrainedMemory, platform } from 'node:process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Of the machine, or of the container around it if that has less. */
export function machineBytes(): number {
  const constrained = constrainedMemory()
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem()
}

/** What each takes; what several share counts for each of them. */
export async function residentBytes(pids: readonly number[]): Promise<number> {
  if (platform !== 'linux') return residentByPs(pids)
  return sumOf(pids, async pid => {
    const status = await readFile(`/proc/${pid}/status`, 'latin1')
    return kilobytes(status, 'VmRSS') + kilobytes(status, 'VmSwap')
  })
}

/** What is shared counts once: slower, and not given for a process of another user. */
export async function ownBytes(pids: readonly number[]): Promise<number> {
  if (platform !== 'linux') return residentByPs(pids)
  return sumOf(pids, async pid => {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1').catch(() => undefined)
    if (rollup === undefined) return residentBytes([pid])
    return kilobytes(rollup, 'Pss') + kilobytes(rollup, 'SwapPss')
  })
}

/** A process that has ended takes nothing. */
async function sumOf(pids: readonly number[], bytesOf: (pid: number) => Promise<number>): Promise<number> {
  const each = await Promise.all(pids.map(pid => bytesOf(pid).catch(() => 0)))
  return each.reduce((sum, bytes) => sum + bytes, 0)
}

function kilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024
}

async function residentByPs(pids: readonly number[]): Promise<number> {
  const answer = await run('ps', ['-o', 'rss=', '-p', pids.join(',')]).catch(() => undefined)
  const lines = answer?.stdout.trim().split(/\s+/) ?? []
  return lines.reduce((sum, kib) => sum + Number(kib) * 1024, 0)
}

/** Children of these processes, without looking at every process of the machine. */
export async function childrenOf(pids: readonly number[]): Promise<number[]> {
  const lists = await Promise.all(
    pids.map(pid => readFile(`/proc/${pid}/task/${pid}/children`, 'latin1').catch(() => '')),
  )
  return lists.flatMap(list => list.trim().split(/\s+/)).flatMap(text => (text === '' ? [] : [Number(text)]))
}

/** How often the system itself has ended a process for want of memory; 0 where it does not say. */
export async function oomKills(): Promise<number> {
  const text = await readFile('/proc/vmstat', 'latin1').catch(() => '')
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0)
}
