/** Runs a program under strace and returns what it did to the disk. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DiskEvent } from './disk-event.ts'
import { readTrace, tracedCalls } from './read-trace.ts'

export interface Recorded {
  /** The folder in whose files everything happened; it does not exist any more. */
  folder: string
  initial: Map<string, Buffer>
  events: DiskEvent[]
}

export interface Recording {
  /** Fills the folder before the program starts; what it writes counts as durable. */
  prepare?: (folder: string) => Promise<void>
  /** Arguments of Node: the program and its own, given the folder and the file for its promises. */
  args: (folder: string, promises: string) => string[]
  /** The program writes its promises to stdout and does not end by itself: it is killed when this much was promised. */
  untilPromises?: number
}

export async function record({ prepare, args, untilPromises }: Recording): Promise<Recorded> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'meshbook-power-')))
  try {
    const folder = join(root, 'disk')
    const promises = join(root, 'promises')
    await mkdir(folder)
    await prepare?.(folder)
    const initial = await filesOf(folder)
    await trace(join(root, 'trace'), promises, args(folder, promises), untilPromises)
    return { folder, initial, events: await readTrace(join(root, 'trace'), { roots: [folder], promises }) }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

async function trace(file: string, promises: string, args: string[], untilPromises?: number): Promise<void> {
  const strace = ['-f', '-y', '-xx', '-s', '33554432', '--seccomp-bpf', '-o', file, '-e', `trace=${tracedCalls}`]
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', ...args]
  const command = untilPromises === undefined ? node : ['sh', '-c', `exec "$@" >>"$0"`, promises, ...node]
  const child = spawn('strace', [...strace, ...command], { stdio: ['ignore', 'ignore', 'inherit'], detached: true })
  const exit = once(child, 'exit')
  if (untilPromises !== undefined) await killAfter(child.pid!, promises, untilPromises)
  const [code] = await exit
  if (untilPromises === undefined && code !== 0) throw new Error(`the traced program ended with ${code}`)
}

async function killAfter(group: number, promises: string, lines: number): Promise<void> {
  const end = performance.now() + 120_000
  const count = async () => (await readFile(promises, 'utf8').catch(() => '')).split('\n').length - 1
  while ((await count()) < lines) {
    if (performance.now() > end) throw new Error(`fewer than ${lines} promises in time`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  process.kill(-group, 'SIGKILL')
}

export async function filesOf(folder: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) files.set(path, await readFile(path))
  }
  return files
}
