/**
 * The sessions of this machine: finds, starts and ends their kernel hosts. What a session does is its own business;
 * which session a run belongs to, the caller's.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { KernelPolicy } from '@meshbook/core/device-policy.ts'
import { asMeshError, isErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { isId, type SessionId } from '@meshbook/core/ids.ts'
import type { Runtime } from '@meshbook/core/messages.ts'
import * as v from 'valibot'
import { readJson, writeJson } from './files.ts'
import { HostLink } from './host-link.ts'
import { type HostAddress, type HostState, hostAddressSchema, hostFileSchema } from './host-protocol.ts'
import { readIdleNote } from './idle-note.ts'
import { chooseKernel, type KernelWish } from './kernel-choice.ts'
import { writePolicy } from './kernel-policy.ts'
import { kindOf, type SearchPlaces } from './languages.ts'
import { kernelEnvironment } from './launch.ts'
import { endKernels } from './live-kernel.ts'
import type {
  KernelSession,
  KernelSessions,
  KernelSessionsOptions,
  RecoveredSession,
  SavedStart,
  SessionSpec,
} from './port.ts'
import { isAlive } from './process-identity.ts'
import { hostMarkName, killHosts, killTree, markedBelow, markName, markOf, placeOf } from './process-tree.ts'
import { RuntimeFinder } from './runtime-finder.ts'
import { HostedSession } from './session.ts'

const entry = fileURLToPath(new URL('./kernel-host.ts', import.meta.url))

export function createKernelSessions(options: KernelSessionsOptions): KernelSessions {
  return new Sessions(options)
}

class Sessions implements KernelSessions {
  #options: KernelSessionsOptions
  #env: NodeJS.ProcessEnv
  #nodePath: string
  #runtimes: RuntimeFinder
  #sessions = new Map<SessionId, HostedSession>()
  #starting = new Map<SessionId, Promise<unknown>>()
  #listeners: ((session: SessionId, reason: string) => void)[] = []
  #policy: { text: string; written: Promise<void> } | undefined
  #closed = false

  constructor(options: KernelSessionsOptions) {
    this.#options = options
    this.#env = kernelEnvironment(options.env ?? process.env, '')
    this.#nodePath = options.nodePath ?? process.execPath
    this.#runtimes = new RuntimeFinder({
      places: this.#places(undefined),
      urls: options.runtimeUrls ?? {},
      now: options.now,
      keptMs: options.limits.runtimesKeptMs,
    })
  }

  runtimes(): Promise<Runtime[]> {
    return this.#runtimes.find()
  }

  #places(projectFolder: string | undefined): SearchPlaces {
    return { projectFolder, env: this.#env, nodePath: this.#nodePath }
  }

  /** Where the user has said that the language runs. */
  #urlOf(language: string): string | undefined {
    return this.#runtimes.urlOf(language)
  }

  async missing(language: string): Promise<string | undefined> {
    return this.#missing({ language, kernelspec: undefined }, undefined)
  }

  async #missing(wish: KernelWish, projectFolder: string | undefined): Promise<string | undefined> {
    try {
      await chooseKernel(wish, this.#places(projectFolder))
      return undefined
    } catch (thrown) {
      return asMeshError(thrown).detail
    }
  }

  onDown(listener: (session: SessionId, reason: string) => void): void {
    this.#listeners.push(listener)
  }

  /** One after the other for each session: of two calls at the same time one starts it, the other finds it. */
  start(spec: SessionSpec, saved?: SavedStart): Promise<KernelSession> {
    const before = this.#starting.get(spec.session) ?? Promise.resolve()
    // Who made it hears of its failure here only if the session comes so far as to want it.
    Promise.resolve(saved?.from).catch(() => undefined)
    const done = before.then(() => this.#start(spec, saved))
    const settled = done.then(
      () => undefined,
      () => undefined,
    )
    this.#starting.set(spec.session, settled)
    return done
  }

  async #start(spec: SessionSpec, saved: SavedStart | undefined): Promise<KernelSession> {
    if (this.#closed) throw new MeshError('SHUTTING_DOWN')
    if (!this.#urlOf(spec.language)) await this.#check(spec)
    const known = this.#sessions.get(spec.session)
    if (
      !known &&
      [...this.#sessions.values()].filter(({ isLive }) => isLive).length >= this.#options.limits.sessionsPerDevice
    )
      throw new MeshError('TOO_MANY', { detail: 'sessions are live on this device' })
    const session = known ?? this.#add(spec)
    try {
      await (saved ? session.startSaved(spec, saved) : session.start(spec))
    } catch (error) {
      if (!known) await this.#discard(session)
      throw error
    }
    return session
  }

  /** A language that is nobody's is refused before anything is made for it; of the others, the host tells. */
  async #check(spec: SessionSpec): Promise<void> {
    const { language, kernelspec, projectFolder } = spec
    const why = kindOf(language) ? undefined : await this.#missing({ language, kernelspec }, projectFolder)
    if (why !== undefined) throw new MeshError('KERNEL_MISSING', { detail: why })
  }

  /** A session that could not be started leaves nothing behind, unless its journal still has runs. */
  async #discard(session: HostedSession): Promise<void> {
    this.#sessions.delete(session.spec.session)
    await this.#stop(session)
  }

  #folderOf(session: SessionId): string {
    return join(this.#options.folder, session)
  }

  #add(spec: SessionSpec): HostedSession {
    const folder = this.#folderOf(spec.session)
    const session: HostedSession = new HostedSession(spec, {
      folder,
      save: changed => this.#save(changed),
      newName: () => Buffer.from(this.#options.random(12)).toString('hex'),
      open: (current, onDown) => this.#open(current, onDown),
      onDown: reason => {
        session.noteDown()
        this.#down(spec.session, reason)
      },
    })
    this.#sessions.set(spec.session, session)
    return session
  }

  #down(session: SessionId, reason: string): void {
    for (const listener of this.#listeners) listener(session, reason)
  }

  async #save(spec: SessionSpec): Promise<void> {
    const folder = this.#folderOf(spec.session)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const url = this.#urlOf(spec.language)
    await writeJson(join(folder, 'spec.json'), {
      spec,
      nodePath: this.#nodePath,
      limits: this.#options.limits,
      ...(url === undefined ? {} : { runtimeUrl: url }),
    })
  }

  async #open(spec: SessionSpec, onDown: (reason: string) => void): Promise<{ link: HostLink; state: HostState }> {
    const folder = this.#folderOf(spec.session)
    const handlers = { onDown }
    const running = await hostOf(folder)
    if (running) {
      try {
        return await HostLink.open(running, this.#options.limits, handlers)
      } catch {
        // Alive, but deaf: two hosts must never serve one journal.
        await endHost(running)
      }
    }
    // One that was being started when a daemon was killed has no address yet.
    await killHosts(markOf(folder))
    await this.#spawnHost(folder)
    const address = await hostOf(folder)
    if (!address) throw new MeshError('KERNEL_START', { detail: 'the kernel host ended at once' })
    return HostLink.open(address, this.#options.limits, handlers)
  }

  async #spawnHost(folder: string): Promise<void> {
    const { [markName]: _mark, ...env } = this.#env
    const host = spawn(this.#nodePath, [entry, folder], {
      cwd: folder,
      env: { ...env, [hostMarkName]: markOf(folder) },
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    try {
      const line = await firstLine(host, this.#options.limits.kernelStartMs)
      const { ready, code, detail } = v.parse(readySchema, JSON.parse(line || '{"ready":false}'))
      if (!ready)
        throw new MeshError(isErrorCode(code) ? code : 'KERNEL_START', {
          detail: `the kernel host: ${detail ?? 'it ended at once'}`,
        })
    } catch (error) {
      host.kill('SIGKILL')
      throw error instanceof MeshError
        ? error
        : new MeshError('KERNEL_START', { detail: `the kernel host: ${(error as Error).message}`, cause: error })
    } finally {
      host.stdout?.destroy()
      host.unref()
    }
  }

  async recover(): Promise<RecoveredSession[]> {
    await mkdir(this.#options.folder, { recursive: true, mode: 0o700 })
    const names = (await readdir(this.#options.folder)).filter(name => isId('session', name))
    await this.#endStrays(new Set(names))
    const found = await Promise.all(names.map(name => this.#recover(name as SessionId)))
    return found.filter(session => session !== undefined)
  }

  /** What runs for a session whose folder is gone can never be reached again (I9). */
  async #endStrays(known: ReadonlySet<string>): Promise<void> {
    const place = placeOf(this.#options.folder)
    for (const name of await markedBelow(this.#options.folder)) {
      if (known.has(name) || this.#sessions.has(name as SessionId)) continue
      await killHosts(`${name}${place}`)
      await killTree(`${name}${place}`, undefined)
    }
  }

  async #recover(id: SessionId): Promise<RecoveredSession | undefined> {
    const folder = this.#folderOf(id)
    const file = v.safeParse(hostFileSchema, await readJson(join(folder, 'spec.json')))
    if (!file.success) {
      await rm(folder, { recursive: true, force: true })
      return undefined
    }
    if (await this.#isResting(folder)) return undefined
    const session = this.#sessions.get(id) ?? this.#add(file.output.spec)
    try {
      await session.open()
    } catch (thrown) {
      // One broken session must not keep the others from coming back; its journal stays for the next start.
      this.#down(id, asMeshError(thrown).message)
      await this.#discard(session)
      return undefined
    }
    const { alive, runs } = session.state!
    if (alive || runs.length > 0) return { session, runs, alive }
    await this.#discard(session)
    return undefined
  }

  /** Its idle end is still to be told to who comes back, and there is nothing else. */
  async #isResting(folder: string): Promise<boolean> {
    const note = await readIdleNote(folder)
    const runs = await readdir(join(folder, 'runs')).catch(() => [])
    if (!note || runs.some(name => name.endsWith('.run')) || (await hostOf(folder))) return false
    return this.#options.now() - note.at < this.#options.limits.idleNoticeMs
  }

  setPolicy(policy: KernelPolicy): Promise<void> {
    const text = JSON.stringify(policy)
    if (this.#policy?.text === text) return this.#policy.written
    const written = (this.#policy?.written ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => mkdir(this.#options.folder, { recursive: true, mode: 0o700 }))
      .then(() => writePolicy(this.#options.folder, policy))
    // One that the disk refused is written the next time it is told.
    written.catch(() => (this.#policy = undefined))
    this.#policy = { text, written }
    return written
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#starting.values())
    for (const session of this.#sessions.values()) session.close()
  }

  async stopAll(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#starting.values())
    const names = await readdir(this.#options.folder).catch(() => [])
    await Promise.all(names.filter(name => isId('session', name)).map(name => this.#stopFolder(name as SessionId)))
    for (const session of this.#sessions.values()) session.close()
  }

  async #stopFolder(id: SessionId): Promise<void> {
    const session = this.#sessions.get(id)
    if (session) await this.#stop(session)
    else await endEverything(this.#folderOf(id))
  }

  /** Politely through its host; then whatever is left of it. */
  async #stop(session: HostedSession): Promise<void> {
    const folder = this.#folderOf(session.spec.session)
    if (await hostOf(folder)) await session.shutdown().catch(thrown => asMeshError(thrown))
    session.close()
    await endEverything(folder)
  }
}

const readySchema = v.object({ ready: v.boolean(), code: v.optional(v.string()), detail: v.optional(v.string()) })

/** What the host says when it is up, which is its first line; empty if it has ended without one. */
async function firstLine(host: ChildProcess, ms: number): Promise<string> {
  let text = ''
  host.stdout!.setEncoding('utf8').on('data', chunk => (text += chunk))
  const line = new Promise<void>(resolve => host.stdout!.on('data', () => text.includes('\n') && resolve()))
  const signal = AbortSignal.timeout(ms)
  await Promise.race([line, once(host, 'exit', { signal }), once(host.stdout!, 'end', { signal })])
  return text.split('\n')[0]!
}

/** The living host of a folder. */
async function hostOf(folder: string): Promise<HostAddress | undefined> {
  const parsed = v.safeParse(hostAddressSchema, await readJson(join(folder, 'host.json')))
  return parsed.success && (await isAlive(parsed.output)) ? parsed.output : undefined
}

const endWaitMs = 5
const endTries = 400

async function endHost(host: HostAddress): Promise<void> {
  for (let attempt = 0; attempt < endTries && (await isAlive(host)); attempt++) {
    if (attempt % 40 === 0) kill(host.pid)
    await new Promise(resolve => setTimeout(resolve, endWaitMs))
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Nothing of the session runs afterwards (I9). The journal stays until its runs are forgotten. */
async function endEverything(folder: string): Promise<void> {
  const host = await hostOf(folder)
  if (host) await endHost(host)
  await killHosts(markOf(folder))
  await endKernels({ folder, mark: markOf(folder) })
  await rm(join(folder, 'host.json'), { force: true })
  const runs = (await readdir(join(folder, 'runs')).catch(() => [])).filter(name => name.endsWith('.run'))
  if (runs.length === 0) await rm(folder, { recursive: true, force: true })
}
