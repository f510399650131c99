/**
 * Control groups of this machine, of either version: what a worker may use, and all of its processes at once (CP63).
 * Which there are is found out by trying; where there are none, drivers say what is not limited.
 */
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { limits } from '@meshbook/core/limits.ts'
import type { WorkerLimits } from './port.ts'

const mountedAt = '/sys/fs/cgroup'
const period = 100_000
const killedMs = 20

/** The files of one group, and what is written into them. */
type Settings = readonly (readonly [file: string, value: string])[]

export class Cgroups {
  /** The folder of all groups for each controller; one for all in version 2. */
  readonly #parents: Readonly<Record<string, string>>
  readonly #isUnified: boolean

  private constructor(parents: Readonly<Record<string, string>>, isUnified: boolean) {
    this.#parents = parents
    this.#isUnified = isUnified
  }

  /** Undefined where this process may make none. */
  static async open(name: string): Promise<Cgroups | undefined> {
    return (await openUnified(name)) ?? (await openSeparate(name))

    async function openUnified(group: string): Promise<Cgroups | undefined> {
      const found = await readFile(join(mountedAt, 'cgroup.controllers'), 'utf8').catch(() => '')
      if (!['memory', 'pids', 'cpu'].every(one => found.split(/\s/).includes(one))) return undefined
      const parent = join(mountedAt, group)
      try {
        await mkdir(parent, { recursive: true })
        for (const folder of [mountedAt, parent])
          await writeFile(join(folder, 'cgroup.subtree_control'), '+memory +pids +cpu')
        return new Cgroups({ all: parent }, true)
      } catch {
        return undefined
      }
    }

    async function openSeparate(group: string): Promise<Cgroups | undefined> {
      const parents = Object.fromEntries(['memory', 'pids', 'cpu'].map(one => [one, join(mountedAt, one, group)]))
      try {
        for (const [one, parent] of Object.entries(parents)) {
          await readFile(join(mountedAt, one, 'cgroup.procs'))
          await mkdir(parent, { recursive: true })
        }
        return new Cgroups(parents, false)
      } catch {
        return undefined
      }
    }
  }

  /** Returns the files into which a process writes its number to be in it. */
  async make(name: string, most: WorkerLimits): Promise<string[]> {
    const settings = this.#isUnified ? { all: unified(most) } : separate(most)
    for (const [one, values] of Object.entries(settings)) {
      const folder = join(this.#parents[one]!, name)
      await mkdir(folder, { recursive: true })
      for (const [file, value] of values)
        await writeFile(join(folder, file), value).catch((cause: NodeJS.ErrnoException) => {
          // Not every kernel counts what is swapped.
          if (cause.code !== 'ENOENT') throw cause
        })
    }
    return Object.values(this.#parents).map(parent => join(parent, name, 'cgroup.procs'))
  }

  /** Ends everything that is in it, and it. */
  async remove(name: string): Promise<void> {
    const folders = Object.values(this.#parents).map(parent => join(parent, name))
    for (
      const deadline = performance.now() + limits.engineAnswerMs;
      performance.now() < deadline;
      await sleep(killedMs)
    ) {
      const left = (await Promise.all(folders.map(processesIn))).flat()
      for (const pid of new Set(left)) killIfThere(pid)
      if (left.length > 0 || !(await Promise.all(folders.map(isRemoved))).every(Boolean)) continue
      // The last one leaves nothing; in version 2 the group above it has settings, and stays.
      if (!this.#isUnified) await Promise.all(Object.values(this.#parents).map(isRemoved))
      return
    }
  }

  /** Those above the groups, unless something is in them. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.#parents).map(isRemoved))
  }

  async list(): Promise<string[]> {
    const found = await Promise.all(
      Object.values(this.#parents).map(parent => readdir(parent, { withFileTypes: true }).catch(() => [])),
    )
    return [
      ...new Set(
        found
          .flat()
          .filter(entry => entry.isDirectory())
          .map(({ name }) => name),
      ),
    ]
  }
}

const quota = ({ cpus }: WorkerLimits): number => Math.max(1_000, Math.round(cpus * period))

function unified(most: WorkerLimits): Settings {
  return [
    ['memory.max', String(most.memoryBytes)],
    ['memory.swap.max', '0'],
    ['pids.max', String(most.processes)],
    ['cpu.max', `${quota(most)} ${period}`],
  ]
}

function separate(most: WorkerLimits): Record<string, Settings> {
  const bytes = String(most.memoryBytes)
  return {
    memory: [
      ['memory.limit_in_bytes', bytes],
      ['memory.memsw.limit_in_bytes', bytes],
    ],
    pids: [['pids.max', String(most.processes)]],
    cpu: [
      ['cpu.cfs_period_us', String(period)],
      ['cpu.cfs_quota_us', String(quota(most))],
    ],
  }
}

async function processesIn(folder: string): Promise<number[]> {
  const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '')
  return text.split('\n').filter(Boolean).map(Number)
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown
  }
}

async function isRemoved(folder: string): Promise<boolean> {
  return rmdir(folder).then(
    () => true,
    (thrown: NodeJS.ErrnoException) => thrown.code === 'ENOENT',
  )
}
