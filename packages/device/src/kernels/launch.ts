/**
 * Starts a kernel so that it can be checkpointed later: no pipe, terminal or log file from outside, a session of its
 * own, a loopback address of its own, and for kernels that are dumped whole, namespaces of their own.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, constants, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { MeshError } from '@meshbook/core/errors.ts'
import type { RandomBytes } from '@meshbook/core/ids.ts'
import { runtimeFor } from '@meshbook/core/languages.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { madeEnvironment } from '../environments/lock-file.ts'
import { writeJson } from './files.ts'
import { chooseKernel, type KernelChoice } from './kernel-choice.ts'
import { type Interpreter, type KernelKind, mrpKind, type SearchPlaces } from './languages.ts'
import { identityOf } from './process-identity.ts'
import { kernelMark, markName } from './process-tree.ts'

const run = promisify(execFile)
const namespaces = ['unshare', '-p', '-f', '-T', '-i', '-u', 'setsid']
/** On Linux every session has an address of its own, so the port is the same in every image. */
const linuxPort = 47_100
const lastWordUnits = 4_000

export interface LaunchOptions {
  folder: string
  mark: string
  language: string
  /** The name of the kernelspec that the notebook asks for. */
  kernelspec?: string | undefined
  projectFolder: string
  env: NodeJS.ProcessEnv
  limits: Limits
  nodePath: string
  random: RandomBytes
  /** The interpreter is not started: it is there (kernels/SPEC.md, MRP). */
  runtime?: RuntimeAt
}

export interface RuntimeAt {
  url: string
  session: string
}

export interface Launched {
  id: string
  /** Carried by every process of this kernel. */
  mark: string
  scratch: string
  /** The first process of a pid namespace is its child. */
  ownNamespace: boolean
  /** How it ended, in words. */
  exit: Promise<string>
  pid: number
  identity: string
  address: string
  port: number
  token: string
  /** What the user should know of which kernel it is. */
  notice: string | undefined
}

export async function launch(options: LaunchOptions): Promise<Launched> {
  const id = Buffer.from(options.random(12)).toString('hex')
  const mark = kernelMark(options.mark, id)
  const env = kernelEnvironment(options.env, mark)
  const { projectFolder, nodePath } = options
  const choice = await kernelFor(options, { projectFolder, env, nodePath })
  const { kind, interpreter } = choice
  const notice = choice.notice?.slice(0, options.limits.problemTextChars)
  await access(options.projectFolder, constants.X_OK).catch(cause => {
    throw new MeshError('KERNEL_START', {
      detail: `the project's folder ${options.projectFolder} cannot be entered`,
      cause,
    })
  })
  const place = await choosePlace(options.random)
  const token = Buffer.from(options.random(32)).toString('base64url')
  // Another kernel of the session may still run: each has files of its own.
  const scratch = join(options.folder, `scratch-${id}`)
  await mkdir(scratch, { mode: 0o700 })
  const made = await madeEnvironment(options.projectFolder, runtimeFor(options.language))
  const config = join(scratch, 'kernel-config.json')
  await writeJson(config, {
    ...place,
    token,
    cwd: options.projectFolder,
    scratch,
    limits: kernelLimits(options.limits),
    ...(made !== undefined && { packages: made }),
    ...jupyterPart(choice, options.limits),
    ...(options.runtime ? { runtime: options.runtime } : {}),
  })
  const program = [...kind.command(interpreter, options.nodePath), config]
  const command = [...(await wrapper(kind, scratch)), ...(kind.onNode ? await withoutRings() : []), ...program]
  const own = {
    ...packagesEnvironment(interpreter, made, env),
    NODE_COMPILE_CACHE: join(dirname(options.folder), 'compile-cache'),
  }
  const { child, exit } = await start(
    command,
    { ...env, ...own, ...pagesEnvironment(kind, env) },
    options.projectFolder,
  )
  const identity = (await identityOf(child.pid!)) ?? 'ended'
  const told = exit.then(async how => (await lastWords(scratch)) ?? how)
  const ownNamespace = command[0] === namespaces[0]
  return { id, mark, scratch, ownNamespace, exit: told, pid: child.pid!, identity, ...place, token, notice }
}

/** A runtime at a URL is started by nobody here: what is launched only speaks with it. */
async function kernelFor(options: LaunchOptions, places: SearchPlaces): Promise<KernelChoice> {
  if (!options.runtime) return chooseKernel(options, places)
  return { kind: mrpKind, interpreter: (await mrpKind.find(places))! }
}

/** Why a kernel ended, if it could still tell (KN25). */
export async function lastWords(scratch: string): Promise<string | undefined> {
  const text = await readFile(join(scratch, 'last-words'), 'utf8').catch(() => '')
  return text.slice(0, lastWordUnits).toWellFormed() || undefined
}

/** The adapter gives up before its host does, so that it can say why. */
function jupyterPart({ spec }: KernelChoice, limits: Limits) {
  const startMs = limits.kernelStartMs * 0.9
  return spec && { jupyter: { spec, startMs, messageBytes: limits.jupyterMessageBytes } }
}

export function kernelLimits(limits: Limits) {
  const { kernelFrameBytes, kernelUnackedBytes, inputBytes, displayBytes } = limits
  // Base64 makes a third more of it.
  const display = Math.min(Math.ceil((displayBytes * 4) / 3), kernelFrameBytes - 64 * 1024)
  return {
    frameBytes: kernelFrameBytes,
    unackedBytes: kernelUnackedBytes,
    inputBytes,
    displayBytes: display,
    forkWaitMs: limits.snapshotCaptureMs,
  }
}

export async function choosePlace(random: RandomBytes): Promise<{ address: string; port: number }> {
  if (process.platform !== 'linux') return { address: '127.0.0.1', port: await freePort() }
  const [a, b, c] = random(3)
  return { address: `127.${1 + (a! % 254)}.${b!}.${1 + (c! % 254)}`, port: linuxPort }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address ? address.port : 0
}

let namespacesWork: Promise<boolean> | undefined

/** Tried once: root alone is not enough in some containers. */
function canUnshare(): Promise<boolean> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return Promise.resolve(false)
  const [program, ...args] = [...namespaces, 'true']
  namespacesWork ??= run(program!, args, { timeout: 5000 }).then(
    () => true,
    () => false,
  )
  return namespacesWork
}

/**
 * Node makes rings of io_uring wherever it can, whatever is set, and no image can hold one. So the system is told to refuse
 * them (a seccomp filter: io_uring_setup, which has the same number everywhere, does not exist).
 */
const refuseRings = `my ($load, $if, $is) = (0x20, 0x15, 0x06);
my $filter = pack("SCCL" x 4, $load,0,0,0, $if,0,1,425, $is,0,0,0x00050026, $is,0,0,0x7fff0000);
my $program = pack("S x6 P", 4, $filter);
syscall(shift, 22, 2, $program) == 0 or $ENV{MESHBOOK_CHECK} && exit 1;
exec { $ARGV[0] } @ARGV or exit 127;`
const prctl: Partial<Record<string, string>> = { x64: '157', arm64: '167' }
let ringsAreRefused: Promise<string[]> | undefined

/** Tried once. Without it the kernel runs as well, but is never dumped. */
function withoutRings(): Promise<string[]> {
  const number = process.platform === 'linux' ? prctl[process.arch] : undefined
  if (number === undefined || process.getuid?.() !== 0) return Promise.resolve([])
  const wrapper = ['perl', '-e', refuseRings, number]
  const env = { ...process.env, MESHBOOK_CHECK: '1' }
  ringsAreRefused ??= run(wrapper[0]!, [...wrapper.slice(1), 'true'], { timeout: 5000, env }).then(
    () => wrapper,
    () => [],
  )
  return ringsAreRefused
}

/**
 * A shell around the kernels that are dumped whole: as the first process of its namespace it reaps orphans, which Node
 * does not. It must outlive an interrupt of its group.
 */
async function wrapper(kind: KernelKind, scratch: string): Promise<string[]> {
  if (!kind.ownNamespaces) return []
  const pipes =
    'rm -f "$0/stdout" "$0/stderr"; mkfifo -m 600 "$0/stdout" "$0/stderr"; "$@" 1<>"$0/stdout" 2<>"$0/stderr"'
  const script = `trap : INT; ${kind.pipes ? pipes : '"$@"'}; exit $?`
  return [...((await canUnshare()) ? namespaces : []), 'sh', '-c', script, scratch]
}

async function start(
  command: string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<{ child: ChildProcess; exit: Promise<string> }> {
  const [program, ...args] = command
  // `detached` makes it the leader of a session of its own; as our child its exit status can be told.
  const child = spawn(program!, args, { cwd, env, detached: true, stdio: 'ignore' })
  const exit = exitOf(child)
  try {
    await once(child, 'spawn')
    await endFirst(child.pid!)
  } catch (cause) {
    throw new MeshError('KERNEL_START', {
      detail: `${program} could not be started in ${cwd}: ${(cause as Error).message}`,
      cause,
    })
  }
  return { child, exit }
}

/** Where memory runs out all the same, the system ends what a cell has started, and nothing else of this user. */
async function endFirst(pid: number): Promise<void> {
  // Another system, or one that forbids it: there it chooses as it does.
  await writeFile(`/proc/${pid}/oom_score_adj`, '500').catch(() => undefined)
}

const signals: Record<number, string> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  6: 'SIGABRT',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  15: 'SIGTERM',
}

function exitOf(child: ChildProcess): Promise<string> {
  return new Promise(resolve => {
    child.once('exit', (code, signal) => {
      // A shell around the kernel tells a signal as 128 and its number.
      const name = signal ?? (code !== null && code > 128 ? (signals[code - 128] ?? `signal ${code - 128}`) : undefined)
      resolve(name ? `the kernel process was ended by ${name}` : `the kernel process exited with status ${code}`)
    })
  })
}

const cpuHasAvx2 = readFile('/proc/cpuinfo', 'latin1').then(
  text => /\bavx2\b/.test(text),
  () => false,
)
const sameOnEveryCpu = (await cpuHasAvx2) && process.arch === 'x64'

/** What a kernel sees: the user's environment without our secrets, and what lets its image move to another processor. */
export function kernelEnvironment(env: NodeJS.ProcessEnv, mark: string): NodeJS.ProcessEnv {
  const hidden = /^(MESHBOOK_|NODE_TEST_CONTEXT$|NODE_CHANNEL_FD$|NODE_OPTIONS$)/
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !hidden.test(name)))
  const movable = {
    OPENBLAS_CORETYPE: 'Haswell',
    GLIBC_TUNABLES: 'glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX512CD',
  }
  const pagers = { PAGER: 'cat', GIT_PAGER: 'cat', MANPAGER: 'cat', SYSTEMD_PAGER: 'cat' }
  const fixed = { MPLBACKEND: 'Agg', TERM: 'xterm-256color', [markName]: mark }
  return { ...(sameOnEveryCpu ? movable : {}), ...kept, ...pagers, ...fixed }
}

/** A kernel that copies itself stands still for as long as that takes: the fewer pages its memory has, the shorter. */
function pagesEnvironment({ onNode }: KernelKind, { GLIBC_TUNABLES: others }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const largePages = 'glibc.malloc.hugetlb=1'
  return onNode ? {} : { GLIBC_TUNABLES: others === undefined ? largePages : `${others}:${largePages}` }
}

/** `pip` in a child of a session means the session's own environment, and R finds its packages (EN9). */
function packagesEnvironment(
  { path }: Interpreter,
  made: string | undefined,
  env: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const folder = dirname(dirname(path))
  const isOfProject = path.endsWith('/venv/bin/python') || path.endsWith('/.venv/bin/python') || folder === made
  if (isOfProject) return { VIRTUAL_ENV: folder, PATH: [dirname(path), env.PATH].join(delimiter) }
  return made === undefined ? {} : { R_LIBS: [made, env.R_LIBS].filter(part => part).join(delimiter) }
}
