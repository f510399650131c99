/** A workspace on this machine, under one folder (AL45). What runs here has the rights of this process. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, type Stats } from 'node:fs'
import { mkdir, open, opendir, readlink, realpath, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import type { Readable } from 'node:stream'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type {
  CommandEnd,
  CommandOutput,
  RunningCommand,
  Workspace,
  WorkspaceCommand,
  WorkspaceEntry,
} from './workspace.ts'

export interface LocalWorkspaceOptions {
  root: string
  /** All that commands have. */
  env: Readonly<Record<string, string>>
  /** Random letters for names of temporary files. */
  newName: () => string
}

export class LocalWorkspace implements Workspace {
  readonly root: string
  readonly #env: Readonly<Record<string, string>>
  readonly #newName: () => string

  /** The folder must be there; links that lead to it are followed once, here. */
  static async at(options: LocalWorkspaceOptions): Promise<LocalWorkspace> {
    return new LocalWorkspace({ ...options, root: await realpath(options.root) })
  }

  private constructor({ root, env, newName }: LocalWorkspaceOptions) {
    this.root = root
    this.#env = env
    this.#newName = newName
  }

  async read(path: string): Promise<Uint8Array> {
    const place = await this.#place(path)
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    const file = await open(place, flags).catch(error => {
      throw asRefusal(error, path)
    })
    try {
      mustBeRegular(await file.stat(), path)
      const bytes = Buffer.alloc(limits.agentFileBytes + 1)
      let length = 0
      for (;;) {
        const { bytesRead } = await file.read(bytes, length, bytes.length - length)
        length += bytesRead
        if (length > limits.agentFileBytes)
          throw new MeshError('TOO_LARGE', { detail: `${path} is larger than ${limits.agentFileBytes} bytes` })
        if (bytesRead === 0) return Uint8Array.from(bytes.subarray(0, length))
      }
    } finally {
      await file.close()
    }
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    const place = await this.#place(path)
    if (place === this.root) throw new MeshError('BAD_REQUEST', { detail: `${path} is a folder` })
    try {
      await mkdir(dirname(place), { recursive: true })
      const mode = await this.#modeOf(place, path)
      const aside = join(dirname(place), `.${basename(place).slice(0, 100)}.${this.#newName()}`)
      const file = await open(aside, 'wx', mode)
      try {
        await file.chmod(mode)
        await file.writeFile(bytes)
      } finally {
        await file.close()
      }
      await rename(aside, place).catch(async error => {
        await rm(aside, { force: true })
        throw error
      })
    } catch (error) {
      throw asRefusal(error, path)
    }
  }

  async list(
    path: string,
    { depth, most }: { depth: number; most: number },
  ): Promise<{ entries: WorkspaceEntry[]; isCut: boolean }> {
    const place = await this.#place(path)
    const entries: WorkspaceEntry[] = []
    const isCut = await this.#walk(place, '', depth, most, entries).catch(error => {
      throw asRefusal(error, path)
    })
    return { entries, isCut }
  }

  async start({ argv, cwd = '.', env = {} }: WorkspaceCommand, signal: AbortSignal): Promise<RunningCommand> {
    const folder = await this.#place(cwd)
    signal.throwIfAborted()
    const [program = '', ...args] = argv
    const child = spawn(program, args, {
      cwd: folder,
      env: { ...this.#env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    })
    child.stdin.on('error', () => child.stdin.destroy())
    try {
      await once(child, 'spawn')
    } catch (error) {
      throw asRefusal(error, program)
    }
    return new LocalCommand(child, signal)
  }

  async #walk(
    folder: string,
    prefix: string,
    depth: number,
    most: number,
    entries: WorkspaceEntry[],
  ): Promise<boolean> {
    const found = []
    for await (const entry of await opendir(folder)) found.push(entry)
    for (const entry of found.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entries.length >= most) return true
      const path = prefix + entry.name
      const kind = entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? 'link' : 'other'
      entries.push({ path, kind, bytes: kind === 'file' ? await sizeOf(join(folder, entry.name)) : 0 })
      if (kind !== 'folder' || depth <= 1 || entry.name === '.git') continue
      if (await this.#walk(join(folder, entry.name), `${path}/`, depth - 1, most, entries)) return true
    }
    return false
  }

  /** The permissions of the file that is there, so that a script stays one. */
  async #modeOf(place: string, path: string): Promise<number> {
    const file = await open(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(error => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    })
    if (!file) return 0o644
    try {
      const stats = await file.stat()
      mustBeRegular(stats, path)
      return stats.mode & 0o777
    } finally {
      await file.close()
    }
  }

  /** The real place of a path. Links are followed as long as they stay inside; what is not there yet is taken as it is. */
  async #place(path: string): Promise<string> {
    if (path.includes('\0')) throw new MeshError('BAD_REQUEST', { detail: 'a path has no NUL in it' })
    let place = resolve(this.root, path)
    let missing = ''
    for (let hops = 0; hops < 40; hops++) {
      this.#mustBeInside(place, path)
      try {
        const real = await realpath(place)
        this.#mustBeInside(real, path)
        return join(real, missing)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw asRefusal(error, path)
      }
      const target = await linkTarget(place)
      if (target === undefined) {
        missing = join(basename(place), missing)
        place = dirname(place)
      } else place = resolve(dirname(place), target)
    }
    throw new MeshError('FORBIDDEN', { detail: `${path} leads round in a circle` })
  }

  #mustBeInside(place: string, path: string): void {
    const way = relative(this.root, place)
    if (way === '..' || way.startsWith(`..${sep}`) || resolve(this.root, way) !== place)
      throw new MeshError('FORBIDDEN', { detail: `${path} leads out of the workspace` })
  }
}

/** Of a link that leads to nothing; undefined where there is none. */
async function linkTarget(place: string): Promise<string | undefined> {
  try {
    return await readlink(place)
  } catch {
    return undefined
  }
}

async function sizeOf(place: string): Promise<number> {
  const file = await open(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  )
  if (!file) return 0
  try {
    return (await file.stat()).size
  } finally {
    await file.close()
  }
}

function mustBeRegular(stats: Stats, path: string): void {
  if (!stats.isFile()) throw new MeshError('BAD_REQUEST', { detail: `${path} is no regular file` })
}

const refusals: Readonly<Record<string, 'NOT_FOUND' | 'FORBIDDEN' | 'BAD_REQUEST' | 'DISK_FULL'>> = {
  ENOENT: 'NOT_FOUND',
  EACCES: 'FORBIDDEN',
  EPERM: 'FORBIDDEN',
  ELOOP: 'FORBIDDEN',
  ENXIO: 'BAD_REQUEST',
  ENOTDIR: 'BAD_REQUEST',
  EISDIR: 'BAD_REQUEST',
  ENAMETOOLONG: 'BAD_REQUEST',
  ENOSPC: 'DISK_FULL',
}

function asRefusal(error: unknown, path: string): MeshError {
  if (error instanceof MeshError) return error
  const known = (error as NodeJS.ErrnoException).code ?? ''
  const code = Object.hasOwn(refusals, known) ? refusals[known]! : 'INTERNAL'
  return new MeshError(code, { detail: `${path} (${known})`, cause: error })
}

class LocalCommand implements RunningCommand {
  readonly output: AsyncIterable<CommandOutput>
  readonly ended: Promise<CommandEnd>
  readonly #child: ChildProcessWithoutNullStreams
  #force: NodeJS.Timeout | undefined

  constructor(child: ChildProcessWithoutNullStreams, signal: AbortSignal) {
    this.#child = child
    this.output = merged(this.#child.stdout, this.#child.stderr)
    const kill = () => this.kill()
    signal.addEventListener('abort', kill, { once: true })
    if (signal.aborted) kill()
    this.ended = new Promise(resolve => {
      child.once('exit', (code, signalName) => {
        // Whoever of the group is still there would keep the pipes open, and go on.
        this.#signal('SIGKILL')
        clearTimeout(this.#force)
        signal.removeEventListener('abort', kill)
        // One that left the group may hold them still; nobody waits for it.
        const letGo = setTimeout(() => this.#letGo(), limits.toolKillMs)
        child.once('close', () => clearTimeout(letGo))
        resolve({ code, signal: signalName })
      })
    })
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#child.stdin.write(bytes)) await Promise.race([once(this.#child.stdin, 'drain'), this.ended])
  }

  closeInput(): void {
    this.#child.stdin.end()
  }

  kill(): void {
    this.#signal('SIGTERM')
    this.#force ??= setTimeout(() => this.#signal('SIGKILL'), limits.toolKillMs)
  }

  #letGo(): void {
    this.#child.stdout.destroy()
    this.#child.stderr.destroy()
  }

  #signal(name: NodeJS.Signals): void {
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      process.kill(-pid, name)
    } catch (error) {
      // Nobody of the group is left.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** What comes on both, as it comes; each waits while nobody reads. */
async function* merged(stdout: Readable, stderr: Readable): AsyncGenerator<CommandOutput, void, void> {
  const streams = { stdout: stdout[Symbol.asyncIterator](), stderr: stderr[Symbol.asyncIterator]() }
  const next = async (stream: 'stdout' | 'stderr') => ({ stream, result: await nextOf(streams[stream]) })
  const waiting = new Map([...(['stdout', 'stderr'] as const)].map(stream => [stream, next(stream)]))
  while (waiting.size > 0) {
    const { stream, result } = await Promise.race(waiting.values())
    if (result.done) waiting.delete(stream)
    else {
      waiting.set(stream, next(stream))
      yield { stream, bytes: result.value as Uint8Array }
    }
  }
}

/** A stream that was let go of has ended. */
async function nextOf(stream: AsyncIterator<unknown>): Promise<IteratorResult<unknown>> {
  try {
    return await stream.next()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
    return { done: true, value: undefined }
  }
}
