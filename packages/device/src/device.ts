/**
 * A device: its own relay over its own store, the folders that are attached to projects, the monitor that runs cells,
 * and the link to the hub. This file only wires them; each part knows the others by its ports alone.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { kernelPolicyOf } from '@meshbook/core/device-policy.ts'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { AssetId, DeviceId, ProjectId } from '@meshbook/core/ids.ts'
import type { DeviceProject, ProjectInfo, UpMessage } from '@meshbook/core/messages.ts'
import type { SnapshotsHere } from '@meshbook/core/snapshots-here.ts'
import { systemSleep } from '@meshbook/engine/backoff.ts'
import { Relay } from '@meshbook/relay/relay.ts'
import { SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import { systemAfter } from '@meshbook/relay/timers.ts'
import { AssetKeeper } from './assets/asset-keeper.ts'
import { HubAssets } from './assets/hub-assets.ts'
import { StagedFiles } from './assets/staged-files.ts'
import { Attachments, type ProjectSharing } from './attachments.ts'
import { DeviceKey } from './device-key.ts'
import type { Device, DeviceOptions, DevicePorts, DeviceStatus } from './device-options.ts'
import { Documents } from './documents.ts'
import { Environments } from './environments/environments.ts'
import { EpochMoves } from './epoch-moves.ts'
import { GateDesk } from './gates/gate-desk.ts'
import { DeviceToken } from './keys/device-token.ts'
import { openWebSocket } from './link/channel.ts'
import { directPeer } from './link/direct/direct-documents.ts'
import { DirectPath } from './link/direct/direct-path.ts'
import { lanAddresses } from './link/direct/lan-addresses.ts'
import { HubLink, type HubMessage, type LanState } from './link/hub-link.ts'
import { MachineFacts } from './link/machine-facts.ts'
import { problemsInWords } from './link/problem-words.ts'
import { SleepNotice } from './link/sleep-notice.ts'
import { hubPeer, Streams } from './link/streams.ts'
import { localRunStore } from './local-runs/local-run-store.ts'
import { LocalRuns } from './local-runs/local-runs.ts'
import { mayVouch } from './loopback/guest-peer.ts'
import { HubCalls } from './loopback/hub-calls.ts'
import type { Loopback, LoopbackOptions } from './loopback/loopback.ts'
import { OwnWebApp } from './loopback/own-web-app.ts'
import { askHub } from './loopback/run-routes.ts'
import { AccountProjects } from './materialise/account-projects.ts'
import { freeBytes } from './materialise/free-space.ts'
import { bringToHub } from './materialise/hub-projects.ts'
import { Monitor } from './monitor/monitor.ts'
import { OwnerKeys } from './owner-key/owner-keys.ts'
import { Problems } from './problems.ts'
import type { FetchState } from './projects/asset-wishes.ts'
import { NodeBigFiles } from './projects/big-files.ts'
import { NodeDisk } from './projects/node-disk.ts'
import { orStorageError } from './projects/storage-error.ts'
import type { TrashEntry } from './projects/trash.ts'
import { DeviceSnapshots } from './snapshots/device-snapshots.ts'
import { makeSnapshotParts, noParts, type SnapshotParts } from './snapshots/snapshot-parts.ts'
import type { Attachment } from './store/attachments.ts'
import { type DeviceDatabase, openDeviceDatabase } from './store/device-store.ts'

export type { Device, DeviceLog, DeviceOptions, DevicePorts, DeviceStatus } from './device-options.ts'
export type { LinkStatus } from './link/hub-link.ts'
export type { PlacedProject } from './materialise/account-projects.ts'
export { writeProjectsPolicy } from './materialise/policy-file.ts'
export type { FetchState } from './projects/asset-wishes.ts'
export type { TrashEntry } from './projects/trash.ts'
export type { Attachment } from './store/attachments.ts'

/** Throws DATA_IN_USE, DATA_TOO_NEW, READ_ONLY_FOLDER or DISK_FULL when its folder cannot be used. */
export async function startDevice(options: DeviceOptions, ports: DevicePorts): Promise<Device> {
  await orStorageError(options.folder, () => mkdir(options.folder, { recursive: true, mode: 0o700 }))
  const key = await DeviceKey.load(options.folder, ports.now, ports.random, options.keychain)
  const problems = new Problems(() => device.changed())
  const database = await openDeviceDatabase(join(options.folder, 'device.db'), health => {
    if (health.ok) problems.solve('database')
    else problems.report('database', new MeshError('STORAGE_FAILED', { detail: health.detail }))
  })
  const device: RunningDevice = new RunningDevice(options, ports, key, database, problems)
  try {
    await device.start()
    return device
  } catch (thrown) {
    await device.close()
    throw thrown
  }
}

/** Neither the hub nor another device brought it: somebody who works here did. */
const isOwn = (peer: string): boolean => peer !== hubPeer && peer !== directPeer
/** When streams that were refused are asked for again after a list of projects. */
const reopenMs = [2_000, 10_000]

class RunningDevice implements Device {
  readonly name: string
  readonly #options: DeviceOptions
  readonly #ports: DevicePorts
  readonly #disk = new NodeDisk()
  readonly #bigFiles = new NodeBigFiles()
  readonly #staged: StagedFiles
  readonly #key: DeviceKey
  readonly #database: DeviceDatabase
  readonly #problems: Problems
  readonly #relay: Relay
  readonly #streams: Streams | undefined
  readonly #direct: DirectPath | undefined
  readonly #documents: Documents
  readonly #hubAssets: HubAssets | undefined
  readonly #keeper: AssetKeeper
  readonly #attachments: Attachments
  readonly projects: AccountProjects
  readonly #monitor: Monitor
  readonly #hubCalls: HubCalls
  readonly #localRuns: LocalRuns
  readonly #facts: MachineFacts
  #factsKnown: { at: number; facts: ReturnType<RunningDevice['measure']> } | undefined
  /** Where an executor of this device asks a person. */
  readonly gates: GateDesk
  readonly #environments: Environments
  readonly #link: HubLink | undefined
  readonly #token: DeviceToken
  readonly ownerKey: OwnerKeys
  readonly #sleep: SleepNotice
  readonly #snapshots: DeviceSnapshots
  readonly #webApp: OwnWebApp
  readonly #listeners = new Set<(status: DeviceStatus) => void>()
  #closing: Promise<void> | undefined

  constructor(
    options: DeviceOptions,
    ports: DevicePorts,
    key: DeviceKey,
    database: DeviceDatabase,
    problems: Problems,
  ) {
    this.name = options.name
    this.#options = options
    this.#ports = ports
    this.#key = key
    this.#database = database
    this.#problems = problems
    const { limits, hub } = options
    this.#staged = new StagedFiles(this.#disk, this.#bigFiles, join(options.folder, 'staged'))
    this.#relay = new Relay({
      store: new SqliteDocumentStore(database),
      ...ports,
      limits,
      onChange: ({ document }, { name }) => isOwn(name) && this.#direct?.edited(document),
    })
    this.#streams = hub && new Streams(this.#relay, key.org, problems)
    this.#direct = this.#streams && options.lan ? this.#makeDirect(this.#streams) : undefined
    this.#documents = new Documents({
      relay: this.#relay,
      org: key.org,
      uplink: this.#streams,
      problems,
      moves: new EpochMoves({ relay: this.#relay, org: key.org, store: database }),
      // Nothing is written into what the user may only read, not even why a run waits (DV107).
      opened: (peer, project) => this.projects.mayWrite(project) && this.#monitor.watch(peer),
      closed: peer => this.#monitor.unwatch(peer),
    })
    this.#hubAssets = hub && this.#makeHubAssets(hub.url)
    this.#keeper = this.#makeKeeper()
    this.#attachments = new Attachments({
      ...ports,
      disk: this.#disk,
      after: systemAfter,
      limits,
      org: key.org,
      database,
      documents: this.#documents,
      problems,
      hasHub: hub !== undefined,
      trash: join(options.folder, 'trash'),
      deviceName: options.name,
      findAsset: asset => this.#findAsset(asset),
      keepAsset: (project, asset, bytes) => this.#keeper.keepNamed(asset, bytes, project),
      mayWrite: project => this.projects.mayWrite(project),
      ...(this.#hubAssets && { sharing: this.#shareFiles(this.#hubAssets) }),
    })
    this.projects = this.#makeProjects()
    this.gates = new GateDesk({
      ...ports,
      store: {
        ask: asked => database.call('askGate', { ...asked, org: key.org }),
        decide: decided => database.call('decideGate', { ...decided, org: key.org }),
        drop: run => database.call('dropGates', { org: key.org, run }),
      },
    })
    this.#facts = new MachineFacts(hub ? new URL(hub.url).host : 'localhost')
    const token = hub?.token
    this.#hubCalls = new HubCalls(hub && token && { url: hub.url, token, linked: () => this.linked })
    this.#localRuns = this.#makeLocalRuns()
    this.ownerKey = new OwnerKeys({
      folder: options.folder,
      key,
      random: ports.random,
      send: message => void this.#link?.send(message),
      recovery: options.recovery ?? (async () => null),
    })
    this.#snapshots = this.#makeSnapshots()
    this.#monitor = this.#makeMonitor()
    this.#token = new DeviceToken(key.secrets, error => this.#tokenSaved(error))
    this.#environments = this.#makeEnvironments()
    this.#link = hub && this.#makeLink(hub.url, this.#streams!)
    this.#sleep = this.#watchSleep()
    this.#webApp = new OwnWebApp({
      ...ports,
      limits,
      hubUrl: hub?.url,
      hubCalls: this.#hubCalls,
      local: {
        runs: this.#localRuns,
        linked: () => this.linked,
        answer: request => this.#monitor.answer(request),
      },
      device: this,
      projects: this.projects,
      kind: options.kind,
      org: key.org,
      relay: this.#relay,
      store: database,
      documents: this.#documents,
      runtimes: () => options.kernels.runtimes(),
      environments: this.#environments,
      asset: id => this.#findAsset(id),
      keepAsset: (...asset) => this.#keeper.keepNamed(...asset),
      health: () => database.health(),
    })
  }

  get id(): DeviceId {
    return this.#key.id
  }
  get publicKey(): string {
    return this.#key.publicKey
  }
  get keys(): string {
    return this.#key.where
  }
  get linked(): boolean {
    return this.#link?.online ?? false
  }

  async start(): Promise<void> {
    await this.#documents.load()
    await this.projects.load()
    await this.#attachments.load()
    this.projects.start()
    const labels = await this.#localRuns.load()
    this.#webApp.devicesChanged(this.#localRuns.lastHeard.devices)
    this.#webApp.sessionsChanged(this.#localRuns.lastHeard.sessions)
    const recovered = await this.#monitor.start(labels)
    for (const { session, runs } of recovered)
      for (const { run, ended } of runs) if (ended && !this.#localRuns.has(run)) await session.forget(run)
    this.#localRuns.start(recovered)
    await this.#snapshots.start()
    this.#environments.start()
    this.#link?.start()
    if (this.#link) this.#sleep.start()
  }

  proof(host: string): string {
    return this.#key.proof(host, this.#ports.now(), this.#ports.random)
  }

  problems(): string[] {
    return this.#problems.list()
  }

  status(): DeviceStatus {
    const link = this.#link?.status ?? { state: 'closed' as const }
    const direct = this.#direct && { peers: this.#direct.peers(), ...this.#direct.traffic() }
    return { link, problems: this.problems(), ...(direct && { direct }) }
  }

  onStatus(listener: (status: DeviceStatus) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  changed(): void {
    const status = this.status()
    for (const listener of this.#listeners) listener(status)
    this.#link?.problemsChanged()
  }

  async attach({ project, folder }: { project: ProjectInfo; folder?: string }): Promise<void> {
    const attached = this.#attachments.attach(project, folder ?? (await this.projects.placeFor(project)))
    await attached.saved
    await this.projects.wants(project.id, true)
    this.#foldersChanged()
    await attached.started
    this.#localRuns.lookAgain()
  }

  async detach(project: ProjectId): Promise<void> {
    // First, or it could be given its folder again before that is known (DV105).
    if (this.#attachments.folderOf(project) !== undefined) await this.projects.wants(project, false)
    await this.#attachments.detach(project)
    this.#foldersChanged()
  }

  #foldersChanged(): void {
    this.#guard(this.#webApp.projectsChanged())
    this.#guard(this.#environments.look())
    this.#link?.renew()
  }

  attachments(): Attachment[] {
    return this.#attachments.list()
  }

  trash(): Promise<TrashEntry[]> {
    return this.#attachments.trashed()
  }

  restore(name: string): Promise<TrashEntry> {
    return this.#attachments.restore(name)
  }

  async fetch(project: ProjectId, path: string): Promise<FetchState> {
    return this.#attachments.fetch(project, path, true)
  }

  async fetched(project: ProjectId, path: string): Promise<FetchState> {
    return this.#attachments.fetch(project, path, false)
  }

  snapshotsHere(): Promise<SnapshotsHere> {
    return this.#snapshots.here()
  }

  saveSessions(): Promise<void> {
    return this.#snapshots.flush()
  }

  serveLoopback(options: LoopbackOptions): Promise<Loopback> {
    return this.#webApp.serve(options)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** From the outside in: what still writes goes before what it writes to. */
  async #close(): Promise<void> {
    await this.#webApp.close()
    await this.#environments.close()
    await this.projects.close()
    await this.#localRuns.close()
    await this.#snapshots.close()
    await this.#monitor.close()
    await this.#attachments.close()
    this.#sleep.close()
    this.#direct?.close()
    await this.#link?.close()
    await this.#token.settled()
    await this.#hubAssets?.close()
    await this.#relay.close()
    await this.#database.close()
  }

  #makeHubAssets(url: string): HubAssets {
    const { now, random, log } = this.#ports
    const { org } = this.#key
    return new HubAssets({
      url,
      key: this.#key,
      now,
      random,
      log,
      limits: this.#options.limits,
      folder: join(this.#options.folder, 'assets'),
      staged: this.#staged,
      downloads: join(this.#options.folder, 'downloads'),
      store: {
        queue: upload => this.#database.call('queueUpload', { ...upload, org, now: now() }),
        done: asset => this.#database.call('uploaded', { org, asset }),
        list: () => this.#database.query('listUploads', { org }),
      },
      failing: error => (error ? this.#problems.report('uploads', error) : this.#problems.solve('uploads')),
    })
  }

  #makeKeeper(): AssetKeeper {
    const hub = this.#hubAssets
    const ways = hub && {
      queue: (asset: AssetId, mimeType: string, project?: ProjectId) => hub.queue(asset, mimeType, project),
      arrived: (asset: AssetId) => hub.arrived(asset),
    }
    const folder = join(this.#options.folder, 'assets')
    return new AssetKeeper({ disk: this.#disk, files: this.#bigFiles, folder, limits: this.#options.limits, ...ways })
  }

  #shareFiles(hub: HubAssets): ProjectSharing {
    return {
      files: this.#bigFiles,
      device: this.name,
      stage: async (project, file, maxBytes, signal) => {
        const digest = await this.#staged.stage(file, maxBytes, signal)
        if (digest) await hub.queue(digest.asset, 'application/octet-stream', project)
        return digest
      },
      fetch: async (asset, maxBytes, use) => {
        if (!this.linked) throw new MeshError('UNREACHABLE')
        return hub.fetchFile(asset, maxBytes, use)
      },
      received: asset => hub.received(asset),
    }
  }

  async #findAsset(asset: AssetId): Promise<Uint8Array> {
    const own = await this.#keeper.read(asset).catch(() => undefined)
    if (own) return own
    if (!this.#hubAssets || !this.linked) throw new MeshError('UNREACHABLE')
    return this.#hubAssets.fetch(asset)
  }

  #makeMonitor(): Monitor {
    const { kernels, limits, name } = this.#options
    const { org } = this.#key
    const database = this.#database
    return new Monitor({
      kernels,
      saving: this.#snapshots.saving,
      limits,
      now: this.#ports.now,
      log: this.#ports.log,
      assets: this.#keeper,
      device: { id: this.id, name },
      open: (project, document) => this.#documents.open(project, document),
      folderOf: project => this.#attachments.folderOf(project),
      vouches: (document, { client, clock }) => mayVouch(this.#relay.delivered({ org, document }, client, clock)),
      send: message => this.#send(message),
      own: this.#localRuns,
      store: {
        hold: (lease, reported) => database.call('holdRun', { org, lease, ...(reported && { reported }) }),
        save: ({ lease, ...progress }) => database.call('saveRunProgress', { org, run: lease.run, ...progress }),
        drop: run => database.call('dropRun', { org, run }),
        list: () => database.query('listHeldRuns', { org }),
      },
    })
  }

  /** A request that came directly may be here before the hub has it, which could not tell then who asked (I11). */
  #send(message: UpMessage): boolean {
    const link = this.#link
    if (!link?.online) return false
    const document = message.type === 'CLAIM' ? message.request.document : undefined
    if (document === undefined || !this.#direct?.mayBeAhead(document)) return link.send(message)
    this.#streams?.whenAtHub(document, () => void link.send(message))
    return true
  }

  #makeDirect(streams: Streams): DirectPath {
    const { random, log } = this.#ports
    return new DirectPath({
      device: this.id,
      identity: this.#key.secureIdentity(random),
      limits: this.#options.limits,
      relay: this.#relay,
      org: this.#key.org,
      addresses: this.#options.lan?.addresses ?? lanAddresses,
      find: document => streams.find(document),
      changed: () => {
        this.#link?.beat()
        this.changed()
      },
      log,
    })
  }

  #makeLocalRuns(): LocalRuns {
    const { hub, kind, limits } = this.#options
    return new LocalRuns({
      ...this.#ports,
      device: { id: this.#key.id, name: this.name },
      kind,
      limits,
      hasHub: hub !== undefined,
      store: localRunStore(this.#database, this.#key.org),
      monitor: () => this.#monitor,
      isAttached: project => this.#attachments.folderOf(project) !== undefined,
      projectOf: document => this.#documents.projectOf(document),
      facts: () => this.#recentFacts(),
      send: message => this.#link?.send(message) ?? false,
      ask: request => askHub(this.#hubCalls, request),
      changed: run => this.#webApp.runChanged(run),
      problem: error => (error ? this.#problems.report('own runs', error) : this.#problems.solve('own runs')),
    })
  }

  /** No run waits for a measurement but the first; the next one is there when the one after asks. */
  #recentFacts(): ReturnType<RunningDevice['measure']> {
    const at = this.#ports.now()
    const known = this.#factsKnown
    const isOld = !known || Math.abs(at - known.at) > this.#options.limits.heartbeatMs
    if (!isOld) return known.facts
    const facts = this.measure()
    this.#factsKnown = { at, facts: known?.facts ?? facts }
    facts.then(
      () => (this.#factsKnown = { at, facts }),
      () => (this.#factsKnown = undefined),
    )
    return known?.facts ?? facts
  }

  async measure() {
    const [runtimes, metrics] = await Promise.all([this.#options.kernels.runtimes(), this.#facts.measure()])
    return { runtimes, metrics }
  }

  #watchSleep(): SleepNotice {
    const { now, sleep } = this.#ports
    const sleeping = async () => {
      await this.#snapshots.flush()
      await this.#link?.sleep()
    }
    const events = { sleeping, woke: () => this.#woke() }
    return new SleepNotice(events, this.#options.limits, now, sleep)
  }

  /** What was granted before may have been taken back meanwhile; the clock of the grants stood still. */
  #woke(): void {
    this.#direct?.endAll()
    this.#link?.wake()
  }

  #makeLink(url: string, streams: Streams): HubLink {
    const { limits, name, kind, register, kernels } = this.#options
    const { now, random } = this.#ports
    return new HubLink({
      openSocket: openWebSocket,
      measure: () => this.#facts.measure(),
      url,
      key: this.#key,
      name,
      kind,
      limits,
      now,
      random,
      streams,
      enroll: async () => void (await register?.(this.publicKey, name, kind)),
      runtimes: () => kernels.runtimes(),
      credentials: {
        token: () => this.#token.show(),
        keep: token => this.#token.keep(token),
        seal: this.#sealKey(),
      },
      projects: () => this.attachments().map(({ project }) => project.id),
      environments: () => [...this.#environments.list()],
      problems: () => problemsInWords(this.#problems.all(), this.attachments(), limits),
      held: () => ({ heads: this.#monitor.heads(), runs: [...this.#monitor.runs(), ...this.#localRuns.held()] }),
      restores: () => this.#snapshots.restores,
      greeted: welcome => {
        this.#snapshots.online(welcome.snapshots === true)
        this.#localRuns.online(welcome)
      },
      ...(this.#direct && { lan: () => this.#lanState(this.#direct!) }),
      welcomed: ({ projects, runs, lost }) => {
        this.#guard(this.#learn(url, projects))
        this.#hubAssets?.setOnline(true)
        this.#guard(this.#monitor.online(runs, lost))
      },
      left: () => {
        this.#hubAssets?.setOnline(false)
        this.#monitor.offline()
        this.#localRuns.offline()
        this.#snapshots.offline()
      },
      message: message => this.#receive(message),
      status: status => {
        if (status.state === 'refused') this.#refused(status.error)
        this.changed()
      },
    })
  }

  #receive(message: HubMessage): void {
    const monitor = this.#monitor
    switch (message.type) {
      case 'LEASE':
        this.#guard(monitor.onLease(message.lease))
        break
      case 'RUN_REQUEST':
        monitor.onAnswer(message)
        break
      case 'RUN_INPUT':
        this.#guard(monitor.onInput(message))
        break
      case 'RUN_CANCEL':
        this.#guard(monitor.onCancel(message))
        break
      case 'GATE_DECIDED':
        this.#guard(this.gates.decided(message))
        break
      case 'RUN_ACK':
        monitor.onAck(message)
        this.#localRuns.onAck(message)
        break
      case 'RUN_IMPORTED':
        this.#guard(this.#localRuns.onImported(message))
        break
      case 'MRP_REQUEST':
        this.#guard(monitor.onSessionRequest(message))
        break
      case 'ENVIRONMENT':
        this.#guard(this.#environments.asked(message))
        break
      case 'OWNER_KEYS':
        this.#guard(this.ownerKey.receive(message))
        break
      case 'LAN_GRANT':
        this.#guard((async () => this.#direct?.granted(message))())
        break
      case 'LAN_END':
        this.#direct?.ended(message.peer)
        break
      case 'MIGRATE_OUT':
        this.#snapshots.migrateOut(message)
        break
      case 'MIGRATE_IN':
        this.#snapshots.migrateIn(message)
        break
      case 'PREFETCH':
        this.#snapshots.prefetch(message)
        break
      case 'SESSION_MOVED':
        this.#snapshots.sessionMoved(message)
        break
      case 'PROJECT_LIST':
        this.#guard(this.#learn(this.#options.hub!.url, message.projects))
        break
      case 'DEVICE_LIST':
        this.#heardDevices(message)
        break
      case 'SESSION_LIST':
        this.#localRuns.heard({ sessions: message.sessions })
        this.#webApp.sessionsChanged(message.sessions)
        break
    }
  }

  async #lanState(direct: DirectPath): Promise<LanState> {
    const lan = await direct.offer()
    return { ...(lan && { lan }), direct: direct.peers() }
  }

  #makeSnapshots(): DeviceSnapshots {
    const { folder, kernels, limits, hub, snapshots } = this.#options
    const here = join(folder, 'snapshots')
    const use = (hub && snapshots?.use) ?? 'off'
    const known = () => this.#localRuns.lastHeard.devices
    return new DeviceSnapshots({
      ...this.#ports,
      use,
      ...(use === 'off' ? noParts : (snapshots?.parts ?? this.#makeSnapshotParts(here, hub!.url))),
      kernels,
      monitor: () => this.#monitor,
      folder: here,
      self: this.id,
      nameOf: device => known().find(({ id }) => id === device)?.name,
      folderOf: project => this.#attachments.folderOf(project),
      idleMinutes: () => known().find(({ id }) => id === this.id)?.policy.idleMinutes ?? 0,
      send: message => this.#link?.send(message) ?? false,
      abilityChanged: () => this.#link?.renew(),
      problems: this.#problems,
      limits,
      after: systemAfter,
    })
  }

  #makeSnapshotParts(folder: string, url: string): SnapshotParts {
    const { kernels, limits, snapshots } = this.#options
    return makeSnapshotParts({
      ...this.#ports,
      folder,
      url,
      kernels,
      limits,
      criuFolder: snapshots?.criuFolder,
      org: this.#key.org,
      self: this.id,
      key: this.#key,
      store: this.#database,
      ownerKey: this.ownerKey,
      sleep: systemSleep,
    })
  }

  #makeEnvironments(): Environments {
    const policy = () => this.#localRuns.lastHeard.devices.find(({ id }) => id === this.id)?.policy
    return new Environments({
      folders: () => this.attachments().map(({ project, folder }) => ({ project: project.id, folder })),
      isAutomatic: () => policy()?.environments === 'automatic',
      env: process.env,
      limits: this.#options.limits,
      changed: () => {
        this.#webApp.environmentsChanged()
        this.#link?.environmentsChanged()
      },
    })
  }

  #makeProjects(): AccountProjects {
    const { folder, projectsFolder, limits } = this.#options
    return new AccountProjects({
      ...this.#ports,
      org: this.#key.org,
      store: this.#database,
      disk: this.#disk,
      after: systemAfter,
      limits,
      problems: this.#problems,
      attachments: this.#attachments,
      folder,
      projectsFolder,
      freeBytes,
      attached: () => this.#foldersChanged(),
      changed: () => this.#guard(this.#webApp.projectsChanged()),
    })
  }

  /** Rights may have come with it: what was refused is asked for again, also when the refusal comes after the news of it. */
  async #learn(hub: string, projects: readonly DeviceProject[]): Promise<void> {
    await this.projects.learn(hub, projects)
    const named = new Set(projects.map(({ id }) => id))
    for (const ms of [0, ...reopenMs]) systemAfter(ms, () => this.#streams?.reopen(named))
    await this.#bringMade()
  }

  /** What this device made before it had a hub becomes the hub's; its list of projects then names it (DV111). */
  async #bringMade(): Promise<void> {
    const hub = this.#options.hub
    if (!hub?.token) return
    const { url, token } = hub
    for (const project of this.projects.made()) {
      const about = `made ${project.id}`
      try {
        await bringToHub({ url, token }, project)
        this.#problems.solve(about)
      } catch (thrown) {
        const { code, message } = asMeshError(thrown)
        this.#problems.report(
          about,
          new MeshError(code, { detail: `the hub has not taken ${project.name}: ${message}` }),
        )
        if (this.linked) systemAfter(this.#options.limits.projectRetryMs, () => this.#guard(this.#bringMade()))
        return
      }
    }
  }

  #heardDevices({ devices, part, gone = [] }: Extract<HubMessage, { type: 'DEVICE_LIST' }>): void {
    const replaced = new Set([...devices.map(({ id }) => id), ...gone])
    const others = part ? this.#localRuns.lastHeard.devices.filter(({ id }) => !replaced.has(id)) : []
    const known = [...others, ...devices]
    this.#localRuns.heard({ devices: known })
    const own = known.find(({ id }) => id === this.id)
    if (own) this.#guard(this.#options.kernels.setPolicy(kernelPolicyOf(own.policy)))
    this.#webApp.devicesChanged(known)
  }

  #sealKey(): { key: string; proof: string } {
    const { sealKey, sealProof } = this.#key.keys()
    return { key: sealKey, proof: sealProof }
  }

  #tokenSaved(error: MeshError | undefined): void {
    if (error) this.#problems.report('token', error)
    else this.#problems.solve('token')
  }

  /** It says so until it is paired again, and the next pairing makes a new key. */
  #refused(error: MeshError): void {
    this.#direct?.endAll()
    this.#problems.report('revoked', error)
    this.#guard(this.#key.markRevoked(error.detail ?? error.message))
  }

  #guard(work: Promise<void>): void {
    work.catch(thrown =>
      this.#ports.log.warn({ err: asMeshError(thrown) }, 'a message of the hub could not be acted on'),
    )
  }
}
