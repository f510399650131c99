/** The hub and the devices of the schedules: the shipped ones over real sockets, with kernels that are scripts. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { pathOfId } from '@meshbook/core/executions.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, scaledTimes } from '@meshbook/core/limits.ts'
import { type Device, startDevice } from '@meshbook/device/device.ts'
import { ScriptedKernels, ScriptedMachine } from '@meshbook/device/testing/scripted-kernels.ts'
import { temporaryFolder } from '@meshbook/device/testing/temporary-folder.ts'
import { startTestHub, type TestHub } from '@meshbook/hub/testing/test-hub.ts'
import type { Notebook } from './phone-side.ts'

const quick: Limits = { ...scaledTimes(30), fileDebounceMs: 20, fileMaxWaitMs: 100, outputBlockWaitMs: 300 }
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined }

export class DeviceSide {
  readonly machine = new ScriptedMachine()
  readonly name: string
  device: Device | undefined
  readonly #hub: TestHub
  readonly #folders: { data: string; work: string }
  #isKnown = false

  constructor(name: string, hub: TestHub, folders: { data: string; work: string }) {
    this.name = name
    this.#hub = hub
    this.#folders = folders
  }

  get id(): string {
    return this.device!.id
  }

  async start(): Promise<void> {
    const hub = this.#hub
    this.device = await startDevice(
      {
        folder: this.#folders.data,
        name: this.name,
        kind: 'desktop',
        hub: { url: hub.hub.url },
        limits: quick,
        kernels: new ScriptedKernels(this.machine),
        projectsFolder: this.#folders.data,
        // The hub knows it from the first time on.
        ...(!this.#isKnown && { register: (key, name, kind) => hub.hub.registerDevice(key, name, kind) }),
      },
      { now: Date.now, random: systemRandom, log: silent },
    )
    this.#isKnown = true
    const { id, name, owner, tree } = hub.project
    await this.device.attach({ project: { id, name, owner, tree }, folder: this.#folders.work })
  }

  async stop(): Promise<void> {
    await this.device?.close()
    this.device = undefined
  }

  file(path: string): Promise<string> {
    return readFile(join(this.#folders.work, path), 'utf8').catch(() => '')
  }
}

export class QueueWorld {
  readonly hub: TestHub
  readonly devices: readonly [DeviceSide, DeviceSide]
  isUp = true

  private constructor(hub: TestHub, devices: [DeviceSide, DeviceSide]) {
    this.hub = hub
    this.devices = devices
  }

  static async start(t: TestContext): Promise<QueueWorld> {
    const world: { devices: DeviceSide[] } = { devices: [] }
    // The first to be registered is the first to be run: the hub and its folder go after the devices.
    t.after(() => Promise.all(world.devices.map(device => device.stop())))
    const hub = await startTestHub(t, { timesDivisor: 30 })
    // A hub that comes back has the same address, as it has for a phone.
    Object.assign(hub.config, { port: Number(new URL(hub.hub.url).port) })
    for (const name of ['Desk', 'Studio']) {
      const device = new DeviceSide(name, hub, { data: await temporaryFolder(), work: await temporaryFolder() })
      await device.start()
      world.devices.push(device)
    }
    return new QueueWorld(hub, world.devices as [DeviceSide, DeviceSide])
  }

  async notebook(path: string, text: string): Promise<Notebook> {
    const { id } = await this.hub.document(path, text)
    const { owner, name, id: project } = this.hub.project
    return { document: id, address: `${owner}/${name}/${pathOfId(id)}`, project, path }
  }

  /** How often a run was really executed, by device. */
  executions(run: string): Record<string, number> {
    const counts = this.devices.map(({ name, machine }) => [name, machine.executions.get(run as never) ?? 0] as const)
    return Object.fromEntries(counts.filter(([, count]) => count > 0))
  }
}
