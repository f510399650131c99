/** The machine of a hub: its database, and the program that runs on it, made of the hub's own parts. Nothing is decided here. */
import { createHash } from 'node:crypto'
import type { Project } from '@meshbook/core/api.ts'
import { asMeshError, type MeshError, problemOf } from '@meshbook/core/errors.ts'
import { type DeviceId, deviceIdOf, newId, type OrgId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { Access } from '@meshbook/hub/auth/access.ts'
import { Audit } from '@meshbook/hub/auth/audit.ts'
import { Authenticator } from '@meshbook/hub/auth/authenticator.ts'
import { OpenDoors } from '@meshbook/hub/auth/open-doors.ts'
import { everyScope, type Principal } from '@meshbook/hub/auth/principal.ts'
import { DeviceTeller } from '@meshbook/hub/devices/device-teller.ts'
import { Fleet } from '@meshbook/hub/devices/fleet.ts'
import { LanGrants } from '@meshbook/hub/devices/lan-grants.ts'
import { Documents } from '@meshbook/hub/documents/documents.ts'
import { Gates } from '@meshbook/hub/gates/gates.ts'
import { HubEvents } from '@meshbook/hub/hub-events.ts'
import { Orders } from '@meshbook/hub/hubs/orders.ts'
import { alone } from '@meshbook/hub/hubs/presence.ts'
import { newLog } from '@meshbook/hub/log.ts'
import { Metrics } from '@meshbook/hub/metrics.ts'
import { LeftHeads } from '@meshbook/hub/moves/left-heads.ts'
import { Moves } from '@meshbook/hub/moves/moves.ts'
import { RestoreProgress } from '@meshbook/hub/moves/restore-progress.ts'
import { SavedSessions } from '@meshbook/hub/moves/saved-sessions.ts'
import type { Parts } from '@meshbook/hub/parts.ts'
import { Claims } from '@meshbook/hub/runs/claims.ts'
import { RunFeeds } from '@meshbook/hub/runs/run-feeds.ts'
import { Runs } from '@meshbook/hub/runs/runs.ts'
import { SessionRequests } from '@meshbook/hub/runs/session-requests.ts'
import { serveChannel } from '@meshbook/hub/sockets/channel-socket.ts'
import { serveSync } from '@meshbook/hub/sockets/sync-socket.ts'
import type { DeviceRow } from '@meshbook/hub/store/identity.ts'
import type { HubProcedures } from '@meshbook/hub/store/procedures.ts'
import * as hubProcedures from '@meshbook/hub/store/procedures.ts'
import { Relay } from '@meshbook/relay/relay.ts'
import type { Visit } from '@meshbook/relay/serve/doorway.ts'
import { Seats } from '@meshbook/relay/serve/seats.ts'
import { SyncRates } from '@meshbook/relay/serve/sync-rates.ts'
import type { Database } from '@meshbook/relay/sql/database.ts'
import type { DocumentProcedures } from '@meshbook/relay/store/document-procedures.ts'
import * as documentProcedures from '@meshbook/relay/store/document-procedures.ts'
import type { DocumentStore } from '@meshbook/relay/store/document-store.ts'
import { SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import type { WebSocket } from 'ws'
import type { Chance } from './chance.ts'
import type { Knock, Network, WireEnd } from './network.ts'
import { NodeSocket, rawWire } from './sockets.ts'
import { StoreDisk } from './store-disk.ts'
import { Process, type Timeline } from './timeline.ts'
import type { Variations } from './variations.ts'

export type HubDatabase = Database<HubProcedures & DocumentProcedures>

export const hubName = 'hub'
const log = newLog('silent')
const metrics = new Metrics()

export interface HubSetting {
  timeline: Timeline
  network: Network
  limits: Limits
  variations: Variations
  /** Whether waiting runs are looked at when devices come and go, as the hub's own wiring does. */
  placesRuns?: boolean
}

export interface Identity {
  org: OrgId
  principal: Principal
  project: Project
}

export class HubHost {
  readonly name = hubName
  disk: StoreDisk
  identity!: Identity
  process: Process | undefined
  /** Milliseconds that its clock is ahead. */
  clockOffsetMs = 0
  documents: Documents | undefined
  relay: Relay | undefined
  /** Of the program that runs now. */
  parts: Parts | undefined
  readonly #setting: HubSetting
  readonly #chance: Chance
  #starts = 0

  constructor(setting: HubSetting, chance: Chance) {
    this.#setting = setting
    this.#chance = chance
    this.disk = this.#newDisk()
  }

  #newDisk(): StoreDisk {
    return new StoreDisk(this.#setting.timeline, this.#chance.split('disk'), [documentProcedures, hubProcedures])
  }

  /** The first user and the project, in a new database. */
  async prepare(known?: Identity): Promise<void> {
    const { timeline } = this.#setting
    const random = (length: number): Uint8Array => this.#chance.bytes(length)
    const now = timeline.now()
    const store = this.disk.look<HubProcedures>()
    const org = known?.org ?? newId('org', now, random)
    const user = known?.principal.user ?? newId('user', now, random)
    await store.call('firstUser', { org, user, name: 'me', now, token: null })
    const ids = known?.project ?? { id: newId('project', now, random), tree: newId('document', now, random) }
    const { project } = await store.call('ensureProject', {
      org,
      id: ids.id,
      name: 'demo',
      owner: 'me',
      tree: ids.tree,
      now,
    })
    this.identity = {
      org,
      project,
      principal: { org, user, name: 'me', can: everyScope, credential: { kind: 'session', id: 'session' } },
    }
  }

  async addDevice(name: string, publicKey: string): Promise<DeviceRow> {
    const { org, principal } = this.identity
    const id = deviceIdOf(createHash('sha256').update(Buffer.from(publicKey, 'base64url')).digest())
    const store = this.disk.look<HubProcedures>()
    const now = this.#setting.timeline.now()
    await store.call('addDevice', { org, user: principal.user, id, publicKey, name, kind: 'desktop', now })
    return (await store.query('findDevice', { id }))!
  }

  get running(): boolean {
    return this.process?.alive === true
  }

  async start(): Promise<void> {
    const { timeline, network } = this.#setting
    const process = new Process(`hub ${++this.#starts}`, this.#chance.split('process'))
    process.clockOffsetMs = this.clockOffsetMs
    this.process = process
    await timeline.in(process, () => {
      boot(process, this.#setting, this.disk).then(
        parts => {
          this.documents = parts.documents
          this.relay = parts.relay
          this.parts = parts
          network.listen(this.name, process, (knock, end) => this.#open(parts, process, knock, end))
        },
        (thrown: unknown) => timeline.reportUncaught(thrown),
      )
    })
  }

  kill(): void {
    this.process?.kill()
    this.documents = undefined
    this.relay = undefined
    this.parts = undefined
  }

  /** The database is lost; the hub starts with nothing but who its user is. To be called while it does not run. */
  async wipe(): Promise<void> {
    const devices = await this.disk.look<HubProcedures>().query('listDevices', { org: null })
    this.disk.close()
    this.disk = this.#newDisk()
    await this.prepare(this.identity)
    for (const { name, publicKey } of devices) await this.addDevice(name, publicKey)
  }

  #open(parts: Parts, process: Process, knock: Knock, end: WireEnd): void {
    const accept = (): WebSocket => NodeSocket.accept(end, process, knock.extensions) as unknown as WebSocket
    const [owner = '', project = '', ...path] = knock.address.split('/')
    if (project !== '') {
      const socket = accept()
      const asked = { wire: rawWire(socket), visit, agent: 'simulated', known: () => undefined }
      serveSync(parts, socket, { ...asked, path: { owner, project, path: path.join('/') } }, this.identity.principal)
      return
    }
    if (knock.authorization !== undefined) {
      parts.authenticator.byProof(visit, knock.authorization).then(
        device => serveChannel(parts, accept(), device, hubName),
        (thrown: unknown) => refuse(end, process, asMeshError(thrown)),
      )
      return
    }
    parts.store.query('findDevice', { id: owner as DeviceId }).then(
      device => (device ? serveChannel(parts, accept(), { ...device, provedAt: parts.now() }, hubName) : end.drop()),
      () => end.drop(),
    )
  }
}

function refuse(end: WireEnd, process: Process, error: MeshError): void {
  const { status, ...problem } = problemOf(error, 'simulated')
  end.attach(process, new NodeSocket())
  end.send({ kind: 'refusal', status, body: JSON.stringify(problem) })
}

const visit: Visit = { origin: 'http://hub', host: 'hub', secure: false, loopback: false, address: 'simulated' }

async function boot(process: Process, setting: HubSetting, disk: StoreDisk): Promise<Parts> {
  const { timeline, limits: times, variations } = setting
  const now = (): number => timeline.now()
  const random = (length: number): Uint8Array => process.chance.bytes(length)
  const store: HubDatabase = variations.hubDatabase(disk.open<HubProcedures & DocumentProcedures>(process), process)
  const documentStore: DocumentStore = variations.hubStore(new SqliteDocumentStore(store), process)
  const events = new HubEvents()
  const relay = variations.relay(new Relay({ store: documentStore, now, random, limits: times }), 'hub')
  const documents = await Documents.start({ store, relay, events, log, now, random })
  // Devices are told times, which are whole milliseconds as of any system's clock.
  const wholeNow = () => Math.floor(now())
  const rows = await store.query('listDevices', { org: null })
  const fleet: Fleet = new Fleet(rows, times, wholeNow, (org, _, { placement }) => {
    if (setting.placesRuns && placement) runs.placeAll(org).catch(() => undefined)
  })
  const feeds = new RunFeeds()
  const sessionsChanged = (): void => undefined
  const orders = new Orders({ store, fleet, times, now, hub: undefined })
  const nobody = (): void => undefined
  const told = { sessionsChanged, gatesChanged: nobody, grewElsewhere: nobody, waitsForHolder: nobody }
  const audit = new Audit({ store, now, random, log })
  const access = new Access(store, async () => undefined)
  const ports = { store, audit, events, feeds, metrics, log, times, now, random, fleet, orders, documents }
  const runs: Runs = new Runs({ ...ports, ...told })
  const restoreProgress = new RestoreProgress()
  const moves = new Moves({ ...ports, ...told, runs })
  const leftHeads = new LeftHeads({ ...ports, ...told, moves })
  const heard = { moves, leftHeads, restoreProgress, runs, sessionsChanged, savingChanged: nobody }
  const parts: Pick<
    Parts,
    | 'store'
    | 'authenticator'
    | 'events'
    | 'relay'
    | 'documents'
    | 'log'
    | 'times'
    | 'now'
    | 'random'
    | 'metrics'
    | 'access'
    | 'audit'
    | 'doors'
    | 'rates'
    | 'seats'
    | 'fleet'
    | 'feeds'
    | 'runs'
    | 'gates'
    | 'claims'
    | 'sessionRequests'
    | 'sessionsChanged'
    | 'sessionsOf'
    | 'deviceTeller'
    | 'lan'
    | 'presence'
    | 'orders'
    | 'others'
    | 'moves'
    | 'savedSessions'
    | 'restoreProgress'
  > = {
    store,
    events,
    relay,
    documents,
    log,
    times,
    now: wholeNow,
    random,
    metrics,
    fleet,
    feeds,
    runs,
    gates: new Gates({ store, fleet, events, now, toTask: () => undefined }),
    sessionsChanged,
    access,
    authenticator: new Authenticator(store, wholeNow),
    audit,
    sessionsOf: async () => [],
    deviceTeller: new DeviceTeller(fleet, events, times),
    lan: new LanGrants({ store, fleet, random, now, times, metrics }),
    presence: alone,
    orders,
    others: undefined,
    doors: new OpenDoors(),
    rates: new SyncRates(times, now),
    seats: new Seats(),
    claims: new Claims({ store, relay, documents, access, runs, times, now }),
    sessionRequests: new SessionRequests(store, orders),
    moves,
    savedSessions: new SavedSessions({ ...ports, ...heard }),
    restoreProgress,
  }
  setInterval(() => fleet.tick(), Math.max(20, times.suspectMs / 10))
  // Sign-in, web pages and assets have no part in this world.
  return parts as Parts
}
