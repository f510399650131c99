/** The machine of a device: its folder, its database, and the program that runs on it, made of the device's own parts. */
import type { DocumentId, OrgId } from '@meshbook/core/ids.ts'
import { newId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { ProjectInfo } from '@meshbook/core/messages.ts'
import { AssetKeeper } from '@meshbook/device/assets/asset-keeper.ts'
import { Attachments } from '@meshbook/device/attachments.ts'
import type { DocumentPeer } from '@meshbook/device/document-peer.ts'
import { Documents } from '@meshbook/device/documents.ts'
import { EpochMoves } from '@meshbook/device/epoch-moves.ts'
import type { KernelSessions } from '@meshbook/device/kernels/port.ts'
import { HubLink, type HubMessage } from '@meshbook/device/link/hub-link.ts'
import { problemsInWords } from '@meshbook/device/link/problem-words.ts'
import { Streams } from '@meshbook/device/link/streams.ts'
import { Monitor } from '@meshbook/device/monitor/monitor.ts'
import { Problems } from '@meshbook/device/problems.ts'
import type { DeviceDatabase } from '@meshbook/device/store/device-store.ts'
import type { DeviceProcedures } from '@meshbook/device/store/procedures.ts'
import * as deviceProcedures from '@meshbook/device/store/procedures.ts'
import type { DeviceRow } from '@meshbook/hub/store/identity.ts'
import { Relay } from '@meshbook/relay/relay.ts'
import type { DocumentProcedures } from '@meshbook/relay/store/document-procedures.ts'
import * as documentProcedures from '@meshbook/relay/store/document-procedures.ts'
import { SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import type { WebSocket } from 'ws'
import type { Chance } from './chance.ts'
import { hubName } from './hub-host.ts'
import type { Network } from './network.ts'
import { SimDisk } from './sim-disk.ts'
import { NodeSocket } from './sockets.ts'
import { StoreDisk } from './store-disk.ts'
import { Process, type Timeline } from './timeline.ts'
import type { Variations } from './variations.ts'

/** The kernels of this world print lines. */
const noLongText = { write: () => Promise.reject(new Error('there is no long output in this world')) }

export interface DeviceSetting {
  timeline: Timeline
  network: Network
  limits: Limits
  variations: Variations
  project: ProjectInfo
  /** Its kernels, for worlds with runs; without them it has no monitor. */
  kernels?: (process: Process) => KernelSessions
}

export const folder = '/home/project'
export const trashFolder = '/var/device/trash'

/** The program of a device while it runs. */
interface Program {
  relay: Relay
  documents: Documents
  attachments: Attachments
  link: HubLink
  problems: Problems
  monitor: Monitor | undefined
}

export class DeviceHost {
  readonly name: string
  readonly files: SimDisk
  store: StoreDisk
  /** Documents into which its programs wrote: they are opened again before all must agree. */
  readonly written = new Set<DocumentId>()
  process: Process | undefined
  program: Program | undefined
  wasWiped = false
  /** Milliseconds that its clock is ahead. */
  clockOffsetMs = 0
  /** Whether it follows a folder; without one it is a relay with programs that write. */
  readonly hasFolder: boolean
  readonly row: DeviceRow
  readonly #setting: DeviceSetting
  readonly #chance: Chance
  #org: OrgId
  #starts = 0

  constructor(setting: DeviceSetting, chance: Chance, row: DeviceRow, hasFolder: boolean) {
    this.#setting = setting
    this.#chance = chance
    this.row = row
    this.name = row.name
    this.hasFolder = hasFolder
    this.files = new SimDisk(
      setting.timeline,
      chance.split('files'),
      () => setting.timeline.trueTime + this.clockOffsetMs,
    )
    this.files.makeFolders(folder)
    this.store = this.#newStore()
    this.#org = this.#newOrg()
  }

  get org(): OrgId {
    return this.#org
  }
  get running(): boolean {
    return this.process?.alive === true
  }

  #newStore(): StoreDisk {
    return new StoreDisk(this.#setting.timeline, this.#chance.split('store'), [documentProcedures, deviceProcedures])
  }
  #newOrg(): OrgId {
    return newId('org', this.#setting.timeline.now(), length => this.#chance.bytes(length))
  }

  async start(): Promise<void> {
    const { timeline, project } = this.#setting
    const process = new Process(`${this.name} ${++this.#starts}`, this.#chance.split('process'))
    process.clockOffsetMs = this.clockOffsetMs
    this.process = process
    await timeline.in(process, () => {
      const program = this.#program(process)
      this.program = program
      const report = (thrown: unknown): void => timeline.reportUncaught(thrown)
      program.documents
        .load()
        .then(() => program.attachments.load())
        .then(() => program.monitor && takeUpRuns(program.monitor))
        .then(() => {
          program.link.start()
          // As the command `attach` does at every start; what is attached already stays as it is.
          if (this.hasFolder) attachUntilDone(program, project)
          else program.documents.open(project.id, project.tree)
        }, report)
    })
  }

  #program(process: Process): Program {
    const { timeline, limits, network, variations, project } = this.#setting
    const now = (): number => timeline.now()
    const random = (length: number): Uint8Array => process.chance.bytes(length)
    const after = (ms: number, task: () => void) => timeline.schedule(process, ms, task)
    const database: DeviceDatabase = variations.deviceDatabase(
      this.store.open<DeviceProcedures & DocumentProcedures>(process),
      process,
    )
    const store = variations.deviceStore(new SqliteDocumentStore(database), process)
    const relay = variations.relay(new Relay({ store, now, random, limits, after }), 'device')
    const problems = new Problems()
    const disk = variations.files(this.files.portFor(process), process, this.files)
    const streams = variations.streams(new Streams(relay, this.#org, problems))
    const documents = new Documents({
      relay,
      org: this.#org,
      uplink: streams,
      problems,
      moves: new EpochMoves({ relay, org: this.#org, store: database }),
      opened: peer => monitor?.watch(peer),
      closed: peer => monitor?.unwatch(peer),
    })
    const attachments = new Attachments({
      disk,
      now,
      after,
      random,
      limits,
      org: this.#org,
      database,
      documents,
      problems,
      hasHub: true,
      trash: trashFolder,
      deviceName: 'simulated',
      findAsset: () => Promise.reject(new Error('there are no assets in this world')),
      keepAsset: async () => true,
      mayWrite: () => true,
    })
    const kernels = this.#setting.kernels?.(process)
    const org = this.#org
    const monitor: Monitor | undefined =
      kernels &&
      new Monitor({
        kernels,
        limits,
        now,
        log: { warn: () => undefined },
        assets: new AssetKeeper({ disk, files: noLongText, folder: '/var/device/assets', limits }),
        device: { id: this.row.id, name: this.name },
        open: (id, document) => documents.open(id, document),
        folderOf: id => attachments.folderOf(id),
        vouches: () => false,
        send: message => link.send(message),
        store: {
          hold: lease => database.call('holdRun', { org, lease }),
          save: ({ lease, ...progress }) => database.call('saveRunProgress', { org, run: lease.run, ...progress }),
          drop: run => database.call('dropRun', { org, run }),
          list: () => database.query('listHeldRuns', { org }),
        },
      })
    const link: HubLink = new HubLink({
      url: `http://${hubName}`,
      key: { id: this.row.id, proof: () => '' },
      openSocket: () =>
        NodeSocket.knock(network, hubName, process, {
          from: this.name,
          address: this.row.id,
          extensions: true,
        }) as unknown as WebSocket,
      measure: async () => ({ cpu: 0, memoryBytes: 1, memoryFreeBytes: 1, gpus: [] }),
      name: this.name,
      kind: 'desktop',
      limits,
      now,
      random,
      streams,
      enroll: async () => undefined,
      runtimes: async () => (await kernels?.runtimes()) ?? [],
      projects: () => [project.id],
      problems: () => problemsInWords(problems.all(), attachments.list(), limits),
      held: () => ({ heads: monitor?.heads() ?? [], runs: monitor?.runs() ?? [] }),
      welcomed: ({ runs, lost }) => void monitor?.online(runs, lost),
      message: message => monitor && deliver(monitor, message),
      left: () => monitor?.offline(),
      status: () => undefined,
    })
    return { relay, documents, attachments, link, problems, monitor }
  }

  /** The program is gone; with the power, also what was not synced. */
  kill(powerToo: boolean): void {
    this.process?.kill()
    this.program = undefined
    if (powerToo) this.files.cutPower()
  }

  /** The device is set up anew: its own folder is gone, the project's folder is kept with or without our mark. */
  wipe(keepMark: boolean): void {
    this.wasWiped = true
    this.store.close()
    this.store = this.#newStore()
    this.#org = this.#newOrg()
    if (!keepMark) this.files.removeBelow(`${folder}/.meshbook`)
  }

  open(document: DocumentId): DocumentPeer {
    return this.program!.documents.open(this.#setting.project.id, document)
  }
}

/** A disk that fails at the moment is asked again. */
function attachUntilDone(program: Program, project: ProjectInfo): void {
  program.attachments
    .attach(project, folder)
    .saved.catch(() => setTimeout(() => attachUntilDone(program, project), 500))
}

/** The public key of a device; nothing in this world checks a signature. */
export function publicKeyOf(number: number): string {
  return Buffer.alloc(32, number + 1).toString('base64url')
}

async function takeUpRuns(monitor: Monitor): Promise<void> {
  for (const { session, runs } of await monitor.start())
    for (const { run, ended } of runs) if (ended) await session.forget(run)
}

/** As the device's own wiring does it. */
function deliver(monitor: Monitor, message: HubMessage): void {
  switch (message.type) {
    case 'LEASE':
      // A store that refuses is asked again: the hub sends the lease once more with the next registration.
      monitor.onLease(message.lease).catch(() => undefined)
      return
    case 'RUN_ACK':
      monitor.onAck(message)
      return
    case 'RUN_REQUEST':
      monitor.onAnswer(message)
      return
    case 'RUN_INPUT':
      void monitor.onInput(message)
      return
    case 'RUN_CANCEL':
      void monitor.onCancel(message)
  }
}
