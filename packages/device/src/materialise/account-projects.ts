/**
 * The projects of the account on this device: which there are, which have a folder, and which get one by the policy.
 * Following a folder is the part of `Attachments`; what the hub says comes from the link.
 */
import type { ProjectsPolicy } from '@meshbook/core/api.ts'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { type Now, newId, type OrgId, type ProjectId, type RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DeviceProject, ProjectInfo } from '@meshbook/core/messages.ts'
import type { After } from '@meshbook/relay/timers.ts'
import type { Attachments } from '../attachments.ts'
import type { Problems } from '../problems.ts'
import type { Disk } from '../projects/disk.ts'
import type { FolderProgress } from '../projects/project-folder.ts'
import { Turns } from '../projects/turns.ts'
import type { DeviceStore } from '../store/device-store.ts'
import type { LostProject, MadeProject } from '../store/known-projects.ts'
import { placeOf } from './folder-place.ts'
import { LostFolders } from './lost-folders.ts'
import { readProjectsPolicy, writeProjectsPolicy } from './policy-file.ts'

export interface AccountProjectsPorts {
  org: OrgId
  store: DeviceStore
  disk: Disk
  now: Now
  random: RandomBytes
  after: After
  limits: Limits
  problems: Problems
  attachments: Attachments
  /** The device's own, where the policy is kept. */
  folder: string
  projectsFolder: string
  freeBytes(folder: string): Promise<number | undefined>
  /** Folders were attached or detached: the hub is to know. */
  attached(): void
  /** Something of `list` or `policy` is another. */
  changed(): void
}

/** A project as the user of this device sees it. */
export interface PlacedProject extends DeviceProject {
  folder: string | null
  /** `offered`: it can be given a folder. */
  state: 'attached' | 'offered' | 'left-out' | 'refused'
  problem?: string
  /** No hub has taken it yet. */
  made?: true
  progress?: FolderProgress
}

export class AccountProjects {
  readonly #ports: AccountProjectsPorts
  readonly #turns = new Turns()
  /** Of those who set the policy at the same time the last one holds, whole. */
  readonly #policies = new Turns()
  #known = new Map<ProjectId, DeviceProject>()
  #made: MadeProject[] = []
  #leftOut = new Set<ProjectId>()
  readonly #lost: LostFolders
  #policy: ProjectsPolicy = 'ask'
  readonly #refused = new Map<ProjectId, MeshError>()
  #again: (() => void) | undefined
  #closed = false

  constructor(ports: AccountProjectsPorts) {
    this.#ports = ports
    const isThere = async (folder: string) => (await ports.disk.look(folder)) !== undefined
    this.#lost = new LostFolders({ ...ports, isThere })
  }

  get policy(): ProjectsPolicy {
    return this.#policy
  }

  /** Before the folders are followed. */
  async load(): Promise<void> {
    const { folder, problems } = this.#ports
    await this.#read()
    await readProjectsPolicy(folder).then(
      policy => {
        this.#policy = policy
      },
      thrown => problems.report('projects policy', asMeshError(thrown)),
    )
  }

  /** Once the folders are followed. */
  start(): void {
    this.#lost.tell()
    this.look()
  }

  async #read(): Promise<void> {
    const { store, org } = this.#ports
    const known = await store.query('listKnownProjects', { org })
    this.#known = new Map(known.map(project => [project.id, project]))
    this.#made = await store.query('listMade', { org })
    this.#leftOut = new Set(await store.query('listLeftOut', { org }))
    await this.#lost.read()
  }

  mayWrite(id: ProjectId): boolean {
    return this.#known.get(id)?.access !== 'read'
  }

  /** Those of the hub's last list, and those made here. */
  all(): DeviceProject[] {
    return [...this.#known.values(), ...this.made()]
  }

  /** What no hub has taken yet. */
  made(): ProjectInfo[] {
    return this.#made.map(made => ({ ...made, owner: ownerOf(this.#known) }))
  }

  list(): PlacedProject[] {
    const { attachments } = this.#ports
    const made = new Set(this.#made.map(({ id }) => id))
    return this.all().map(project => {
      const folder = attachments.folderOf(project.id) ?? null
      const refused = this.#refused.get(project.id)
      const progress = attachments.progressOf(project.id)
      return {
        ...project,
        folder,
        state: folder !== null ? 'attached' : this.#stateOf(project.id),
        ...(folder === null && refused && { problem: refused.detail ?? refused.message }),
        ...(made.has(project.id) && { made: true as const }),
        ...(progress && { progress }),
      }
    })
  }

  #stateOf(id: ProjectId): PlacedProject['state'] {
    if (this.#refused.has(id)) return 'refused'
    return this.#leftOut.has(id) || this.#policy === 'none' ? 'left-out' : 'offered'
  }

  setPolicy(policy: ProjectsPolicy): Promise<void> {
    return this.#policies.take(async () => {
      const { folder, problems } = this.#ports
      await writeProjectsPolicy(folder, policy)
      this.#policy = policy
      problems.solve('projects policy')
      if (policy !== 'all') this.#forgetRefused()
      this.#ports.changed()
      this.look()
    })
  }

  /** What the hub named, in the place of what it named before. */
  learn(hub: string, projects: readonly DeviceProject[]): Promise<void> {
    return this.#turns.take(async () => {
      const { store, org, attachments } = this.#ports
      await store.call('saveProjects', { org, hub, projects })
      await this.#read()
      for (const project of projects) await attachments.update(project)
      await this.#letGoOfLost()
      this.#lost.tell()
      this.#ports.changed()
      this.look()
    })
  }

  /** The files stay where they are, with what was not written yet (DV106). */
  async #letGoOfLost(): Promise<void> {
    const { attachments, attached } = this.#ports
    const lost = this.#lost.ids().filter(id => attachments.folderOf(id) !== undefined)
    for (const id of lost) await attachments.detach(id)
    if (lost.length > 0) attached()
  }

  /** The user has seen that the folder is not a project's any more; undefined if it was none. */
  async sawLost(folder: string): Promise<LostProject | undefined> {
    const found = this.#lost.at(folder)
    if (found) await this.#lost.forget(found.id)
    return found
  }

  /** A project of this device's own; the one of this name if there is one (DV110). */
  async make(name: string): Promise<ProjectInfo> {
    const { store, org, now, random } = this.#ports
    const made = { id: newId('project', now(), random), name, tree: newId('document', now(), random) }
    const { id } = await store.call('makeProject', { org, made })
    await this.#read()
    this.#ports.changed()
    return this.made().find(project => project.id === id)!
  }

  /** By its name, or `<owner>/<name>`; own projects come before those of others. */
  named(text: string): DeviceProject | undefined {
    const all = this.all().sort((a, b) => Number(a.shared ?? false) - Number(b.shared ?? false))
    return all.find(({ name }) => name === text) ?? all.find(({ owner, name }) => `${owner}/${name}` === text)
  }

  /** Where its folder is to be; throws where nothing may be put. */
  async placeFor(project: ProjectInfo): Promise<string> {
    const { disk, projectsFolder, attachments } = this.#ports
    const others = attachments.list().filter(other => other.project.id !== project.id)
    const taken = others.map(({ folder }) => folder)
    return placeOf(this.#known.get(project.id) ?? project, {
      disk,
      root: projectsFolder,
      taken,
      projects: this.all(),
    })
  }

  /** Somebody asked for its folder, or wants it no more (DV105). */
  async wants(project: ProjectId, isWanted: boolean): Promise<void> {
    const { store, org, changed } = this.#ports
    await store.call('leaveOut', { org, project, isLeftOut: !isWanted })
    if (isWanted) this.#leftOut.delete(project)
    else this.#leftOut.add(project)
    this.#solve(project)
    await this.#lost.forget(project)
    changed()
  }

  /** Gives folders to those that should have one; what fails is looked at again later. */
  look(): void {
    this.#again?.()
    this.#again = undefined
    if (this.#policy !== 'all' || this.#closed) return
    this.#turns
      .take(() => this.#bringAll())
      .catch(thrown => this.#ports.problems.report('projects folder', asMeshError(thrown)))
  }

  async #bringAll(): Promise<void> {
    const { attachments, attached, changed } = this.#ports
    const without = this.all().filter(({ id }) => attachments.folderOf(id) === undefined && !this.#leftOut.has(id))
    let count = 0
    for (const project of without) {
      if (this.#closed || this.#policy !== 'all' || !(await this.#hasRoom())) break
      if (await this.#bring(project)) count++
    }
    if (count > 0) attached()
    if (count > 0 || without.length > 0) changed()
    if (count < without.length) this.#lookLater()
  }

  /** The documents come afterwards; only what must be remembered is waited for. */
  async #bring(project: DeviceProject): Promise<boolean> {
    const { attachments, problems } = this.#ports
    try {
      const { saved, started } = attachments.attach(infoOf(project), await this.placeFor(project))
      await saved
      started.catch(thrown => problems.report(attachments.folderOf(project.id) ?? project.id, asMeshError(thrown)))
      this.#solve(project.id)
      return true
    } catch (thrown) {
      const error = asMeshError(thrown)
      this.#refused.set(project.id, error)
      problems.report(refusedAbout(project.id), error)
      return false
    }
  }

  async #hasRoom(): Promise<boolean> {
    const { freeBytes, projectsFolder, limits, problems } = this.#ports
    const free = await freeBytes(projectsFolder)
    const isFull = free !== undefined && free < limits.diskReserveBytes
    const detail = `less than ${Math.round(limits.diskReserveBytes / 1024 / 1024)} MiB are free at ${projectsFolder}; projects are given folders once there is room`
    if (isFull) problems.report('projects folder', new MeshError('DISK_FULL', { detail }))
    else problems.solve('projects folder')
    return !isFull
  }

  #lookLater(): void {
    const { after, limits } = this.#ports
    if (!this.#closed) this.#again = after(limits.projectRetryMs, () => this.look())
  }

  #forgetRefused(): void {
    for (const id of [...this.#refused.keys()]) this.#solve(id)
    this.#ports.problems.solve('projects folder')
  }

  #solve(id: ProjectId): void {
    this.#refused.delete(id)
    this.#ports.problems.solve(refusedAbout(id))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#again?.()
    // What is being set asks for another look, which comes to nothing now.
    await this.#policies.settled()
    await this.#turns.settled()
  }
}

const refusedAbout = (id: ProjectId): string => `folder of ${id}`

export function infoOf({ id, name, owner, tree }: ProjectInfo): ProjectInfo {
  return { id, name, owner, tree }
}

/** Who owns what is made here: who owns what is there, and before that the one user of this machine. */
function ownerOf(known: ReadonlyMap<ProjectId, DeviceProject>): string {
  return [...known.values()].find(({ shared }) => !shared)?.owner ?? 'me'
}
