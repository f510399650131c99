/** The device's own web app with all that it shows: made with the device, serving once it is asked to. */
import { hostname } from 'node:os'
import type { HubEvent, Me, Run } from '@meshbook/core/api.ts'
import { policyOf } from '@meshbook/core/device-policy.ts'
import type { AssetId, Now, OrgId, RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DeviceInfo, ProjectInfo, Runtime, SessionInfo } from '@meshbook/core/messages.ts'
import type { Relay } from '@meshbook/relay/relay.ts'
import type { Device, DeviceLog } from '../device-options.ts'
import type { Documents } from '../documents.ts'
import { machine } from '../link/machine-facts.ts'
import type { DeviceStore } from '../store/device-store.ts'
import { Doorkeeper } from './doorkeeper.ts'
import type { HubCalls } from './hub-calls.ts'
import { LocalProjects } from './local-projects.ts'
import { type Loopback, type LoopbackOptions, startLoopback } from './loopback.ts'
import type { LocalDesk } from './run-routes.ts'

export interface OwnWebAppPorts {
  device: Pick<Device, 'id' | 'name' | 'linked' | 'attachments'>
  kind: DeviceInfo['kind']
  hasHub: boolean
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
  asset(id: AssetId): Promise<Uint8Array>
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
      linked: () => device.linked,
      changed: project => {
        this.#tell({ type: 'documents', project })
        this.#tell({ type: 'files', project })
      },
    })
  }

  async serve(options: LoopbackOptions): Promise<Loopback> {
    const { device, org, asset, relay, limits, now, log, health, hubCalls, local } = this.#ports
    this.#runtimes = await this.#ports.runtimes()
    await this.#projects.load(device.attachments().map(({ project }) => project))
    this.#loopback = await startLoopback(options, {
      doorkeeper: new Doorkeeper({ ...this.#ports, device: device.id }),
      projects: this.#projects,
      hub: hubCalls,
      local,
      me: url => this.#me(url),
      devices: () => this.#listDevices(),
      sessions: () => this.#listSessions(),
      storage: health,
      listen: listener => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
      asset,
      relay,
      org,
      limits,
      now,
      log: { debug: log.debug.bind(log), error: log.warn.bind(log) },
    })
    return this.#loopback
  }

  /** The hub is in reach, and names the projects of the account. */
  async learn(projects: readonly ProjectInfo[]): Promise<void> {
    if (this.#loopback) await this.#projects.learn(projects)
    else await this.#ports.store.call('saveProjects', { org: this.#ports.org, projects })
  }

  /** Shown at once, whether or not the hub has named it yet. */
  attached(project: ProjectInfo): void {
    if (this.#loopback) this.#projects.add(project)
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

  async close(): Promise<void> {
    await this.#loopback?.close()
    await this.#projects.close()
  }

  #tell(event: HubEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  #me(url: string): Me {
    const { org, device } = this.#ports
    const owner = this.#projects.list()[0]?.owner ?? 'me'
    return { user: owner, org, hub: { name: device.name || hostname(), version: 'device', publicUrl: url } }
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
    return [{ ...own, ...known, status: 'online' }, ...there]
  }
}
