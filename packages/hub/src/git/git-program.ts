/**
 * Runs git (GT1–GT3): with a clean environment, a time-out, a cap on what it prints, and everything it started ended with
 * it. What the repositories are, and what the arguments mean, is not known here.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { devNull } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { MeshError } from '@meshbook/core/errors.ts'

export type GitConfig = readonly (readonly [key: string, value: string])[]

export interface GitOrder {
  args: readonly string[]
  gitDir?: string
  workTree?: string
  /** For this process alone: it stands in its environment. */
  config?: GitConfig
  /** Of ssh and the wire protocol. */
  env?: Readonly<Record<string, string>>
  /** Transports that it may use; none if absent. */
  transports?: readonly ('https' | 'http' | 'ssh' | 'file')[]
  timeoutMs?: number
  signal?: AbortSignal | undefined
}

export interface GitRun extends GitOrder {
  input?: string | Uint8Array
  /** What is beyond it is not read, and git is ended: `isCut`. */
  outputBytes?: number
  /** What must not be repeated in what git says. */
  secrets?: readonly string[]
}

export interface GitAnswer {
  /** Null where a signal ended it. */
  code: number | null
  stdout: Buffer
  stderr: string
  isCut: boolean
}

export type GitChild = ChildProcessByStdio<Writable, Readable, Readable>

export interface GitLimits {
  gitRequestMs: number
  gitOutputBytes: number
}

const errorBytes = 64 * 1024
const graceMs = 2_000

/** Flaws of old histories that do no harm; everything else that fsck knows is refused (GT15). */
const harmless = [
  'badTimezone',
  'missingSpaceBeforeDate',
  'zeroPaddedFilemode',
  'badDateOverflow',
  'missingTaggerEntry',
]

const always: GitConfig = [
  ['core.hooksPath', devNull],
  ['core.fsmonitor', 'false'],
  ['core.protectHFS', 'true'],
  ['core.protectNTFS', 'true'],
  ['core.fsync', 'committed,reference'],
  ['credential.helper', ''],
  ['core.askPass', ''],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['receive.autogc', 'false'],
  ['submodule.recurse', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  ['fetch.unpackLimit', '1'],
  ['http.followRedirects', 'false'],
  ['http.lowSpeedLimit', '100'],
  ['http.lowSpeedTime', '60'],
  ['transfer.fsckObjects', 'true'],
  ...harmless.flatMap(
    flaw =>
      [
        [`fetch.fsck.${flaw}`, 'ignore'],
        [`receive.fsck.${flaw}`, 'ignore'],
      ] as const,
  ),
  ['protocol.allow', 'never'],
  ['protocol.version', '2'],
]

export class GitProgram {
  readonly #notes: string
  readonly #limits: GitLimits

  private constructor(notes: string, limits: GitLimits) {
    this.#notes = notes
    this.#limits = limits
  }

  /** `folder` is for this hub alone: what runs is noted there, so that the next hub ends what this one left behind. */
  static async open(folder: string, limits: GitLimits): Promise<GitProgram> {
    const notes = join(folder, 'running')
    await mkdir(notes, { recursive: true, mode: 0o700 })
    for (const name of await readdir(notes)) await endLeftBehind(join(notes, name), Number(name))
    return new GitProgram(notes, limits)
  }

  /** An answer of any code is an answer. Throws TIMEOUT, the reason of the signal, or COMPUTE_UNAVAILABLE without git. */
  async run(run: GitRun): Promise<GitAnswer> {
    const child = this.start(run)
    const capBytes = run.outputBytes ?? this.#limits.gitOutputBytes
    const stdout = collect(child.stdout, capBytes, () => endGroup(child))
    const stderr = collect(child.stderr, errorBytes, () => undefined)
    child.stdin.end(run.input)
    const code = await this.ended(child, run)
    const out = await stdout
    return { code, stdout: out.bytes, isCut: out.isCut, stderr: hide((await stderr).bytes, run.secrets ?? []) }
  }

  /** Its text where it must succeed. */
  async text(run: GitRun): Promise<string> {
    const answer = await this.run(run)
    if (answer.code !== 0 || answer.isCut) throw gitFailed(run, answer)
    return answer.stdout.toString('utf8')
  }

  start(order: GitOrder): GitChild {
    const child = spawn('git', order.args, {
      env: environment(order),
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own, so that helpers of git end with it.
      detached: true,
      ...(order.workTree && { cwd: order.workTree }),
    })
    // A git that ends early reads no more; its code says why.
    child.stdin.on('error', () => undefined)
    return child
  }

  /** Waits for the end of one that was started; its output must be read meanwhile. */
  async ended(
    child: GitChild,
    { timeoutMs = this.#limits.gitRequestMs, signal, args }: GitOrder,
  ): Promise<number | null> {
    const note = this.#note(child.pid)
    const timeout = AbortSignal.timeout(timeoutMs)
    const stop = signal ? AbortSignal.any([signal, timeout]) : timeout
    const end = (): void => endGroup(child)
    if (stop.aborted) end()
    stop.addEventListener('abort', end, { once: true })
    try {
      const code = await closed(child)
      signal?.throwIfAborted()
      if (timeout.aborted) throw new MeshError('TIMEOUT', { detail: `git ${args[0]} took more than ${timeoutMs} ms` })
      return code
    } finally {
      stop.removeEventListener('abort', end)
      await note.then(remove => remove())
    }
  }

  async #note(pid: number | undefined): Promise<() => Promise<void>> {
    if (pid === undefined) return async () => undefined
    const file = join(this.#notes, String(pid))
    const began = await beganAt(pid)
    if (began === undefined) return async () => undefined
    await writeFile(file, began, { mode: 0o600 })
    return () => rm(file, { force: true })
  }
}

export function gitFailed({ args }: Pick<GitRun, 'args'>, { code, stderr, isCut }: GitAnswer): MeshError {
  const said = isCut ? 'it printed too much' : lastLine(stderr)
  return new MeshError('INTERNAL', { detail: `git ${args[0]} ended with ${code ?? 'a signal'}: ${said}` })
}

export function lastLine(text: string): string {
  const lines = text.split('\n').filter(line => line.trim() !== '')
  return (lines.at(-1) ?? 'it said nothing').slice(0, 500)
}

/** Nothing of the hub's own environment but where programs are. */
export function environment({ gitDir, workTree, config = [], env, transports = [] }: GitOrder): NodeJS.ProcessEnv {
  const allowed = transports.map(name => [`protocol.${name}.allow`, 'always'] as const)
  const entries = [...always, ...allowed, ...config]
  const pairs = entries.flatMap(([key, value], i) => [
    [`GIT_CONFIG_KEY_${i}`, key],
    [`GIT_CONFIG_VALUE_${i}`, value],
  ])
  return {
    PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: devNull,
    LC_ALL: 'C',
    TZ: 'UTC',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_SYSTEM: devNull,
    GIT_CONFIG_GLOBAL: devNull,
    GIT_ATTR_NOSYSTEM: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: String(entries.length),
    ...Object.fromEntries(pairs),
    ...(gitDir && { GIT_DIR: gitDir }),
    ...(workTree && { GIT_WORK_TREE: workTree }),
    ...env,
  }
}

function closed(child: GitChild): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', cause =>
      reject(new MeshError('COMPUTE_UNAVAILABLE', { detail: 'git cannot be started on this machine', cause })),
    )
    child.once('close', resolve)
  })
}

/** Asked first, so that git takes its halves away; then by force. */
export function endGroup(child: GitChild): void {
  const { pid } = child
  if (pid === undefined || child.exitCode !== null) return
  signalGroup(pid, 'SIGTERM')
  const force = setTimeout(() => signalGroup(pid, 'SIGKILL'), graceMs)
  force.unref()
  child.once('close', () => clearTimeout(force))
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown
  }
}

async function collect(
  stream: Readable,
  capBytes: number,
  onFull: () => void,
): Promise<{ bytes: Buffer; isCut: boolean }> {
  const pieces: Buffer[] = []
  let bytes = 0
  let isCut = false
  for await (const piece of stream as AsyncIterable<Buffer>) {
    if (isCut) continue
    pieces.push(piece.subarray(0, capBytes - bytes))
    bytes += piece.length
    if (bytes <= capBytes) continue
    isCut = true
    onFull()
  }
  return { bytes: Buffer.concat(pieces), isCut }
}

function hide(bytes: Buffer, secrets: readonly string[]): string {
  return secrets
    .filter(secret => secret !== '')
    .reduce((text, secret) => text.replaceAll(secret, '…'), bytes.toString('utf8'))
}

/** A process is known by its id and when it began; where the system does not tell, nothing is noted. */
async function beganAt(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

async function endLeftBehind(file: string, pid: number): Promise<void> {
  const noted = await readFile(file, 'utf8')
  if (pid > 1 && noted !== '' && noted === (await beganAt(pid))) signalGroup(pid, 'SIGKILL')
  await rm(file, { force: true })
}
