/**
 * Task workers as processes of this machine, in two bubblewrap sandboxes each (CP70–CP72): for machines without a
 * container engine. A worker is a folder with what is known of it; its first process stands outside of both sandboxes,
 * runs on when the hub ends, and is found again by its number and the moment of its start.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, chmod, lstat, mkdir, open, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { MeshError } from '@meshbook/core/errors.ts'
import { isId, type WorkerId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { compilingSandbox, runnerSandbox, type SandboxPlaces, toolsSandbox } from './bubblewrap.ts'
import { Cgroups } from './cgroups.ts'
import { HostMounts } from './host-mounts.ts'
import { canMount } from './mounting.ts'
import type { ComputeDescription, FoundWorker, TaskDriver, TaskWorkerSpec, TaskWorkspace } from './port.ts'
import { isSeccompArch, seccompFilter } from './seccomp.ts'
import { loadCommand } from './task-command.ts'
import { TaskDisks } from './task-disks.ts'
import { leaveToken } from './worker-token.ts'

export interface ProcessDriverOptions {
  hub: string
  /** For what is known of each worker, and its disk. */
  folder: string
  /** Under root: where users of sandboxes can come to what is mounted for them. */
  reachableFolder: string
  /** This program, and the Node that runs it. */
  program: { root: string; node: string }
  bubblewrap?: string
  /** The first process, which begins the other two and ends with the runner: words before, of the runner, of the tools. */
  command(spec: TaskWorkerSpec, runner: readonly string[], tools: readonly string[]): readonly string[]
  /** What the sandboxes run. */
  runner: readonly string[]
  tools: readonly string[]
}

const run = promisify(execFile)
const lookedMs = 20
const saidBytes = 2_000
const passwd = `runner:x:10001:10001::/tmp:/usr/sbin/nologin
tools:x:10002:10002::/work/home:/bin/bash
nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin
`
const group = 'runner:x:10001:\ntools:x:10002:\nnogroup:x:65534:\n'
const fix = 'Install it, such as with `apt-get install bubblewrap`; version 0.8 or later is needed.'

export class ProcessDriver implements TaskDriver {
  readonly #options: ProcessDriverOptions
  readonly #disks: TaskDisks | undefined
  readonly #mounts: HostMounts | undefined
  readonly #starting = new Map<WorkerId, Promise<void>>()
  readonly #stopping = new Map<WorkerId, Promise<{ said: string }>>()
  #isReady = false
  #swept: Promise<void> | undefined
  #compiled: Promise<void> | undefined
  #groups: Promise<Cgroups | undefined> | undefined

  constructor(options: ProcessDriverOptions) {
    this.#options = options
    this.#disks = canMount ? new TaskDisks(join(options.folder, 'disks')) : undefined
    this.#mounts = canMount ? new HostMounts(options.reachableFolder) : undefined
  }

  async describe(): Promise<ComputeDescription> {
    const { bubblewrap = 'bwrap' } = this.#options
    await this.#openFolder()
    const missing = (problem: string, instead = fix): ComputeDescription => ({
      ready: false,
      driver: 'process',
      problem,
      fix: instead,
    })
    const asked = { timeout: limits.engineAnswerMs, maxBuffer: 64 * 1024 }
    const version = await run(bubblewrap, ['--version'], asked).then(
      ({ stdout }) => /(\d+)\.(\d+)/.exec(stdout),
      () => null,
    )
    if (!version) return missing('bubblewrap is not installed.')
    if (Number(version[1]) === 0 && Number(version[2]) < 8) return missing(`bubblewrap ${version[0]} is too old.`)
    try {
      await run(
        bubblewrap,
        ['--unshare-all', '--unshare-user', '--disable-userns', '--ro-bind', '/', '/', 'true'],
        asked,
      )
    } catch (thrown) {
      const words = (thrown as { stderr?: string }).stderr?.trim().slice(0, 200) ?? ''
      return missing(`bubblewrap cannot make a sandbox here: ${words}`, 'The system must allow user namespaces.')
    }
    const weaker = await this.#weaker()
    const languages = ['python', 'bash', 'javascript', 'typescript']
    return { ready: true, driver: 'process', engine: `bubblewrap ${version[0]}`, languages, gpu: false, weaker }
  }

  start(spec: TaskWorkerSpec): Promise<void> {
    const under = this.#starting.get(spec.id)
    if (under) return under
    const started = this.#start(spec).finally(() => this.#starting.delete(spec.id))
    this.#starting.set(spec.id, started)
    return started
  }

  async room(id: WorkerId, diskBytes: number): Promise<string | null> {
    return this.#disks ? this.#disks.room(id, diskBytes) : null
  }

  async give(id: WorkerId, workspace: TaskWorkspace): Promise<boolean> {
    if (!this.#disks || workspace.from === 'nothing') return false
    await this.#disks.lay(id, workspace.folder)
    return true
  }

  /** Whoever asks meanwhile waits for the same end. */
  stop(id: WorkerId, graceMs: number): Promise<{ said: string }> {
    const under = this.#stopping.get(id)
    if (under) return under
    const stopped = this.#stop(id, graceMs).finally(() => this.#stopping.delete(id))
    this.#stopping.set(id, stopped)
    return stopped
  }

  async #stop(id: WorkerId, graceMs: number): Promise<{ said: string }> {
    await this.#openFolder()
    await this.#starting.get(id)?.catch(() => undefined)
    const folder = this.#folderOf(id)
    const first = await processOf(folder)
    if (first !== undefined) {
      signal(first, 'SIGTERM')
      for (const until = performance.now() + graceMs; performance.now() < until; await sleep(lookedMs))
        if ((await processOf(folder)) === undefined) break
      const left = await processOf(folder)
      // Its sandboxes end with it.
      if (left !== undefined) signal(left, 'SIGKILL')
    }
    await (await this.#cgroups())?.remove(id)
    for (const until = performance.now() + limits.engineAnswerMs; performance.now() < until; await sleep(lookedMs))
      if ((await processOf(folder)) === undefined) break
    const said = await readFile(join(folder, 'log'), 'utf8').catch(() => '')
    await this.#mounts?.remove(id)
    await this.#disks?.remove(id)
    await rm(folder, { recursive: true, force: true })
    return { said: said.slice(-saidBytes) }
  }

  async list(): Promise<FoundWorker[]> {
    await this.#openFolder()
    this.#swept ??= this.#mounts?.sweep()
    await this.#swept
    const names = await readdir(join(this.#options.folder, 'workers'))
    const left = [
      ...((await this.#disks?.list()) ?? []),
      ...((await this.#mounts?.list()) ?? []),
      ...((await (await this.#cgroups())?.list()) ?? []),
    ]
    const ids = [...new Set([...names, ...left])].filter(name => isId('worker', name))
    return Promise.all(
      ids.map(async id => {
        const runs = (await processOf(this.#folderOf(id))) !== undefined
        return { id, state: runs ? ('running' as const) : ('ended' as const) }
      }),
    )
  }

  async close(): Promise<void> {
    await this.#mounts?.close()
    await (await this.#groups)?.close()
  }

  async #start(spec: TaskWorkerSpec): Promise<void> {
    await this.#openFolder()
    const { id } = spec
    const folder = this.#folderOf(id)
    // One life: the folder is made once, and taken away with the worker.
    const isNew = await mkdir(folder, { mode: 0o700 }).then(
      () => true,
      (thrown: NodeJS.ErrnoException) => {
        if (thrown.code === 'EEXIST') return false
        throw new MeshError('COMPUTE_UNAVAILABLE', { detail: thrown.message, cause: thrown })
      },
    )
    if (!isNew) return
    try {
      await this.#mustBeReady()
      await this.#begin(spec, folder)
    } catch (thrown) {
      await this.#undo(id, folder)
      throw thrown instanceof MeshError
        ? thrown
        : new MeshError('COMPUTE_UNAVAILABLE', { detail: (thrown as Error).message, cause: thrown })
    }
    await this.give(id, spec.workspace)
  }

  async #begin(spec: TaskWorkerSpec, folder: string): Promise<void> {
    const { id } = spec
    const places = await this.#placesOf(spec, folder)
    const links = await systemLinks()
    const { runner, tools, command, bubblewrap } = this.#options
    const words = (sandbox: string[], inside: readonly string[]): string[] =>
      [...sandbox, ...inside].map(word => (word === 'bwrap' && bubblewrap !== undefined ? bubblewrap : word))
    const asRunner = words(runnerSandbox(places, links, canMount), runner)
    const asTools = words(toolsSandbox(places, links, canMount), tools)
    const compiling = (user: 'runner' | 'tools'): string[] =>
      words(compilingSandbox(user, places, links, canMount), loadCommand)
    await this.#compile([compiling('runner'), compiling('tools')])
    const groups = (await (await this.#cgroups())?.make(id, spec.limits)) ?? []
    const log = await open(join(folder, 'log'), 'a', 0o600)
    try {
      // It notes itself before anything else, so that it is found even if the hub ends now.
      const noted = 'cat /proc/$$/stat > "$0/first.new" && mv "$0/first.new" "$0/first" || exit 1'
      const joined = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ > "$1" || exit 1; shift; n=$((n - 1)); done'
      const child = spawn(
        '/bin/bash',
        [
          ...['-c', `${noted}; ${joined}; exec "$@"`, folder],
          ...[String(groups.length), ...groups, ...command(spec, asRunner, asTools)],
        ],
        {
          detached: true,
          cwd: '/',
          stdio: ['ignore', log.fd, log.fd],
          env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' },
        },
      )
      await once(child, 'spawn')
      child.unref()
    } finally {
      await log.close()
    }
    const file = join(folder, 'first')
    for (const until = performance.now() + limits.engineAnswerMs; performance.now() < until; await sleep(lookedMs / 4))
      if (await isThere(file)) return
    throw new MeshError('COMPUTE_UNAVAILABLE', { detail: 'the first process of the worker did not begin' })
  }

  async #placesOf(spec: TaskWorkerSpec, folder: string): Promise<SandboxPlaces> {
    const { program } = this.#options
    await leaveToken(spec)
    const filter = join(folder, 'filter')
    const isFiltered = isSeccompArch(process.arch)
    if (isSeccompArch(process.arch)) await writeFile(filter, seccompFilter(process.arch))
    const [runner, tools] = ['runner', 'tools'].map(name => join(spec.socketFolder, name)) as [string, string]
    const compiled = join(this.#options.folder, 'compiled')
    await mkdir(compiled, { recursive: true })
    // Node keeps what it compiled for each user by itself.
    await chmod(compiled, 0o1777)
    const own = { filter: isFiltered ? filter : undefined }
    if (this.#disks && this.#mounts) {
      const work = await this.#disks.make(spec.id, spec.limits.diskBytes)
      const wanted = { program: program.root, runner, tools, work, compiled }
      const at = await this.#mounts.make(spec.id, wanted, { passwd, group })
      return {
        ...own,
        program: at('program'),
        node: nodeIn(at('program'), program),
        runnerSockets: at('runner'),
        toolsSockets: at('tools'),
        work: at('work'),
        compiled: at('compiled'),
        passwd: at('passwd'),
        group: at('group'),
      }
    }
    const work = join(folder, 'work')
    for (const name of ['repo', 'home', 'tmp']) await mkdir(join(work, name), { recursive: true })
    await writeFile(join(folder, 'passwd'), passwd)
    await writeFile(join(folder, 'group'), group)
    return {
      ...own,
      program: program.root,
      node: program.node,
      runnerSockets: runner,
      toolsSockets: tools,
      work,
      compiled,
      passwd: join(folder, 'passwd'),
      group: join(folder, 'group'),
    }
  }

  /** Without it each worker would compile the program anew, which takes longer than all else of its start. */
  async #compile(commands: readonly string[][]): Promise<void> {
    this.#compiled ??= Promise.all(
      commands.map(([name, ...args]) => run(name!, args, { timeout: limits.taskStartMs })),
    ).then(
      () => undefined,
      (cause: unknown) => {
        this.#compiled = undefined
        throw new MeshError('COMPUTE_UNAVAILABLE', {
          detail: `the program cannot be run in a sandbox: ${lastOf(cause)}`,
          cause,
        })
      },
    )
    await this.#compiled
  }

  async #undo(id: WorkerId, folder: string): Promise<void> {
    await (await this.#cgroups())?.remove(id)
    await this.#mounts?.remove(id)
    await this.#disks?.remove(id)
    await rm(folder, { recursive: true, force: true })
  }

  async #mustBeReady(): Promise<void> {
    if (this.#isReady) return
    const found = await this.describe()
    if (!found.ready) throw new MeshError('COMPUTE_UNAVAILABLE', { detail: found.problem })
    this.#isReady = true
  }

  async #weaker(): Promise<string[]> {
    const found = ['It shares the kernel and the programs of this machine.']
    if (!(await this.#cgroups()))
      found.push('Memory and processors are not limited: control groups cannot be made here.')
    if (!this.#disks)
      found.push('Disk is not limited, and prepared checkouts are not used: the hub does not run as root.')
    if (!canMount) found.push('Runner and tools are one user of the machine, kept apart by namespaces alone.')
    if (!isSeccompArch(process.arch)) found.push('System calls are not filtered on this processor.')
    return found
  }

  #cgroups(): Promise<Cgroups | undefined> {
    this.#groups ??= Cgroups.open(`meshbook-${this.#options.hub}`)
    return this.#groups
  }

  #folderOf(id: WorkerId): string {
    return join(this.#options.folder, 'workers', id)
  }

  async #openFolder(): Promise<void> {
    const { folder } = this.#options
    try {
      await mkdir(join(folder, 'workers'), { recursive: true, mode: 0o700 })
      await chmod(folder, 0o700)
    } catch (cause) {
      throw new MeshError('COMPUTE_UNAVAILABLE', { detail: `${folder} cannot be used`, cause })
    }
  }
}

const lastOf = (thrown: unknown): string =>
  ((thrown as { stderr?: string }).stderr ?? '').trim().split('\n').at(-1)?.slice(0, 300) ?? ''

/** Node is below the program where npm put it there; elsewhere it is a file of the system. */
function nodeIn(mounted: string, { root, node }: ProcessDriverOptions['program']): string {
  return node.startsWith(`${root}/`) ? join(mounted, node.slice(root.length)) : node
}

/** Of /proc/PID/stat: which process this number meant, for ever. */
const startOf = (stat: string): string => stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''

/** The number of a worker's first process, while that runs. */
async function processOf(folder: string): Promise<number | undefined> {
  const noted = await readFile(join(folder, 'first'), 'utf8').catch(() => '')
  const pid = Number.parseInt(noted, 10)
  if (!(pid > 1)) return undefined
  const now = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const isEnded = /^\d+ \(.*\) [ZX]/s.test(now)
  return now !== '' && !isEnded && startOf(now) === startOf(noted) ? pid : undefined
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown
  }
}

async function systemLinks(): Promise<Map<string, string>> {
  const links = new Map<string, string>()
  for (const name of ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'])
    if (
      await lstat(`/${name}`).then(
        found => found.isSymbolicLink(),
        () => false,
      )
    )
      links.set(name, await readlink(`/${name}`))
  return links
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
