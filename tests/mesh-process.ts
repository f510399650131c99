/** Real processes for the tests: `meshbook start`, `hub` and `up` as a user starts them, on a folder and a port of their own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ApiClient, findHub } from '@meshbook/cli/api-client.ts'
import { dataFolder } from '@meshbook/cli/data-folder.ts'

const main = join(import.meta.dirname, '../packages/cli/src/main.ts')

/** Tests leave the keychain of whoever runs them alone, and save sessions only where that is what they are about. */
const quiet = { MESHBOOK_KEYCHAIN: 'off', MESHBOOK_SNAPSHOT: 'off' }

/** Who ends what was begun: a test, or something longer. */
export interface Cleanup {
  after(close: () => unknown): void
}

export interface MeshProcess {
  url: string
  link: string
  data: string
  pid: number
  readyMs: number
  /** Everything the process wrote to stderr so far. */
  errors(): string
  kill(signal: NodeJS.Signals): Promise<number | null>
}

export async function temporaryFolder(t: Cleanup): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-'))
  t.after(async () => {
    await stopProcessesOf(folder)
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  })
  return folder
}

/** Starts a command that prints a `ready` line, and waits for it. The process is stopped when the test ends. */
export async function startProcess(
  t: Cleanup,
  data: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<MeshProcess> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', main, ...args, '--json', '--data', data],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...quiet, ...env } },
  )
  let errors = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const kill = (signal: NodeJS.Signals) => ended(child, () => child.kill(signal))
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) await kill('SIGTERM')
  })
  const ready = await firstLine(child, () => errors)
  return {
    url: ready.url ?? '',
    link: ready.link ?? '',
    data,
    pid: child.pid!,
    readyMs: ready.readyMs ?? 0,
    errors: () => errors,
    kill,
  }
}

export function startMesh(
  t: Cleanup,
  data: string,
  args: string[] = ['--port', '0'],
  env: NodeJS.ProcessEnv = {},
): Promise<MeshProcess> {
  return startProcess(t, data, ['start', '--no-open', ...args], env)
}

export async function clientOf(mesh: { data: string }): Promise<ApiClient> {
  return new ApiClient(await findHub({}, dataFolder(mesh.data), {}))
}

interface Ready {
  ready?: boolean
  error?: string
  url?: string
  link?: string
  readyMs?: number
}

async function firstLine(child: ChildProcess, errors: () => string): Promise<Ready> {
  const lines = createInterface({ input: child.stdout! })
  const line = await new Promise<string>((resolve, reject) => {
    lines.once('line', resolve)
    child.once('exit', code => reject(new Error(`it ended with ${code} before it was ready:\n${errors()}`)))
    setTimeout(() => reject(new Error(`not ready after 60 s:\n${errors()}`)), 60_000).unref()
  })
  const ready: Ready = JSON.parse(line)
  if (!ready.ready) throw new Error(`it did not start: ${line}`)
  return ready
}

/** Runs a command to its end; resolves with what it printed. */
export async function command(
  args: string[],
  env: NodeJS.ProcessEnv = {},
  timeoutMs = 60_000,
  input?: string,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...quiet, ...env },
    timeout: timeoutMs,
  })
  child.stdin?.end(input)
  const output = { stdout: '', stderr: '' }
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  const code = await ended(child, () => undefined)
  return { code, ...output }
}

async function ended(child: ChildProcess, act: () => unknown): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const exit = new Promise<number | null>(resolve => child.once('close', code => resolve(code)))
  act()
  return exit
}

export interface FoundProcess {
  pid: number
  command: string
}

/** The processes whose command line names this folder: daemons, kernel hosts and kernels of one test. */
export async function processesOf(folder: string): Promise<FoundProcess[]> {
  const found: FoundProcess[] = []
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue
    const line = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')
    if (line.includes(folder)) found.push({ pid: Number(entry), command: line.replaceAll('\0', ' ').trim() })
  }
  return found
}

export async function stopProcessesOf(folder: string): Promise<void> {
  for (const { pid } of await processesOf(folder)) endIfAlive(pid)
}

function endIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** What comes at all comes within this: machines that test are slow, and whoever waits for longer waits in vain. */
export const waitMs = 60_000

/** Waits until `check` returns something other than undefined or false. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = waitMs,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await check()
    if (value !== undefined && value !== false) return value
    if (performance.now() > deadline) throw new Error(`still not so after ${timeoutMs} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
