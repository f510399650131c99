/** A machine that belongs to somebody and that nobody looks at: its secrets, and the link of a device over them. Nothing is decided here. */
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { newId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { DeviceKey } from '@meshbook/device/device-key.ts'
import { DeviceToken } from '@meshbook/device/keys/device-token.ts'
import type { SecretStore } from '@meshbook/device/keys/secret-store.ts'
import { HubLink, type LinkStatus } from '@meshbook/device/link/hub-link.ts'
import { SleepNotice } from '@meshbook/device/link/sleep-notice.ts'
import { Streams } from '@meshbook/device/link/streams.ts'
import { Problems } from '@meshbook/device/problems.ts'
import { Relay } from '@meshbook/relay/relay.ts'
import * as documentProcedures from '@meshbook/relay/store/document-procedures.ts'
import { SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import type { WebSocket } from 'ws'
import type { Chance } from '../world/chance.ts'
import { hubName } from '../world/hub-host.ts'
import type { Network } from '../world/network.ts'
import { NodeSocket } from '../world/sockets.ts'
import { StoreDisk } from '../world/store-disk.ts'
import { Process, type Timeline } from '../world/timeline.ts'

export interface WeekSetting {
  timeline: Timeline
  network: Network
  limits: Limits
}

/** How long a secret takes to be written, with its fsyncs, at most. */
const slowestWriteMs = 60

export class WeekDevice {
  readonly name: string
  readonly key: DeviceKey
  /** What is on its disk. */
  token: string | undefined
  /** The disk takes no secrets. */
  diskIsFull = false
  process: Process | undefined
  clockOffsetMs = 0
  status: LinkStatus = { state: 'connecting' }
  link: HubLink | undefined
  /** How often it had to ask to be made known to the hub once more. */
  enrolled = 0
  readonly #setting: WeekSetting
  readonly #chance: Chance
  readonly #store: StoreDisk
  #starts = 0

  constructor(setting: WeekSetting, chance: Chance, name: string, copyOf?: WeekDevice) {
    this.#setting = setting
    this.#chance = chance
    this.name = name
    this.key = copyOf?.key ?? keyFrom(chance, setting.timeline)
    this.token = copyOf?.token
    this.#store = new StoreDisk(setting.timeline, chance.split('store'), [documentProcedures])
  }

  async start(): Promise<void> {
    const { timeline } = this.#setting
    const process = new Process(`${this.name} ${++this.#starts}`, this.#chance.split('process'))
    process.clockOffsetMs = this.clockOffsetMs
    this.process = process
    this.status = { state: 'connecting' }
    await timeline.in(process, () => this.#run(process))
  }

  kill(): void {
    this.process?.kill()
    this.status = { state: 'closed' }
  }

  close(): void {
    this.kill()
    this.#store.close()
  }

  #run(process: Process): void {
    const { timeline, limits, network } = this.#setting
    const now = (): number => Math.floor(timeline.now())
    const random = (length: number): Uint8Array => process.chance.bytes(length)
    const after = (ms: number, task: () => void) => timeline.schedule(process, ms, task)
    const store = new SqliteDocumentStore(this.#store.open<typeof documentProcedures.procedures>(process))
    const relay = new Relay({ store, now, random, limits, after })
    const token = new DeviceToken(this.#secretsFor(process), () => undefined)
    const link = new HubLink({
      url: `http://${hubName}`,
      key: this.key,
      openSocket: (_url, authorization) => {
        const knock = { from: this.name, address: this.key.id, extensions: true, authorization }
        return NodeSocket.knock(network, hubName, process, knock) as unknown as WebSocket
      },
      measure: async () => ({ cpu: 0, memoryBytes: 1, memoryFreeBytes: 1, gpus: [] }),
      name: this.name,
      kind: 'desktop',
      limits,
      now,
      random,
      streams: new Streams(relay, this.key.org, new Problems()),
      enroll: async () => void this.enrolled++,
      runtimes: async () => [],
      projects: () => [],
      credentials: { token: () => token.show(), keep: next => token.keep(next), seal: undefined },
      held: () => ({ heads: [], runs: [] }),
      problems: () => ({ items: [], more: 0 }),
      welcomed: () => undefined,
      message: () => undefined,
      left: () => undefined,
      status: status => {
        this.status = status
      },
    })
    this.link = link
    const events = { sleeping: () => link.sleep(), woke: () => link.wake() }
    new SleepNotice(events, limits, now).start()
    link.start()
  }

  /** A write takes its time, and is there at some moment of it; a process that is killed does not learn which. */
  #secretsFor(process: Process): SecretStore {
    const { timeline } = this.#setting
    const later = (ms: number): Promise<void> => new Promise(resolve => timeline.schedule(process, ms, resolve))
    return {
      kind: 'file',
      read: async () => {
        await later(this.#chance.fraction() * 5)
        return this.token
      },
      write: async (_name, secret) => {
        const ms = this.#chance.fraction() * slowestWriteMs
        await later(ms * this.#chance.fraction())
        if (this.diskIsFull) throw new Error('ENOSPC')
        this.token = secret
        await later(ms)
      },
      remove: async () => undefined,
    }
  }
}

/** The same key for the same seed. */
function keyFrom(chance: Chance, timeline: Timeline): DeviceKey {
  const secret = chance.bytes(32)
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), secret])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(key).export({ format: 'jwk' }).x!
  const privateKey = Buffer.from(secret).toString('base64url')
  const org = newId('org', timeline.now(), length => chance.bytes(length))
  const facts = { publicKey, sealKey: 'age1', org, secrets: 'file' as const }
  const nowhere: SecretStore = {
    kind: 'file',
    read: async () => undefined,
    write: async () => undefined,
    remove: async () => undefined,
  }
  return new DeviceKey('/var/device', facts, { privateKey, sealIdentity: '' }, { store: nowhere, where: '' })
}
