/** The device's own web app with all that it shows: made with the device, serving once it is asked to. */
import { hostname } from 'node:os'
import type { HubEvent, Me, Project, Run } from '@meshbook/core/api.ts'
import { policyOf } from '@meshbook/core/device-policy.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { AssetId, Now, OrgId, ProjectId, RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DeviceInfo, Runtime, SessionInfo } from '@meshbook/core/messages.ts'
import type { Relay } from '@meshbook/relay/relay.ts'
import type { Device, DeviceLog } from '../device-options.ts'
import type { Documents } from '../documents.ts'
import type { Environments } from '../environments/environments.ts'
import { machine } from '../link/machine-facts.ts'
import { type AccountProjects, infoOf } from '../materialise/account-projects.ts'
import type { DeviceStore } from '../store/device-store.ts'
import { Doorkeeper } from './doorkeeper.ts'
import type { HubCalls } from './hub-calls.ts'
import { LocalProjects } from './local-projects.ts'
import { type Loopback, type LoopbackOptions, startLoopback } from './loopback.ts'
import type { FoldersHere } from './routes.ts'
import type { LocalDesk } from './run-routes.ts'

export interface OwnWebAppPorts {
  device: Pick<Device, 'id' | 'name' | 'linked' | 'attachments' | 'attach' | 'detach' | 'snapshotsHere'>
  kind: DeviceInfo['kind']
  projects: AccountProjects
  /** Where its hub is, if it has one. */
  hubUrl: string | undefined
  hubCalls: HubCalls
  local: LocalDesk
  org: OrgId
  relay: Relay
  store: DeviceStore
  documents: Documents
  limits: Limits
  now: Now
  random: RandomBytes
  log: DeviceLog
  runtimes(): Promise<Runtime[]>
  environments: Pick<Environments, 'list' | 'asked'>
  asset(id: AssetId): Promise<Uint8Array>
  keepAsset(id: AssetId, bytes: Uint8Array, project: ProjectId): Promise<boolean>
  health(): { ok: boolean; detail: string }
}

export class OwnWebApp {
  readonly #ports: OwnWebAppPorts
  readonly #projects: LocalProjects
  readonly #listeners = new Set<(event: HubEvent) => void>()
  #runtimes: Runtime[] = []
  /** As the hub told them last. */
  #devices: readonly DeviceInfo[]
  #sessions: readonly SessionInfo[]
  #loopback: Loopback | undefined

  constructor(ports: OwnWebAppPorts) {
    this.#ports = ports
    const { device } = ports
    this.#devices = []
    this.#sessions = []
    this.#projects = new LocalProjects({
      ...ports,
      hasHub: ports.hubUrl !== undefined,
      linked: () => device.linked,
      changed: project => {
        this.#tell({ type: 'documents', project })
        this.#tell({ type: 'files', project })
      },
    })
  }

  async serve(options: LoopbackOptions): Promise<Loopback> {
    const { device, org, asset, keepAsset, relay, limits, now, log, health, hubCalls, local } = this.#ports
    this.#runtimes = await this.#ports.runtimes()
    await this.#show()
    this.#loopback = await startLoopback(options, {
      doorkeeper: new Doorkeeper({ ...this.#ports, device: device.id }),
      projects: this.#projects,
      here: this.#folders(),
      snapshots: () => device.snapshotsHere(),
      makeProject: this.#ports.hubUrl === undefined ? name => this.#makeProject(name) : undefined,
      hub: hubCalls,
      local,
      me: url => this.#me(url),
      devices: () => this.#listDevices(),
      environment: order => this.#ports.environments.asked(order),
      self: device.id,
      sessions: () => this.#listSessions(),
      storage: health,
      listen: listener => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
      asset,
      keepAsset,
      relay,
      org,
      limits,
      now,
      log: { debug: log.debug.bind(log), error: log.warn.bind(log) },
    })
    return this.#loopback
  }

  /** Some were named, made, taken away, attached or detached. */
  async projectsChanged(): Promise<void> {
    if (!this.#loopback) return
    await this.#show()
    this.#tell({ type: 'projects' })
  }

  /** With those that are attached and that no hub names. */
  async #show(): Promise<void> {
    const { projects, device } = this.#ports
    const all = new Map(device.attachments().map(({ project }) => [project.id, project]))
    await this.#projects.show([...new Map([...all, ...projects.all().map(it => [it.id, it] as const)]).values()])
  }

  environmentsChanged(): void {
    this.#tell({ type: 'devices', devices: this.#listDevices() })
  }

  devicesChanged(devices: readonly DeviceInfo[]): void {
    this.#devices = devices
    this.#tell({ type: 'devices', devices: this.#listDevices() })
  }

  sessionsChanged(sessions: readonly SessionInfo[]): void {
    this.#sessions = sessions
    this.#tell({ type: 'sessions', sessions: this.#listSessions() })
  }

  /** A run of this device changed. */
  runChanged({ code: _, ...run }: Run): void {
    this.#tell({ type: 'run', run })
  }

  /** What is live here is known better here. */
  #listSessions(): SessionInfo[] {
    const own = this.#ports.local.runs.sessions()
    const ids = new Set(own.map(({ id }) => id))
    return [...own, ...this.#sessions.filter(({ id }) => !ids.has(id))]
  }

  #folders(): FoldersHere {
    const { projects, device } = this.#ports
    return {
      state: () => ({ policy: projects.policy, projects: projects.list().map(({ tree: _, ...shown }) => shown) }),
      setPolicy: policy => projects.setPolicy(policy),
      attach: async id => {
        const project = projects.all().find(known => known.id === id)
        if (!project) throw new MeshError('NOT_FOUND', { detail: `project ${id}` })
        await device.attach({ project: infoOf(project) })
      },
      detach: id => device.detach(id),
    }
  }

  async #makeProject(name: string): Promise<Project> {
    const { id } = await this.#ports.projects.make(name)
    await this.#show()
    return this.#projects.list().find(project => project.id === id)!
  }

  async close(): Promise<void> {
    await this.#loopback?.close()
    await this.#projects.close()
  }

  #tell(event: HubEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  #me(url: string): Me {
    const { org, device } = this.#ports
    const owner = this.#projects.list().find(({ roles }) => roles === undefined)?.owner ?? 'me'
    const name = device.name || hostname()
    return {
      user: owner,
      org,
      hub: { name, version: 'device', publicUrl: url },
      device: this.#ports.device.id,
      machine: { name, hub: this.#ports.hubUrl ?? null },
    }
  }

  /** This device is here; of the others nothing is known while the hub is out of reach. */
  #listDevices(): DeviceInfo[] {
    const { device, kind, now } = this.#ports
    const own: DeviceInfo = {
      id: device.id,
      name: device.name,
      kind,
      os: machine.os,
      status: 'online',
      lastSeenAt: now(),
      runtimes: this.#runtimes,
      metrics: null,
      policy: policyOf(kind, {}),
    }
    const others = this.#devices.filter(({ id }) => id !== device.id)
    const known = this.#devices.find(({ id }) => id === device.id)
    const there: DeviceInfo[] = device.linked ? others : others.map(other => ({ ...other, status: 'offline' }))
    const environments = [...this.#ports.environments.list()]
    return [{ ...own, ...known, status: 'online', environments }, ...there]
  }
}
