/** A mesh in which code runs: a hub, devices with kernels that follow scripts, and a phone that asks. Nothing is decided here. */

import { createHash } from 'node:crypto'
import { type DocumentId, newId, parseRunId } from '@meshbook/core/ids.ts'
import { type Limits, scaledTimes, limits as shippedLimits } from '@meshbook/core/limits.ts'
import type { HubProcedures } from '@meshbook/hub/store/procedures.ts'
import { Agenda } from '../world/agenda.ts'
import type { Chance } from '../world/chance.ts'
import { DeviceHost, folder, publicKeyOf } from '../world/device-host.ts'
import { HubHost } from '../world/hub-host.ts'
import { Network } from '../world/network.ts'
import type { Timeline } from '../world/timeline.ts'
import { asShipped, type Variations } from '../world/variations.ts'
import { KernelMachine, type Script } from './kernel-machine.ts'
import { Phone } from './phone.ts'

export const notebook = 'cells.md'
export const notebookFile = `${folder}/${notebook}`

export interface RunWorldShape {
  devices: number
  sessions: number
  cells: number
  latencyMs: [number, number]
}

export interface DeviceWithKernels {
  host: DeviceHost
  machine: KernelMachine
}

export class RunWorld {
  readonly timeline: Timeline
  readonly network: Network
  readonly hub: HubHost
  readonly devices: DeviceWithKernels[] = []
  readonly phone: Phone
  readonly shape: RunWorldShape
  readonly scripts: Script[]
  readonly failures: string[] = []
  readonly trace: string[] = []
  document!: DocumentId
  readonly #chance: Chance
  readonly #limits: Limits
  readonly #variations: Variations
  #asked = 0
  readonly #agenda: Agenda

  constructor(timeline: Timeline, chance: Chance, shape: RunWorldShape, variations: Variations = asShipped) {
    this.timeline = timeline
    this.#agenda = new Agenda(timeline)
    timeline.showsWholeMs = true
    this.shape = shape
    this.#chance = chance
    this.#variations = variations
    this.#limits = { ...scaledTimes(10), roomIdleMs: 1_500, updateInlineBytes: shippedLimits.documentBytes }
    this.network = new Network(timeline, chance.split('network'))
    this.network.latencyMs = shape.latencyMs
    const { network } = this
    const setting = { timeline, network, limits: this.#limits, variations, placesRuns: true }
    this.hub = new HubHost(setting, chance.split('hub'))
    this.phone = new Phone(timeline, chance.split('phone'), this.hub, shape.latencyMs)
    const scripting = chance.split('scripts')
    this.scripts = Array.from({ length: shape.cells }, (_, i) => ({
      mark: `cell ${i}`,
      lines: scripting.between(0, 25),
      everyMs: scripting.between(1, 120),
    }))
  }

  async begin(): Promise<void> {
    await this.hub.prepare()
    for (let i = 0; i < this.shape.devices; i++) await this.#addDevice(i)
    await this.hub.start()
    await this.timeline.run(50)
    const text = this.scripts.map(script => `\`\`\`python\n${JSON.stringify(script)}\n\`\`\`\n`).join('\n')
    this.devices[0]!.host.files.overwrite(notebookFile, text)
    for (const { host } of this.devices) await host.start()
    for (let i = 0; i < 200 && !(await this.#findNotebook()); i++) await this.timeline.run(50)
    await this.timeline.run(2_000)
  }

  async #addDevice(number: number): Promise<void> {
    const name = `device-${number}`
    const row = await this.hub.addDevice(name, publicKeyOf(number))
    const { timeline, network } = this
    const machine = new KernelMachine(timeline, this.#chance.split(`kernels ${number}`), name)
    const setting = {
      ...{ timeline, network, limits: this.#limits, variations: this.#variations },
      project: this.hub.identity.project,
      kernels: machine.open.bind(machine),
    }
    this.devices.push({ host: new DeviceHost(setting, this.#chance.split(name), row, true), machine })
  }

  async #findNotebook(): Promise<boolean> {
    const { org, project } = this.hub.identity
    const store = this.hub.disk.look<HubProcedures>()
    const { items } = await store.query('listDocuments', { org, project: project.id, after: '', rows: 100 })
    const found = items.find(({ path }) => path === notebook)
    if (found) this.document = found.id
    return found !== undefined
  }

  /** The phone asks for the next cell; false when all were asked for. */
  ask(chance: Chance): boolean {
    const index = this.#asked
    const script = this.scripts[index]
    if (!script) return false
    this.#asked++
    const code = JSON.stringify(script)
    const id = parseRunId(newId('run', this.timeline.trueTime, length => chance.bytes(length)))
    const on = chance.happens(0.3) ? chance.one(this.devices)!.host.row.id : undefined
    this.note(`the phone asks for cell ${index} as ${id}`)
    this.phone.ask({
      ...{ id, document: this.document, cell: { by: 'index', index }, language: 'python', code },
      codeHash: createHash('sha256').update(code).digest('hex'),
      session: `session-${chance.between(1, this.shape.sessions)}`,
      ...(on && { on }),
    })
    return true
  }

  async advance(ms: number): Promise<void> {
    await this.#agenda.advance(ms)
  }

  later(ms: number, run: () => Promise<void> | void): void {
    this.#agenda.later(ms, run)
  }

  /** Everything is well again. */
  async heal(): Promise<void> {
    await this.#agenda.finishAll()
    if (!this.hub.running) await this.hub.start()
    for (const { host } of this.devices) if (!host.running) await host.start()
    for (const { host } of this.devices) this.network.heal(host.name)
    this.phone.isParted = false
    this.note('all is well again')
  }

  fail(what: string): void {
    if (!this.failures.includes(what)) this.failures.push(what)
  }
  note(what: string): void {
    this.trace.push(`${String(Math.round(this.timeline.time)).padStart(6)}  ${what}`)
  }

  close(): void {
    this.hub.kill()
    this.hub.disk.close()
    for (const { host } of this.devices) {
      host.kill(false)
      host.store.close()
    }
  }
}
