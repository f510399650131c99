/** A hub from its configuration: opens the store, wires the parts in order, listens, and closes them in reverse. */
import { mkdir } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Project } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import {
  type DeviceId,
  type Now,
  type OrgId,
  type ProjectId,
  type RandomBytes,
  type RunId,
  type SessionId,
  systemRandom,
} from '@meshbook/core/ids.ts'
import { type Limits, limits, scaledTimes } from '@meshbook/core/limits.ts'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { VersionRecorder } from '@meshbook/relay/history/version-recorder.ts'
import { NeighbourExchange, type Neighbours } from '@meshbook/relay/neighbours.ts'
import { Relay } from '@meshbook/relay/relay.ts'
import { listenerOf } from '@meshbook/relay/serve/http-app.ts'
import { listenAt, stopListening } from '@meshbook/relay/serve/listen.ts'
import { isLoopbackName } from '@meshbook/relay/serve/loopback-name.ts'
import { Seats } from '@meshbook/relay/serve/seats.ts'
import { SyncRates } from '@meshbook/relay/serve/sync-rates.ts'
import type { StorageHealth } from '@meshbook/relay/sql/database.ts'
import { systemAfter } from '@meshbook/relay/timers.ts'
import { within } from '@meshbook/relay/within.ts'
import { AssetCollector } from './assets/asset-collector.ts'
import { AssetUploads } from './assets/asset-uploads.ts'
import { collectRegularly } from './assets/collect-regularly.ts'
import { Access } from './auth/access.ts'
import { Accounts } from './auth/accounts.ts'
import { Audit } from './auth/audit.ts'
import { Authenticator } from './auth/authenticator.ts'
import { Memberships } from './auth/memberships.ts'
import { OpenDoors } from './auth/open-doors.ts'
import { openProviders } from './auth/open-providers.ts'
import { Passkeys } from './auth/passkeys.ts'
import { addUser, commandLineToken, ensureFirstUser, newSignInLink } from './auth/sign-in.ts'
import { finishRestore } from './backup/work-folder.ts'
import { openCompute } from './compute/open-compute.ts'
import { openTaskDriver } from './compute/open-task-driver.ts'
import type { ComputeDriver } from './compute/port.ts'
import { openWorkersDoor } from './compute/workers-door.ts'
import type { HubConfig } from './config.ts'
import { DeviceTeller } from './devices/device-teller.ts'
import { Fleet, type FleetChange } from './devices/fleet.ts'
import { LanGrants } from './devices/lan-grants.ts'
import { registerDevice, showDevice } from './devices/registration.ts'
import { closeRevoked } from './devices/revocation.ts'
import { Documents } from './documents/documents.ts'
import { Gates } from './gates/gates.ts'
import { Ledger } from './gateway/ledger.ts'
import { ModelGateway } from './gateway/model-gateway.ts'
import { Hooks } from './git/hooks.ts'
import { fromVault, openGit } from './git/open-git.ts'
import { sourceOf } from './history/authors.ts'
import { History } from './history/history.ts'
import { buildApp } from './http/app.ts'
import { routes } from './http/routes.ts'
import { HubEvents } from './hub-events.ts'
import { concernedOf } from './hubs/concerned.ts'
import { Orders } from './hubs/orders.ts'
import { OtherHubs } from './hubs/other-hubs.ts'
import { alone, sharedPresence } from './hubs/presence.ts'
import { tellingStore } from './hubs/telling-store.ts'
import { noWake, type Wake } from './hubs/wake.ts'
import { type Log, newLog } from './log.ts'
import { Metrics } from './metrics.ts'
import { LeftHeads } from './moves/left-heads.ts'
import { Moves } from './moves/moves.ts'
import { Prefetches } from './moves/prefetches.ts'
import { RestoreProgress } from './moves/restore-progress.ts'
import { SavedSessions } from './moves/saved-sessions.ts'
import { type MailSender, openMail } from './notify/mail-sender.ts'
import { Notifier } from './notify/notifier.ts'
import { PushKeyPair } from './notify/push-key.ts'
import { sealPlainWays } from './notify/sealed-way.ts'
import { Ways } from './notify/ways.ts'
import { openObjects } from './objects/open-objects.ts'
import { outgoing, systemResolve } from './outgoing/guarded-request.ts'
import type { Parts } from './parts.ts'
import { HtmlExports } from './publish/html-exports.ts'
import { atOwnOrigin } from './publish/own-origin.ts'
import { PageMaker } from './publish/page-maker.ts'
import { Publications, type PublicationsPorts } from './publish/publications.ts'
import { PublishedPages } from './publish/published-pages.ts'
import { openQueue } from './queue/open-queue.ts'
import { SystemWork } from './queue/system-work.ts'
import type { WorkQueue } from './queue/work-queue.ts'
import { openRates } from './rates/open-rates.ts'
import { Claims } from './runs/claims.ts'
import { Imports } from './runs/imports.ts'
import { LostRuns } from './runs/lost-runs.ts'
import { Repeats } from './runs/repeats.ts'
import { expireRuns } from './runs/retention.ts'
import { RunFeeds } from './runs/run-feeds.ts'
import { Runs } from './runs/runs.ts'
import { SessionControl } from './runs/session-control.ts'
import { SessionRequests } from './runs/session-requests.ts'
import { Upkeep } from './runs/upkeep.ts'
import { Snapshots } from './snapshots/snapshots.ts'
import { Upgrades } from './sockets/upgrade.ts'
import { shownSession } from './store/heads.ts'
import type { UserRow } from './store/identity.ts'
import { openStore } from './store/open-store.ts'
import { storageError } from './store/storage-error.ts'
import { openTaskWork } from './tasks/open-task-work.ts'
import { type OpenTasks, type OpenTaskWork, openTasks } from './tasks/open-tasks.ts'
import { taskAssets } from './tasks/task-assets.ts'
import { openBothDoors } from './tls/both-doors.ts'
import { type PlainPorts, refusingPlain } from './tls/refuse-plain.ts'
import { lanUrl, ShownCertificate } from './tls/shown-certificate.ts'
import { changeMasterKey } from './vault/change-master-key.ts'
import { MasterKey } from './vault/master-key.ts'
import { Vault } from './vault/vault.ts'
import { version } from './version.ts'
import { FileChanges } from './workflows/file-changes.ts'
import { type OpenWorkflows, openWorkflows } from './workflows/open-workflows.ts'

export interface HubPorts {
  now: Now
  random: RandomBytes
  log: Log
  /** In place of those of the catalogue. */
  limits?: Partial<Limits>
  /** In place of what the configuration names. */
  computeDriver?: (hub: string) => ComputeDriver
  taskWork?: OpenTaskWork | undefined
}

export interface Hub {
  /** Where it listens; a browser may reach it under the public URL instead. */
  readonly url: string
  readonly port: number
  /** For programs of this machine: plain HTTP on loopback, also where `url` is HTTPS with a name that is not this machine's. */
  readonly localUrl: string
  /** A link that signs one browser in, once, and leads it to the page `to` of the app. */
  signInLink(to?: string): Promise<string>
  /** Makes a user with an org of their own; returns a link that signs them in, once. */
  addUser(name: string): Promise<string>
  /** An API token for the commands of this machine; the one that was made before is void. */
  commandLineToken(): Promise<string>
  /** The device of this machine, registered without a token. */
  registerDevice(publicKey: string, name: string, kind: DeviceInfo['kind']): Promise<DeviceId>
  ensureProject(name: string): Promise<Project>
  hasDocuments(project: ProjectId): Promise<boolean>
  close(): Promise<void>
}

export async function startHub(
  config: HubConfig,
  ports: HubPorts = { now: Date.now, random: systemRandom, log: newLog('warn') },
): Promise<Hub> {
  const closers: (() => Promise<unknown> | unknown)[] = []
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    return await start(config, ports, closers, close)
  } catch (error) {
    await close()
    throw error
  }
}

async function start(
  config: HubConfig,
  ports: HubPorts,
  closers: (() => Promise<unknown> | unknown)[],
  close: () => Promise<void>,
): Promise<Hub> {
  const { log, now } = ports
  await privateFolder(config.dataFolder)
  await finishRestore(config.dataFolder)
  const events = new HubEvents()
  let documents: Documents | undefined
  const metrics = new Metrics()
  const onHealth = (health: StorageHealth): void => tellStorage(events, metrics, log, health)
  const opened = await openStore(config, onHealth)
  const { documents: documentStore, log: sharedLog } = opened
  const wake = await wakeOf(config, ports)
  const store = config.database ? tellingStore(opened.store, wake) : opened.store
  closers.push(() => store.close())
  closers.push(() => wake.close())
  const neighbours = await neighboursOf(config, ports)
  closers.push(() => neighbours.close())
  const user = await ensureFirstUser({ ...ports, store }, config.bootstrapToken)
  const objects = await openObjects(config, documentStore, ports)
  closers.push(() => objects.close())
  const folder = join(config.dataFolder, 'uploads')
  const uploads = await AssetUploads.open({ ...ports, folder, objects: objects.assets, store, limits })
  closers.push(() => uploads.close())
  const collector = new AssetCollector({ ...ports, ...objects, objects: objects.assets, store, uploads, limits })
  const times = { ...scaledTimes(config.timesDivisor), ...ports.limits }
  const recorder = new VersionRecorder({
    store: objects.documents,
    versions: store,
    now,
    after: systemAfter,
    limits: times,
    log,
    follows: key => !documents?.isTree(key.document),
    sourceOf,
    onVersion: ({ org, document }, version) => events.publish(org, { type: 'versions', document, version }),
  })
  closers.push(() => recorder.close())
  const fileChanges = new FileChanges({ ...ports, store, times, log, isTree: id => documents?.isTree(id) ?? false })
  closers.push(() => fileChanges.flush())
  const relay = new Relay({
    store: objects.documents,
    onChange: (key, peer, position) => {
      recorder.changed(key, peer, position)
      fileChanges.changed(key, peer)
    },
    now,
    random: ports.random,
    limits: times,
    log,
    onStorage: onHealth,
    shared: sharedLog && { log: objects.following(sharedLog), neighbours },
  })
  closers.push(() => relay.close())
  const entriesChanged = fileChanges.treeChanged.bind(fileChanges)
  documents = await Documents.start({ ...ports, store, relay, events, entriesChanged })
  closers.push(() => documents?.close())
  let url = ''
  const hub = Buffer.from(ports.random(12)).toString('hex')
  const history = new History({ recorder, versions: store, documents, relay, now })
  const maker = new PageMaker(times)
  closers.push(() => maker.close())
  const publishing = { store, documents: objects.documents, history, maker, now }
  const pushKey = await PushKeyPair.open(store, now())
  let openedMaster: Promise<MasterKey> | undefined
  const masterKey = (): Promise<MasterKey> => (openedMaster ??= MasterKey.open(config, ports.random))
  await changeMasterKey({ ...ports, store, config, masterKey })
  await sealPlainWays(store, masterKey)
  const mail = await openMail(config.mail, times)
  const notifier = new Notifier({
    ...{ ...ports, store, mail, masterKey },
    times,
    key: pushKey,
    send: outgoing({ resolve: systemResolve, times }),
    hubUrl: () => config.publicUrl ?? url,
    pushServices: config.pushServices,
  })
  const { requestRates, closeRates } = await openRates(config, ports)
  closers.push(closeRates)
  const queue = await openQueue(config, { ...ports, times }, user.org)
  closers.push(() => queue.close(limits.shutdownMs / 2))
  const system = new SystemWork({ queue, log })
  const others = config.database && new OtherHubs({ ...ports, store, wake, times, hub, org: user.org })
  const parts = await wire({
    config,
    hub,
    wake,
    queue,
    system,
    others: others ?? undefined,
    version,
    computeDriver: ports.computeDriver,
    taskWork: ports.taskWork,
    url: () => url,
    ...ports,
    times,
    metrics,
    store,
    events,
    relay,
    documents,
    history,
    publishing,
    pushKey,
    mail,
    masterKey,
    notifier,
    pages: new PublishedPages({ ...publishing, objects: objects.assets, limits: times }),
    htmlExports: new HtmlExports({ ...publishing, objects: objects.assets, random: ports.random }),
    objects: objects.assets,
    uploads,
    collector,
    requestRates,
  })
  closers.push(() => parts.gateway.close())
  if (others) await others.start(concernedOf(parts))
  closers.push(() => others?.close())
  await parts.ledger.settleLeft()
  system.regularly('left-model-calls', times.offlineMs, () => parts.ledger.settleLeft())
  closers.push(system.begin())
  const certificate = await ShownCertificate.open(config, ports)
  const isSecure = certificate !== undefined
  const authority = certificate?.shown.authority
  const { answer, begin } = serving(parts, { isSecure, authority: () => certificate?.shown.authority })
  const server = await listen(config, answer, certificate, closers)
  const { port } = server.address() as AddressInfo
  const local = certificate ? await listen(loopback, answer, undefined, closers) : server
  const localUrl = certificate ? urlOf(loopback.host, (local.address() as AddressInfo).port, false) : undefined
  // With its own authority the browsers of this machine go on with plain HTTP, which needs nothing installed.
  const isElsewhere = authority !== undefined && !isHere(config.host)
  const ownUrl = (isElsewhere && localUrl) || urlOf(config.host, port, config.tls !== null)
  url = (authority && !isLoopbackName(config.host) && lanUrl(port)) || ownUrl
  closers.push(certificate ? renewing(certificate, server, times.tlsLookMs, log) : () => undefined)
  const collectAssets = () => parts.snapshots.collect().then(() => collector.collect())
  const collect = () => Promise.all([collectAssets(), objects.collectSnapshots(), parts.audit.trim()])
  const stopCollecting = collectRegularly(limits.assetCollectMs, collect, log)
  closers.push(() => {
    stopCollecting()
    return collector.close()
  })
  const logMs = Math.ceil(config.runRetentionDays * 24 * 3_600_000)
  closers.push(collectRegularly(times.runRetentionMs, () => expireRuns({ store, now, logMs }), log))
  closers.push(await begin())
  closers.push(notifier.begin())
  log.info({ url, version }, 'the hub listens')
  return handleOf(parts, user, { url: ownUrl, localUrl: localUrl ?? ownUrl, port }, closing(close, log))
}

/** Without Redis, which is loaded only where there is one, other hubs' edits are found by looking at the log alone. */
async function neighboursOf({ redisUrl }: HubConfig, { random, log }: HubPorts): Promise<Neighbours> {
  if (redisUrl === null) return new NeighbourExchange().connect()
  const { RedisNeighbours } = await import('./documents/redis-neighbours.ts')
  return new RedisNeighbours({ url: redisUrl, random, log })
}

async function wakeOf({ database, redisUrl }: HubConfig, { random, log }: HubPorts): Promise<Wake> {
  if (!database || redisUrl === null) return noWake
  const { RedisWake } = await import('./hubs/redis-wake.ts')
  return new RedisWake({ url: redisUrl, random, log })
}

type Wired =
  | 'vault'
  | 'gateway'
  | 'ledger'
  | 'authenticator'
  | 'access'
  | 'audit'
  | 'memberships'
  | 'accounts'
  | 'passkeys'
  | 'doors'
  | 'rates'
  | 'seats'
  | 'fleet'
  | 'lan'
  | 'deviceTeller'
  | 'presence'
  | 'compute'
  | 'tasks'
  | 'hooks'
  | 'openTasks'
  | 'workflows'
  | 'triggers'
  | 'webhooks'
  | 'openWorkflows'
  | 'closeWork'
  | 'orders'
  | 'feeds'
  | 'runs'
  | 'repeats'
  | 'gates'
  | 'sessionRequests'
  | 'sessionControl'
  | 'moves'
  | 'savedSessions'
  | 'leftHeads'
  | 'lostRuns'
  | 'prefetches'
  | 'restoreProgress'
  | 'claims'
  | 'imports'
  | 'sessionsOf'
  | 'sessionsChanged'
  | 'publications'
  | 'ways'
  | 'snapshots'
type Base = Omit<Parts, Wired> & {
  wake: Wake
  queue: WorkQueue
  /** Looks that one hub does for all. */
  system: SystemWork
  publishing: Omit<PublicationsPorts, 'audit' | 'events'>
  computeDriver: HubPorts['computeDriver']
  taskWork: HubPorts['taskWork']
  notifier: Notifier
  mail: MailSender | null
  masterKey: () => Promise<MasterKey>
  /** Of this process. */
  hub: string
}

/** The parts that devices and runs are made of; each tells the next by the functions given here. */
async function wire(base: Base): Promise<Parts> {
  const { store, events, now, times, log, others, wake, masterKey } = base
  const placeSoon = new Soon<OrgId>(times.devicesToldMs, org => {
    runs.placeAll(org).catch((error: unknown) => log.error({ err: error }, 'placing runs failed'))
  })
  const devicesChanged = (org: OrgId, device: DeviceId, change: FleetChange): void => {
    const { placement, isLoad, wentOffline, silence } = change
    deviceTeller.changed(org, device, isLoad)
    if (!fleet.info(device)) lan.revoked(org, device)
    if (placement) placeSoon.ask(org)
    const told =
      silence === 'begun' ? prefetches.silent(device) : silence === 'over' ? prefetches.answers(device) : null
    told?.catch((error: unknown) => log.debug({ err: error, device }, 'nothing was prefetched'))
    const info = wentOffline ? fleet.info(device) : undefined
    if (info) events.publish(org, { type: 'device-offline', device, name: info.name, at: info.lastSeenAt })
  }
  const rows = await store.query('listDevices', { org: null })
  const fleet: Fleet = new Fleet(rows, times, now, devicesChanged, others)
  const deviceTeller = new DeviceTeller(fleet, events, times)
  const lan: LanGrants = new LanGrants({ ...base, fleet })
  const restoreProgress = new RestoreProgress()
  const sessionsOf: Parts['sessionsOf'] = async (org, project) =>
    (await store.query('listSessions', { org, project })).map(row => restoreProgress.shown(shownSession(row)))
  const tellSessions = async (org: OrgId): Promise<void> => {
    const sessions = await sessionsOf(org)
    events.publish(org, { type: 'sessions', sessions })
    fleet.sendToAll(org, { type: 'SESSION_LIST', sessions })
  }
  const sessions = new Soon<OrgId>(times.devicesToldMs, org => {
    tellSessions(org).catch((error: unknown) => log.error({ err: error }, 'telling sessions failed'))
  })
  const sessionsChanged = (org: OrgId): void => sessions.ask(org)
  const savings = new Soon<OrgId>(times.savedToldMs, org => sessions.ask(org))
  const feeds = new RunFeeds()
  const audit = new Audit(base)
  const access = new Access(store, org => base.collector.catchUp(org))
  const orders = new Orders({ store, fleet, times, now, hub: others?.hub })
  const gates = new Gates({
    ...base,
    fleet,
    toTask: run => {
      opened.heardOf(run)
      openedWorkflows.heardOf(run)
    },
  })
  const gatesChanged = (org: OrgId, run: RunId): void => {
    gates.changed(org, run).catch((error: unknown) => log.error({ err: error, run }, 'telling gates failed'))
  }
  const growth = new Soon<string>(times.devicesToldMs, key => {
    const [org, run] = key.split(' ') as [OrgId, RunId]
    wake.tell({ type: 'grew', org, run })
  })
  const grewElsewhere = (org: OrgId, run: RunId): void => growth.ask(`${org} ${run}`)
  const prefetches = new Prefetches({ ...base, fleet, orders })
  const waitsForHolder = (org: OrgId, session: SessionId): void => {
    prefetches
      .prepare(org, session)
      .catch((error: unknown) => log.debug({ err: error, session }, 'nothing was prefetched'))
  }
  const told = { sessionsChanged, gatesChanged, grewElsewhere, waitsForHolder }
  const vault = new Vault({ ...base, audit, masterKey, resolve: systemResolve })
  const ledger = new Ledger({ ...base, isShared: others !== undefined })
  const gateway = new ModelGateway({ ...base, vault, ledger, resolve: systemResolve })
  const compute = await openCompute({
    ...base,
    audit,
    masterKey,
    driver: base.computeDriver,
    joined: device => showDevice({ store, fleet }, device),
    ended: (org, { device, ended }, reason) => {
      if (device && ended)
        closeRevoked({ ...base, audit, fleet, doors, runs, sessionsChanged }, org, device, ended, reason)
    },
    placeAgain: () => {
      runs.placeAll().catch((error: unknown) => log.error({ err: error }, 'placing runs failed'))
    },
  })
  const { workers } = compute
  const runs: Runs = new Runs({ ...base, ...told, audit, fleet, orders, feeds, workers })
  const { work, closeWork } = base.taskWork
    ? { work: base.taskWork, closeWork: () => Promise.resolve() }
    : await taskWork({ ...base, vault, gateway, hub: compute.hub })
  const opened: OpenTasks = openTasks({
    ...{ ...base, ...told, audit, access, feeds, runs, hub: compute.hub, work },
    ...base.config.tasks,
  })
  const publications = new Publications({ ...base.publishing, audit, events })
  const openedWorkflows: OpenWorkflows = openWorkflows({
    ...{ ...base, ...told, access, audit, vault, gateway, feeds, runs, publications, isAlone: others === undefined },
    tasks: opened.tasks,
    readersUrl: () => base.config.publishUrl ?? base.config.publicUrl ?? base.url(),
    name: Buffer.from(base.random(12)).toString('hex'),
    allowsPrivate: base.config.workflowsPrivate,
  })
  const hooks = new Hooks({
    ...{ ...base, audit, masterKey },
    startTask: async (task, { name, org, user, project }) => {
      await opened.tasks.submit(org, project, { name, asker: { org, user }, source: {} }, task)
    },
  })
  const repeats = new Repeats({ ...base, audit, orders, runs })
  const moves = new Moves({ ...base, audit, fleet, orders, runs, sessionsChanged })
  const leftHeads = new LeftHeads({ ...base, fleet, orders, moves, sessionsChanged })
  const savingChanged = (org: OrgId): void => savings.ask(org)
  const heard = { moves, leftHeads, restoreProgress, runs, sessionsChanged, savingChanged }
  const sessionRequests = new SessionRequests(store, orders)
  const claims = new Claims({ ...base, access, runs })
  const imports = new Imports({ ...base, audit, access, runs })
  const { accounts: settings, publicUrl } = base.config
  const doors = new OpenDoors()
  const providers = await openProviders(settings, times, now)
  const accounts = new Accounts({ ...base, audit, doors, providers, signUp: settings.signUp, publicUrl })
  return {
    ...base,
    vault,
    gateway,
    ledger,
    authenticator: new Authenticator(store, now),
    access,
    audit,
    accounts,
    passkeys: new Passkeys({ ...base, audit, accounts }),
    publications,
    ways: new Ways({
      ...base,
      audit,
      key: base.pushKey,
      pushServices: base.config.pushServices,
      resolve: systemResolve,
    }),
    memberships: new Memberships({ ...base, audit, doors, runs }),
    doors,
    rates: new SyncRates(times, now),
    seats: new Seats(),
    fleet,
    lan,
    deviceTeller,
    presence: others ? sharedPresence(store, others.hub) : alone,
    compute,
    tasks: opened.tasks,
    hooks,
    openTasks: opened,
    workflows: openedWorkflows.workflows,
    triggers: openedWorkflows.triggers,
    webhooks: openedWorkflows.webhooks,
    openWorkflows: openedWorkflows,
    closeWork,
    orders,
    feeds,
    runs,
    claims,
    imports,
    gates,
    repeats,
    moves,
    leftHeads,
    prefetches,
    restoreProgress,
    savedSessions: new SavedSessions({ ...base, ...heard }),
    lostRuns: new LostRuns({ ...base, fleet, runs, repeats }),
    sessionRequests,
    sessionControl: new SessionControl({ ...base, fleet, runs, sessionRequests, sessionsChanged }),
    snapshots: new Snapshots({ ...base, limits: times, audit, sessionsChanged }),
    sessionsOf,
    sessionsChanged,
  }
}

/** Where a hub makes workers, it works on tasks. */
async function taskWork(
  base: Pick<
    Parts,
    'config' | 'store' | 'uploads' | 'objects' | 'vault' | 'gateway' | 'times' | 'now' | 'random' | 'log'
  > & {
    hub: string
  },
): Promise<{ work: OpenTaskWork | undefined; closeWork: () => Promise<void> }> {
  const { config, vault, hub } = base
  const { compute, dataFolder } = config
  if (!compute) return { work: undefined, closeWork: () => Promise.resolve() }
  const git = await openGit({ ...base, dataFolder, settings: config.git, credentialFor: fromVault(vault) })
  const folder = join(dataFolder, 'tasks')
  const driver = openTaskDriver(compute, hub, folder)
  const work = openTaskWork({
    ...{ ...base, git },
    folder: join(folder, 's'),
    driver,
    limits: { ...compute.limits, diskBytes: compute.diskBytes, wallMs: limits.taskMs },
    ...{ packagesFrom: config.tasks.packagesFrom, warm: config.tasks.warm, most: config.tasks.most },
    lookMs: base.times.workerLookMs,
    assets: taskAssets(base),
  })
  const closeWork = async (): Promise<void> => {
    await git.close()
    await driver.close?.()
  }
  return { work, closeWork }
}

/** What is asked for in a burst is done once. */
class Soon<Key> {
  readonly #ms: number
  readonly #act: (key: Key) => void
  readonly #waiting = new Set<Key>()

  constructor(ms: number, act: (key: Key) => void) {
    this.#ms = ms
    this.#act = act
  }

  ask(key: Key): void {
    if (this.#waiting.has(key)) return
    this.#waiting.add(key)
    setTimeout(() => {
      this.#waiting.delete(key)
      this.#act(key)
    }, this.#ms).unref()
  }
}

/** `answer` makes a server answer, before it listens; `begin` starts what goes on by itself and returns what stops all. */
function serving(
  parts: Parts,
  tls: Omit<PlainPorts, 'config'>,
): { answer: (server: Server) => void; begin: () => Promise<() => Promise<void>> } {
  const upgrades = new Upgrades(parts)
  const main = atOwnOrigin(parts, {
    request: listenerOf(buildApp(parts, routes(parts))),
    upgrade: (request, socket, head) => upgrades.handle(request, socket, head),
  })
  const { request, upgrade } = refusingPlain({ config: parts.config, ...tls }, main)
  const answer = (server: Server): void => {
    server.on('request', request)
    server.on('upgrade', upgrade)
  }
  const begin = async (): Promise<() => Promise<void>> => {
    const closeWorkers = await beginWorkers(parts, main)
    const closeTasks = parts.openTasks.begin()
    const closeWorkflows = parts.openWorkflows.begin()
    const upkeep = new Upkeep(parts)
    const ticking = setInterval(() => tick(parts, upkeep), Math.max(20, Math.min(1_000, parts.times.suspectMs / 10)))
    tick(parts, upkeep)
    return async () => {
      clearInterval(ticking)
      parts.runs.close()
      await closeWorkflows()
      await closeTasks()
      await parts.closeWork()
      await closeWorkers()
      parts.doors.closeAll(new MeshError('SHUTTING_DOWN'))
      await upgrades.close()
    }
  }
  return { answer, begin }
}

/** Before the first look at them the door is open: workers of before a restart come back by it. */
async function beginWorkers(
  { compute: { workers, door }, fleet }: Parts,
  main: Parameters<typeof atOwnOrigin>[1],
): Promise<() => Promise<void>> {
  if (!workers) return async () => undefined
  const close = await openWorkersDoor({ ...main, folder: door, workers, kindOf: device => fleet.info(device)?.kind })
  const end = workers.begin()
  return async () => {
    await end()
    await close()
  }
}

function tick({ fleet, log }: Parts, upkeep: Upkeep): void {
  fleet.tick()
  upkeep.look().catch((error: unknown) => log.debug({ err: error }, 'looking after runs failed'))
}

function handleOf(
  parts: Parts,
  user: UserRow,
  at: Pick<Hub, 'url' | 'localUrl' | 'port'>,
  close: () => Promise<void>,
): Hub {
  return {
    ...at,
    signInLink: to => newSignInLink(parts, user, parts.config.publicUrl ?? at.url, to),
    addUser: name => addUser(parts, name, parts.config.publicUrl ?? at.url),
    commandLineToken: () => commandLineToken(parts, user, machineOf(parts.config)),
    registerDevice: (publicKey, name, kind) => registerDevice(parts, user, { publicKey, name, kind }, {}),
    ensureProject: async name => (await parts.documents.ensureProject(user.org, user.name, name)).project,
    hasDocuments: async project =>
      (await parts.store.query('listDocuments', { org: user.org, project, after: '', rows: 1 })).items.length > 0,
    close,
  }
}

/** Where several hubs share users, each has a token for its own machine's commands. */
function machineOf({ database, dataFolder }: HubConfig): string | undefined {
  return database ? `${hostname()}:${dataFolder}` : undefined
}

/** Closing twice is closing once; a part that hangs does not hold up the end for longer than the limit. */
function closing(close: () => Promise<void>, log: Log): () => Promise<void> {
  let closed: Promise<void> | undefined
  return () => {
    closed ??= within(limits.shutdownMs, close(), 'closing the hub').catch((error: unknown) =>
      log.error({ err: error }, 'closing was not clean'),
    )
    return closed
  }
}

function tellStorage(events: HubEvents, metrics: Metrics, log: Log, { ok, detail }: StorageHealth): void {
  metrics.storageOk.set(ok ? 1 : 0)
  log[ok ? 'info' : 'error']({ ok, detail }, 'storage')
  events.publishToAll({ type: 'storage', ok, detail })
}

async function privateFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    const known = storageError(error)
    throw known instanceof MeshError ? known : new MeshError('READ_ONLY_FOLDER', { detail: folder, cause: error })
  }
}

const loopback = { host: '127.0.0.1', port: 0 }

/** Whoever connects in the moment that the port is open is answered: a request that nobody hears would wait for ever. */
async function listen(
  { host, port }: Pick<HubConfig, 'host' | 'port'>,
  answer: (server: Server) => void,
  certificate: ShownCertificate | undefined,
  closers: (() => unknown)[],
): Promise<Server> {
  const server = certificate ? createTlsServer(certificate.shown) : createServer()
  answer(server)
  const cutSilent = certificate ? openBothDoors(server as TlsServer) : () => undefined
  await listenAt(server, { host, port })
  closers.push(() => {
    cutSilent()
    return stopListening(server)
  })
  return server
}

function renewing(certificate: ShownCertificate, server: Server, everyMs: number, log: Log): () => void {
  return collectRegularly(everyMs, () => certificate.look(shown => (server as TlsServer).setSecureContext(shown)), log)
}

/** Whether loopback leads to what listens there. */
function isHere(host: string): boolean {
  return host === '0.0.0.0' || host === '::' || isLoopbackName(host)
}

/** An address that means "all of them" is reached on this machine by loopback. */
function urlOf(host: string, port: number, isSecure: boolean): string {
  const name = isHere(host) && !isLoopbackName(host) ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  return `${isSecure ? 'https' : 'http'}://${name}:${port}`
}
