/** What a user would have instead: the variables written by dill or cloudpickle, or the process dumped whole by CRIU. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findCriu } from '@meshbook/device/snapshots/image/criu-setup.ts'
import { criuFolder } from '../../tests/contract/criu.ts'

const python = '/usr/bin/python3'
const waitMs = 300_000

export interface PeerFigures {
  /** For how long the user waits. */
  pauseMs: number
  bytes: number
  /** Until the variables answer in a fresh process. */
  restoreMs: number
}

/** Installed into a cache of the benchmarks, once. */
function pickleLibraries(): string {
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'meshbook-bench', 'pickles')
  if (!existsSync(join(folder, 'dill')))
    execFileSync('python3', ['-m', 'pip', 'install', '-q', '--target', folder, 'dill', 'cloudpickle'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  return folder
}

export async function pickled(library: 'dill' | 'cloudpickle', size: string): Promise<PeerFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-bench-'))
  try {
    const script = join(import.meta.dirname, 'pickled.py')
    const args = [script, library, size, join(folder, 'variables'), pickleLibraries()]
    const { stdout, status, stderr } = spawnSync(python, args, { encoding: 'utf8', timeout: waitMs })
    if (status !== 0) throw new Error(`${library} failed: ${stderr}`)
    const told = JSON.parse(stdout) as { pauseMs: number; bytes: number; loadMs: number }
    return { pauseMs: told.pauseMs, bytes: told.bytes, restoreMs: told.loadMs }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Plain `criu dump --leave-running` of a process with the same variables, and `criu restore` of it. */
export async function dumped(size: string): Promise<PeerFigures> {
  const found = await findCriu(await criuFolder(), AbortSignal.timeout(waitMs))
  if (!found.ok) throw new Error(found.why)
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-bench-'))
  const images = join(folder, 'images')
  await mkdir(images)
  const script = join(import.meta.dirname, 'waiting.py')
  const child = spawn(python, [script, size, folder], { stdio: 'ignore', detached: true, cwd: '/' })
  try {
    await appears(join(folder, 'ready'))
    await ask(folder)
    const criu = (...args: string[]) => {
      const [program, ...rest] = [...found.criu.command, ...args]
      const { status, stderr } = spawnSync(program!, rest, { encoding: 'utf8', timeout: waitMs })
      if (status !== 0) throw new Error(`criu ${args[0]} failed: ${stderr}`)
    }
    criu('dump', '-t', `${child.pid}`, '-D', images, '--leave-running', '-o', 'dump.log')
    const pauseMs = await ask(folder)
    process.kill(child.pid!, 'SIGKILL')
    await new Promise(resolve => child.once('exit', resolve))
    const since = performance.now()
    criu('restore', '-D', images, '-d', '-o', 'restore.log', '--pidfile', join(folder, 'pid'))
    await ask(folder)
    const restoreMs = performance.now() - since
    process.kill(Number(await readFile(join(folder, 'pid'), 'utf8')), 'SIGKILL')
    return { pauseMs, bytes: await bytesIn(images), restoreMs }
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
}

/** The longest moment that the process stood still since it was asked last, in milliseconds. */
async function ask(folder: string): Promise<number> {
  await rm(join(folder, 'answer'), { force: true })
  await writeFile(join(folder, 'ask'), '')
  await appears(join(folder, 'answer'))
  return Number((await readFile(join(folder, 'answer'), 'utf8')).split(' ')[0])
}

async function appears(file: string): Promise<void> {
  const until = performance.now() + waitMs
  while (!existsSync(file)) {
    if (performance.now() > until) throw new Error(`${file} did not appear`)
    await sleep(2)
  }
}

async function bytesIn(folder: string): Promise<number> {
  const sizes = (await readdir(folder)).map(async name => (await stat(join(folder, name))).size)
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
