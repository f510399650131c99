/**
 * Makes one environment by the steps of its recipe, in its folder, and marks it as whole at the end (EN4). All that the
 * tools start carries a mark of its own in its environment, and ends with this call, also after a kill: whoever makes it
 * next begins with what is left over.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import { readJson, writeJson } from '../kernels/files.ts'
import { kernelEnvironment } from '../kernels/launch.ts'
import { identityOf, isAlive } from '../kernels/process-identity.ts'
import { killTree } from '../kernels/process-tree.ts'
import { environmentsFolder, type FoundLock, markName } from './lock-file.ts'
import type { Step } from './recipe.ts'

export interface Progress {
  step: string
  share?: number
}

export interface MakeOptions {
  lock: FoundLock
  steps: readonly Step[]
  projectFolder: string
  env: NodeJS.ProcessEnv
  limits: Pick<Limits, 'environmentMakeMs' | 'environmentsPerLanguage' | 'problemTextChars'>
  signal: AbortSignal
  progress(now: Progress): void
}

const makerSchema = v.object({ pid: v.number(), identity: v.string() })
/** The last lines of a tool, for the reason of a failure. */
const lastLines = 5

/** Throws ENVIRONMENT_FAILED, ENVIRONMENT_BUSY, or the reason of `signal`. */
export async function makeEnvironment(options: MakeOptions): Promise<void> {
  const { lock, projectFolder } = options
  await mkdir(environmentsFolder(projectFolder), { recursive: true, mode: 0o700 })
  const release = await takeTurn(lock.folder)
  const mark = `environment ${lock.folder}`
  try {
    await killTree(mark, undefined)
    await rm(lock.folder, { recursive: true, force: true })
    await performAll(options, mark)
    await writeJson(join(lock.folder, markName), { file: lock.file })
  } catch (thrown) {
    await killTree(mark, undefined)
    await rm(lock.folder, { recursive: true, force: true })
    throw thrown
  } finally {
    await release()
  }
  await removeOld(lock, options.limits.environmentsPerLanguage)
}

/** A file beside the folder names who makes it; one whose process has ended makes nothing any more. */
async function takeTurn(folder: string): Promise<() => Promise<void>> {
  const path = `${folder}.maker`
  const known = v.safeParse(makerSchema, await readJson(path))
  if (known.success && known.output.pid !== process.pid && (await isAlive(known.output)))
    throw new MeshError('ENVIRONMENT_BUSY', { detail: `process ${known.output.pid}` })
  await writeJson(path, { pid: process.pid, identity: (await identityOf(process.pid)) ?? '' })
  return () => rm(path, { force: true })
}

async function performAll({ lock, steps, ...options }: MakeOptions, mark: string): Promise<void> {
  const deadline = AbortSignal.timeout(options.limits.environmentMakeMs)
  const signal = AbortSignal.any([options.signal, deadline])
  for (const [index, step] of steps.entries()) {
    if (step.copies) await copyInto(lock.folder, options.projectFolder, step.copies)
    const share = (part: number) => (index + Math.min(part, 1)) / steps.length
    const tell = (part: number | undefined, line: string) =>
      options.progress({
        step: line ? `${step.title}: ${line}`.slice(0, options.limits.problemTextChars) : step.title,
        ...(part !== undefined && { share: share(part) }),
      })
    await perform(step, { cwd: options.projectFolder, env: options.env, mark, signal, tell }).catch(thrown => {
      if (!deadline.aborted || options.signal.aborted) throw thrown
      const minutes = Math.round(options.limits.environmentMakeMs / 60_000)
      throw new MeshError('ENVIRONMENT_FAILED', { detail: `it was stopped after ${minutes} minutes` })
    })
  }
}

async function copyInto(folder: string, projectFolder: string, names: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const name of names) await copyFile(join(projectFolder, name), join(folder, name))
}

interface Performance {
  cwd: string
  env: NodeJS.ProcessEnv
  mark: string
  signal: AbortSignal
  tell(part: number | undefined, line: string): void
}

async function perform(step: Step, { cwd, env, mark, signal, tell }: Performance): Promise<void> {
  tell(0, '')
  const [program, ...args] = step.command
  const child = spawn(program!, args, {
    cwd: step.cwd ?? cwd,
    env: { ...kernelEnvironment(env, mark), ...step.env },
    // A group of its own, so that a Ctrl+C at the daemon is the daemon's to deal with.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // Also what left its group: whoever holds the pipe would keep us waiting.
  let killed: Promise<unknown> = Promise.resolve()
  const stop = () => {
    killed = killTree(mark, child.pid)
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    const [lines, end] = await Promise.all([follow(child, step, tell), endOf(child)])
    signal.throwIfAborted()
    if (end !== 0) throw new MeshError('ENVIRONMENT_FAILED', { detail: failure(program!, end, lines) })
  } finally {
    signal.removeEventListener('abort', stop)
    await killed
  }
}

/** Reads both streams to their end, and keeps the last lines. */
async function follow(child: ChildProcess, step: Step, tell: Performance['tell']): Promise<string[]> {
  const last: string[] = []
  let done = 0
  const read = async (stream: NodeJS.ReadableStream) => {
    for await (const raw of createInterface({ input: stream })) {
      const line = raw.trimEnd()
      if (line === '') continue
      last.push(line.slice(0, 300))
      if (last.length > lastLines) last.shift()
      if (step.counts?.test(line)) done++
      tell(step.expected ? done / step.expected : undefined, line.trim())
    }
  }
  await Promise.all([read(child.stdout!), read(child.stderr!)])
  return last
}

function endOf(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve, reject) => {
    child.once('error', cause => reject(new MeshError('ENVIRONMENT_FAILED', { detail: cause.message, cause })))
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'an unknown end'))
  })
}

function failure(program: string, end: number | string, lines: readonly string[]): string {
  const how = typeof end === 'number' ? `status ${end}` : end
  return `${basename(program)} ended with ${how}: ${lines.join(' ⏎ ')}`
}

/** The newest stay, and whatever a process is making. */
async function removeOld(lock: FoundLock, kept: number): Promise<void> {
  const parent = join(lock.folder, '..')
  const names = (await readdir(parent)).filter(name => name.startsWith(`${lock.language}-`) && !name.includes('.'))
  const aged = await Promise.all(
    names.map(async name => ({
      name,
      at: await stat(join(parent, name, markName)).then(
        ({ mtimeMs }) => mtimeMs,
        () => Number.POSITIVE_INFINITY,
      ),
    })),
  )
  aged.sort((a, b) => b.at - a.at)
  for (const { name } of aged.slice(kept)) await rm(join(parent, name), { recursive: true, force: true })
}
