/**
 * The environments of the projects on this device: what each has, and their making, asked for by a person or by the
 * device's policy. It must not know who asks or who is told.
 */
import type { LockedLanguage } from '@meshbook/core/environments.ts'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { ProjectId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { ProjectEnvironment } from '@meshbook/core/messages.ts'
import { which } from '../kernels/languages.ts'
import { type FoundLock, isMade, locksOf } from './lock-file.ts'
import { makeEnvironment, type Progress } from './make-environment.ts'
import { hasOwn } from './own-environment.ts'
import { recipeFor } from './recipe.ts'

export interface EnvironmentsPorts {
  /** Attached projects and their folders. */
  folders(): { project: ProjectId; folder: string }[]
  isAutomatic(): boolean
  env: NodeJS.ProcessEnv
  limits: Limits
  changed(): void
}

export interface EnvironmentOrder {
  project: ProjectId
  language: LockedLanguage
  action: 'make' | 'stop'
}

type Making = { progress: Progress; aborting: AbortController; done: Promise<void> }
type Told = Omit<ProjectEnvironment, 'project' | 'language' | 'file'>

export class Environments {
  readonly #ports: EnvironmentsPorts
  #all: ProjectEnvironment[] = []
  /** By the folder of the environment. */
  readonly #making = new Map<string, Making>()
  readonly #failed = new Map<string, MeshError>()
  #looking: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #soon: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(ports: EnvironmentsPorts) {
    this.#ports = ports
  }

  start(): void {
    const look = () => void this.look()
    this.#timer = setInterval(look, this.#ports.limits.environmentLookMs)
    look()
  }

  list(): readonly ProjectEnvironment[] {
    return this.#all
  }

  /** Reads the folders again; calls that come meanwhile share the reading. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  /**
   * Begins to make what is missing and returns; `list()` tells how it goes. Making what is there or under way changes
   * nothing. Throws ENVIRONMENT_UNKNOWN if no lock file asks for it.
   */
  async make(project: ProjectId, language: LockedLanguage): Promise<void> {
    const folder = this.#ports.folders().find(known => known.project === project)?.folder
    const lock = folder === undefined ? undefined : (await locksOf(folder)).find(found => found.language === language)
    if (folder === undefined || !lock) throw new MeshError('ENVIRONMENT_UNKNOWN', { detail: language })
    const isThere = (await hasOwn(folder, language, this.#ports.env)) || (await isMade(lock.folder))
    if (!isThere) this.#begin(folder, lock)
    await this.look()
  }

  async asked({ project, language, action }: EnvironmentOrder): Promise<void> {
    if (action === 'stop') this.stop(project, language)
    else await this.make(project, language)
  }

  /** What is being made is stopped and removed. */
  stop(project: ProjectId, language: LockedLanguage): void {
    const folder = this.#ports.folders().find(known => known.project === project)?.folder
    for (const [path, { aborting }] of this.#making)
      if (folder !== undefined && path.startsWith(`${folder}/`) && path.includes(`/${language}-`))
        aborting.abort(new MeshError('INTERRUPTED'))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    clearTimeout(this.#soon)
    for (const { aborting } of this.#making.values()) aborting.abort(new MeshError('SHUTTING_DOWN'))
    await Promise.all([...this.#making.values()].map(({ done }) => done))
    await this.#looking
  }

  /** A tool may tell a thousand lines a second. */
  #lookSoon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined
      void this.look()
    }, this.#ports.limits.problemsMs)
  }

  async #look(): Promise<void> {
    const found = await Promise.all(this.#ports.folders().map(({ project, folder }) => this.#of(project, folder)))
    if (this.#isClosed) return
    this.#show(found.flat())
  }

  #show(all: ProjectEnvironment[]): void {
    const isNew = JSON.stringify(all) !== JSON.stringify(this.#all)
    this.#all = all
    if (isNew) this.#ports.changed()
  }

  async #of(project: ProjectId, folder: string): Promise<ProjectEnvironment[]> {
    const locks = await locksOf(folder)
    const told = await Promise.all(locks.map(lock => this.#stateOf(folder, lock)))
    return locks.map(({ file, language }, index) => ({ project, language, file, ...told[index]! }))
  }

  async #stateOf(projectFolder: string, lock: FoundLock): Promise<Told> {
    const making = this.#making.get(lock.folder)
    if (making) return { state: 'making', ...making.progress }
    if (await hasOwn(projectFolder, lock.language, this.#ports.env)) return { state: 'own' }
    if (await isMade(lock.folder)) return { state: 'ready' }
    const error = this.#failed.get(lock.folder)
    if (error) return { state: 'failed', problem: this.#inWords(error) }
    if (!this.#ports.isAutomatic() || this.#isClosed) return { state: 'missing' }
    this.#begin(projectFolder, lock)
    return { state: 'making', ...this.#making.get(lock.folder)!.progress }
  }

  #inWords({ message, entry }: MeshError): { text: string; next: string } {
    const most = this.#ports.limits.problemTextChars
    return { text: message.slice(0, most), next: entry.hint.slice(0, most) }
  }

  #begin(projectFolder: string, lock: FoundLock): void {
    if (this.#isClosed || this.#making.has(lock.folder)) return
    this.#failed.delete(lock.folder)
    const aborting = new AbortController()
    const making: Making = { progress: { step: 'Beginning' }, aborting, done: Promise.resolve() }
    this.#making.set(lock.folder, making)
    making.done = this.#make(projectFolder, lock, making)
      .catch(thrown => {
        if (!aborting.signal.aborted) this.#failed.set(lock.folder, asMeshError(thrown))
      })
      .then(() => {
        this.#making.delete(lock.folder)
        if (!this.#isClosed) return this.#look()
      })
  }

  async #make(projectFolder: string, lock: FoundLock, making: Making): Promise<void> {
    const { env, limits } = this.#ports
    const steps = await recipeFor(lock, name => which(name, env))
    await makeEnvironment({
      lock,
      steps,
      projectFolder,
      env,
      limits,
      signal: making.aborting.signal,
      progress: now => {
        making.progress = now
        this.#lookSoon()
      },
    })
  }
}
