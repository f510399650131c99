/** Starts CRIU and says in words why it failed. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** How to start it: the program of the system, or one in a folder of its own through the loader there. */
export interface Criu {
  command: string[]
  version: string
}

/** Those that a restore has to be given as well. */
const both = [
  '--tcp-close',
  '--skip-in-flight',
  '--file-locks',
  '--link-remap',
  '--ghost-limit',
  '2G',
  '--ext-unix-sk',
  '--manage-cgroups=ignore',
  '-v1',
]

export function dumpArguments(order: { pid: number; images: string; script: string; leaveRunning: boolean }): string[] {
  const own = ['-t', String(order.pid), '-D', order.images, '-o', 'dump.log', '--action-script', order.script]
  return ['dump', ...own, ...both, ...(order.leaveRunning ? ['--leave-running'] : [])]
}

export function restoreArguments(images: string, work: string): string[] {
  const own = ['-D', images, '-W', work, '-o', 'restore.log', '--pidfile', join(work, 'pidfile')]
  return ['restore', '-d', ...own, ...both]
}

export interface RunEnd {
  ok: boolean
  how: string
}

/** Not ended by a signal: who is stopped in the middle of a dump stays so. It ends by itself, at the latest with `ms`. */
export async function runToEnd(command: readonly string[], ms: number): Promise<RunEnd> {
  const [program, ...args] = command
  const child = spawn(program!, args, {
    stdio: 'ignore',
    cwd: '/',
    env: cleanEnvironment,
    timeout: ms,
    killSignal: 'SIGKILL',
  })
  try {
    const [code, signal] = await once(child, 'exit')
    return { ok: code === 0, how: signal ? `ended by ${signal}` : `ended with status ${code}` }
  } catch (error) {
    return { ok: false, how: (error as Error).message }
  }
}

export const cleanEnvironment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }

export async function versionOf(command: readonly string[]): Promise<string | undefined> {
  const [program, ...args] = command
  const answer = await run(program!, [...args, '--version'], { env: cleanEnvironment, timeout: 10_000 }).catch(
    () => undefined,
  )
  return /^Version:\s*([\d.]+)/m.exec(answer?.stdout ?? '')?.[1]
}

export async function checkOf(command: readonly string[]): Promise<{ ok: boolean; said: string }> {
  const [program, ...args] = command
  const answer = await run(program!, [...args, 'check'], { env: cleanEnvironment, timeout: 20_000 }).catch(
    (error: { stdout?: string; stderr?: string; message: string }) => ({ ...error, stdout: error.stdout ?? '' }),
  )
  const ok = answer.stdout.includes('Looks good')
  const lines = `${answer.stderr ?? ''}\n${answer.stdout}`.split('\n').filter(line => /Error|Looks/.test(line))
  return { ok, said: lines.map(plain).at(0) ?? 'it said nothing' }
}

const causes: [RegExp, string][] = [
  [/io_uring/, 'it uses io_uring, which CRIU cannot save'],
  [
    /half of stream unix connection|unix socket.*unsupported|Can't dump.*unix/i,
    'it is connected to a program outside of the session by a unix socket',
  ],
  [/slave peer|tty.*(master|peer)|Found dangling tty/i, 'it uses a terminal that belongs to another program'],
  [/nvidia|\/dev\/dri|\/dev\/kfd/, 'it uses the graphics processor, whose memory cannot be saved'],
  [/session leader|outside of its pid namespace/, 'a process of it belongs to a session of processes outside'],
  [/bad size|bad mode|bad build-id/, 'a file that it has open or mapped is another one here'],
  [/No such file or directory.*open|Can't open file/, 'a file that it has open is not here'],
  [/Can't fork for \d+: File exists/, 'the number of one of its processes is taken here'],
  [/Address already in use|EADDRINUSE|Can't bind/i, 'the address that it listens on is taken here'],
  [/fuse|Unsupported.*mount/i, 'it uses a kind of file that CRIU cannot save'],
  [/No space left/, 'there is no space left'],
  [/cpu|xsave/i, 'the processor is another one'],
]

/** What it also says where all went well: the kernel has no tunnels, or there was more of the same to say. */
const harmless = /rlimit|Unable to create tun|Dumping FAILED|Restoring FAILED/

/** In words if the cause is known, and CRIU's own in any case. */
export async function whyFailed(log: string, how: string): Promise<string> {
  const text = await readFile(log, 'utf8').catch(() => '')
  const errors = text
    .split('\n')
    .filter(line => line.includes('Error') && !harmless.test(line))
    .map(plain)
  for (const [pattern, words] of causes) {
    const line = errors.find(each => pattern.test(each))
    if (line !== undefined) return `${words} (${line.slice(0, 300)})`
  }
  return `CRIU could not: ${(errors[0] ?? how).slice(0, 300)}`
}

/** Without time and place in CRIU's source. */
function plain(line: string): string {
  return line
    .replace(/^\(\d+\.\d+\)\s*/, '')
    .replace(/^\s*\d*:?\s*Error \([^)]*\):\s*/, '')
    .trim()
}
