/**
 * The devices of every org as they are now: who is connected, how they are, what they can run. The rows of the store are
 * the truth about which devices there are; whether one is online is known to the hub that has its channel, which tells
 * the others through the store. It knows nothing of runs.
 */
import { policyOf } from '@meshbook/core/device-policy.ts'
import { hasPackages } from '@meshbook/core/environments.ts'
import type { DeviceId, Now, OrgId, ProjectId, UserId } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import {
  type DeviceInfo,
  type DeviceStatus,
  type DownMessage,
  encodeMessage,
  type Metrics,
  type ProjectEnvironment,
  type Runtime,
  type ToldProblems,
} from '@meshbook/core/messages.ts'
import { rightsOf } from '@meshbook/core/roles.ts'
import type { RouteDevice } from '@meshbook/core/route.ts'
import type { RestoreAbility } from '@meshbook/core/snapshot.ts'
import type { DeviceRow } from '../store/identity.ts'
import type { Asker, Membership } from '../store/places.ts'
import type { PresenceFacts, PresenceRow, PresenceStatus } from '../store/presence.ts'
import type { OfferedDevice } from '../store/submit-run.ts'

/** The open channel of a device. */
export interface DeviceLink {
  /** False when it cannot be sent: the channel is closing. */
  send(message: DownMessage): boolean
  /** False as `send`; the same bytes for many devices. */
  sendFrame(frame: Uint8Array): boolean
  /** `reason` is told to the device. */
  close(code: 'REVOKED' | 'CONFLICT' | 'TIMEOUT', reason?: string): void
  lastFrameAt(): number
  /** Another hub left something for the device. */
  ordersWait(): void
}

/** What this hub knows of the others. */
export interface OtherHubsView {
  readonly hub: string
  /** When that hub was last noticed to be alive. */
  lastBeat(hub: string): number
}

interface Member {
  org: OrgId
  user: UserId
  info: Omit<DeviceInfo, 'status'>
  /** Name of the user whose device it is. */
  owner: string
  /** Names of the networks that it is on, by its own word and by where it connects from. For the router alone. */
  networks: readonly string[]
  /** The one that it connects from. */
  network: string
  projects: ReadonlySet<ProjectId>
  /** What it can restore of saved sessions; for the router alone. */
  restores: RestoreAbility | undefined
  /** Devices that it is connected with directly, by its own word. */
  direct: readonly DeviceId[]
  link: DeviceLink | undefined
  /** Another hub has its channel, and last said so of it. */
  elsewhere: { hub: string; isOnline: boolean } | undefined
  /** It said goodbye, so it is offline at once. */
  left: boolean
  lastStatus: DeviceStatus
}

export interface Whereabouts {
  org: OrgId
  user: UserId
  /** Names, as the router compares them. */
  networks: readonly string[]
  projects: ReadonlySet<ProjectId>
}

export interface Registration {
  os: string
  software?: string | undefined
  runtimes: Runtime[]
  metrics: Metrics
  projects: ProjectId[]
  /** Name of the one that it connects from. */
  network: string
  restores?: RestoreAbility | undefined
}

/** What changed about a device: what anybody would see, its load alone; and whether waiting runs may now have somewhere to go. */
export interface FleetChange {
  placement: boolean
  isLoad: boolean
  wentOffline: boolean
  /** It does not answer any more, or answers again. */
  silence?: 'begun' | 'over'
}

const seen: FleetChange = { placement: false, isLoad: false, wentOffline: false }

export class Fleet {
  readonly #members = new Map<DeviceId, Member>()
  readonly #byOrg = new Map<OrgId, Map<DeviceId, Member>>()
  readonly #others: OtherHubsView | undefined
  readonly #times: Limits
  readonly #now: Now
  readonly #changed: (org: OrgId, device: DeviceId, change: FleetChange) => void

  /** `changed` is told of every change; `others`: where several hubs share one database. */
  constructor(
    rows: readonly DeviceRow[],
    times: Limits,
    now: Now,
    changed: (org: OrgId, device: DeviceId, change: FleetChange) => void,
    others?: OtherHubsView,
  ) {
    this.#times = times
    this.#now = now
    this.#changed = changed
    this.#others = others
    for (const row of rows) this.#put(memberOf(row))
    for (const member of this.#members.values()) member.lastStatus = this.#statusOf(member)
  }

  /** Takes what the row says; tells only of what it did not know. */
  add(row: DeviceRow): void {
    const known = this.#members.get(row.id)
    const fresh = memberOf(row)
    const { name, kind, policy, os, software, runtimes } = fresh.info
    if (!known) {
      this.#put(fresh)
      fresh.lastStatus = this.#statusOf(fresh)
      this.#changed(row.org, row.id, seen)
      return
    }
    const before = known.info
    const described = known.link ? {} : { os, ...(software && { software }), runtimes }
    known.info = { ...before, name, kind, policy, ...described }
    if (!known.link) known.projects = fresh.projects
    const ability = known.restores
    if (!known.link) known.restores = fresh.restores
    const placement =
      JSON.stringify(policy) !== JSON.stringify(before.policy) ||
      JSON.stringify(ability) !== JSON.stringify(known.restores)
    if (placement || JSON.stringify(before) !== JSON.stringify(known.info))
      this.#changed(row.org, row.id, { ...seen, placement })
  }

  remove(org: OrgId, id: DeviceId, reason?: string): void {
    const member = this.#members.get(id)
    if (!member) return
    member.link?.close('REVOKED', reason)
    this.#members.delete(id)
    this.#of(org).delete(id)
    this.#changed(org, id, { ...seen, placement: true })
  }

  ids(): DeviceId[] {
    return [...this.#members.keys()]
  }

  /** All rows there are; who was `known` before they were read and is not among them was revoked elsewhere. */
  replaceAll(known: readonly DeviceId[], rows: readonly DeviceRow[]): void {
    const kept = new Set(rows.map(({ id }) => id))
    for (const id of known) {
      const member = this.#members.get(id)
      if (member && !kept.has(id)) this.remove(member.org, id)
    }
    for (const row of rows) this.add(row)
  }

  /** What the store says of who has the device's channel. The row of this hub's own channel tells it nothing new. */
  heardOf({ device, hub, status, seenAt, facts }: PresenceRow): void {
    const member = this.#members.get(device)
    if (!member || (member.link && hub === this.#others?.hub)) return
    const isElsewhere = hub !== '' && hub !== this.#others?.hub
    if (member.link && !isElsewhere) return
    // It has connected to another hub: what is still open here is a dead connection that nobody noticed.
    if (member.link) member.link.close('CONFLICT')
    const before = circumstances(member)
    const { metrics, network, networks, problems, environments } = facts
    member.link = undefined
    member.left = status === 'left'
    member.elsewhere = isElsewhere ? { hub, isOnline: status === 'online' } : undefined
    member.networks = [...networks]
    member.network = network
    const lastSeenAt = Math.max(member.info.lastSeenAt, seenAt)
    member.info = {
      ...member.info,
      metrics,
      lastSeenAt,
      ...(problems && { problems }),
      ...(environments && { environments }),
    }
    if (this.#statusOf(member) !== member.lastStatus || circumstances(member) !== before) this.#note(member, true)
    else this.#changed(member.org, device, { ...seen, isLoad: true })
  }

  /** A newer channel of the same device replaces the older one: the older may be a dead connection not yet noticed. */
  connect(id: DeviceId, link: DeviceLink, registration: Registration): boolean {
    const member = this.#members.get(id)
    if (!member) return false
    if (member.link && member.link !== link) member.link.close('CONFLICT')
    const { os, software, runtimes, metrics, network } = registration
    Object.assign(member, {
      link,
      left: false,
      elsewhere: undefined,
      projects: new Set(registration.projects),
      restores: registration.restores ?? member.restores,
      network,
    })
    member.info = { ...member.info, os, ...(software && { software }), runtimes }
    this.#measured(member, metrics)
    this.#note(member, true)
    return true
  }

  disconnect(id: DeviceId, link: DeviceLink): void {
    const member = this.#members.get(id)
    if (member?.link !== link) return
    member.info = { ...member.info, lastSeenAt: Math.max(member.info.lastSeenAt, link.lastFrameAt()) }
    member.link = undefined
    member.direct = []
    this.#note(member, true)
  }

  leave(id: DeviceId): void {
    const member = this.#members.get(id)
    if (!member) return
    member.left = true
    this.#note(member, true)
  }

  /** True when it changed what others go by. */
  heartbeat(id: DeviceId, metrics: Metrics): boolean {
    const member = this.#members.get(id)
    if (!member) return false
    const before = circumstances(member)
    this.#measured(member, metrics)
    const placement = circumstances(member) !== before
    if (placement || this.#statusOf(member) !== member.lastStatus) this.#note(member, placement)
    else this.#changed(member.org, id, { ...seen, isLoad: true })
    return placement
  }

  #measured(member: Member, { networks = [], ...metrics }: Metrics): void {
    member.networks = [...networks, member.network]
    member.info = { ...member.info, metrics, lastSeenAt: this.#now() }
  }

  /** What it tells takes the place of what it told; it stays while the device is away. */
  problems(id: DeviceId, problems: ToldProblems): void {
    const member = this.#members.get(id)
    if (!member) return
    member.info = { ...member.info, problems }
    this.#note(member, false)
  }

  /** What packages it has for which project; what others go by when a run is placed. */
  environments(id: DeviceId, environments: ProjectEnvironment[]): void {
    const member = this.#members.get(id)
    if (!member) return
    const placement = packagesIn(member.info.environments) !== packagesIn(environments)
    member.info = { ...member.info, environments }
    this.#note(member, placement)
  }

  /** With whom it is connected on its own network, by its own word; shown to its owner (LAN26). */
  connectedDirectly(id: DeviceId, direct: readonly DeviceId[]): void {
    const member = this.#members.get(id)
    if (!member || member.direct.join() === direct.join()) return
    member.direct = direct
    this.#note(member, false)
  }

  /** What two devices have to have in common to be near each other; undefined for one that is not connected here. */
  whereabouts(id: DeviceId): Whereabouts | undefined {
    const member = this.#members.get(id)
    if (!member?.link) return undefined
    const { org, user, networks, projects } = member
    return { org, user, networks, projects }
  }

  /** Notices what only time changes; call it every ping interval. */
  tick(): void {
    for (const member of this.#members.values()) {
      if (this.#statusOf(member) === 'offline') member.link?.close('TIMEOUT')
      if (this.#statusOf(member) !== member.lastStatus) this.#note(member, true)
    }
  }

  userOf(id: DeviceId): UserId | undefined {
    return this.#members.get(id)?.user
  }

  /** The devices of one user that are connected here. */
  linked(org: OrgId, user: UserId): DeviceId[] {
    return this.#all(org)
      .filter(member => member.user === user && member.link)
      .map(({ info }) => info.id)
  }

  /** The user's only device that is connected here from this network; undefined if there are several. */
  onlyOneFrom(org: OrgId, user: UserId, network: string): DeviceId | undefined {
    const found = this.#all(org).filter(member => member.user === user && member.link && member.network === network)
    return found.length === 1 ? found[0]!.info.id : undefined
  }

  link(id: DeviceId): DeviceLink | undefined {
    return this.#members.get(id)?.link
  }

  send(id: DeviceId, message: DownMessage): boolean {
    return this.#members.get(id)?.link?.send(message) ?? false
  }

  /** Encoded once, however many there are. */
  sendToAll(org: OrgId, message: DownMessage, to: (id: DeviceId) => boolean = () => true): void {
    const linked = this.#all(org).filter(({ link, info }) => link && to(info.id))
    if (linked.length === 0) return
    const frame = encodeMessage(message)
    for (const { link } of linked) link?.sendFrame(frame)
  }

  sizeOf(org: OrgId): number {
    return this.#of(org).size
  }

  info(id: DeviceId): DeviceInfo | undefined {
    const member = this.#members.get(id)
    return member && this.#shown(member)
  }

  /** What another hub is told of a device that is connected here. */
  presenceOf(id: DeviceId): { status: PresenceStatus; facts: PresenceFacts } | undefined {
    const member = this.#members.get(id)
    if (!member?.link) return undefined
    const { metrics, problems, environments } = member.info
    const status = this.#statusOf(member) === 'online' ? 'online' : 'suspect'
    return { status, facts: { metrics, networks: member.networks, network: member.network, problems, environments } }
  }

  connected(): number {
    return [...this.#members.values()].filter(({ link }) => link).length
  }

  statusOf(id: DeviceId): DeviceStatus {
    const member = this.#members.get(id)
    return member ? this.#statusOf(member) : 'offline'
  }

  offline(org: OrgId): DeviceId[] {
    return this.#all(org)
      .filter(member => this.#statusOf(member) === 'offline')
      .map(({ info }) => info.id)
  }

  list(org: OrgId): DeviceInfo[] {
    return this.#all(org).map(member => this.#shown(member))
  }

  /** One's own, then those of others that have a shared project and allow its members to run (ME5). */
  listFor(org: OrgId, memberships: readonly Membership[]): DeviceInfo[] {
    const shared = memberships.filter(({ roles }) => rightsOf(roles).has('run'))
    const owners = new Set(shared.map(place => place.org))
    owners.delete(org)
    const others = [...owners]
      .flatMap(owner => this.#all(owner))
      .filter(
        member =>
          member.info.policy.executes &&
          member.info.policy.runsOfOthers !== 'never' &&
          shared.some(({ org: owner, project }) => owner === member.org && member.projects.has(project)),
      )
    return [...this.list(org), ...others.map(member => this.#shownToOthers(member))]
  }

  #shown(member: Member): DeviceInfo {
    const { info, direct } = member
    const shown = { ...info, lastSeenAt: this.#lastSeenAt(member), status: this.#statusOf(member) }
    return direct.length > 0 ? { ...shown, direct: [...direct] } : shown
  }

  /** What is wrong at a device tells of its owner's files, so nobody else sees it. */
  #shownToOthers(member: Member): DeviceInfo {
    const { problems: _, direct: __, environments: ___, ...info } = this.#shown(member)
    return { ...info, owner: member.owner }
  }

  /**
   * For the router; a device that has never registered on its channel cannot be judged and is left out. They are those of
   * the org, and the asker's own where that is somebody else (ME22); which of them take the run, their policy says. The
   * holder of the session is told of whosever it is, because it may be at work on its own (I4), but takes nothing.
   */
  candidates(org: OrgId, project: ProjectId, asker: Asker | null, holder?: DeviceId): Omit<RouteDevice, 'busyRuns'>[] {
    const offered = this.#offered(org, asker)
    const isOffered = new Set(offered)
    const held = holder === undefined ? undefined : this.#members.get(holder)
    return (held && !isOffered.has(held) ? [...offered, held] : offered)
      .filter(member => member.info.os !== '' && (member.info.kind !== 'worker' || member.projects.has(project)))
      .map(member => ({
        ...this.#shown(member),
        ...(isOffered.has(member) ? {} : { policy: { ...member.info.policy, executes: false } }),
        attached: member.projects.has(project),
        environments: member.info.environments?.filter(known => known.project === project),
        owner: member.owner,
        networks: member.networks,
        restores: member.restores,
      }))
  }

  /** The same for whatever project; none where they are so many that nobody wants to carry them about. */
  offered(org: OrgId, asker: Asker | null): OfferedDevice[] {
    const members = this.#offered(org, asker).filter(({ info }) => info.os !== '')
    if (members.length > limits.devicesPerOffer) return []
    return members.map(member => ({
      ...this.#shown(member),
      projects: [...member.projects],
      owner: member.owner,
      networks: member.networks,
      restores: member.restores,
    }))
  }

  #offered(org: OrgId, asker: Asker | null): Member[] {
    const own = this.#all(org)
    if (!asker || asker.org === org) return own
    return [...own, ...this.#all(asker.org).filter(({ user }) => user === asker.user)]
  }

  orgOf(id: DeviceId): OrgId | undefined {
    return this.#members.get(id)?.org
  }

  #put(member: Member): void {
    this.#members.set(member.info.id, member)
    this.#of(member.org).set(member.info.id, member)
  }

  #of(org: OrgId): Map<DeviceId, Member> {
    const known = this.#byOrg.get(org) ?? new Map<DeviceId, Member>()
    this.#byOrg.set(org, known)
    return known
  }

  #all(org: OrgId): Member[] {
    return [...this.#of(org).values()]
  }

  #note(member: Member, placement: boolean): void {
    const before = member.lastStatus
    member.lastStatus = this.#statusOf(member)
    const wentOffline = before !== 'offline' && member.lastStatus === 'offline'
    const silence = silenceOf(before, member.lastStatus)
    this.#changed(member.org, member.info.id, { placement, isLoad: false, wentOffline, ...(silence && { silence }) })
  }

  #lastSeenAt({ info, link, elsewhere }: Member): number {
    const beat = elsewhere?.isOnline ? (this.#others?.lastBeat(elsewhere.hub) ?? 0) : 0
    return Math.max(info.lastSeenAt, link?.lastFrameAt() ?? 0, beat)
  }

  #statusOf(member: Member): DeviceStatus {
    if (member.left) return 'offline'
    const silentMs = this.#now() - this.#lastSeenAt(member)
    if (silentMs >= this.#times.offlineMs) return 'offline'
    const isHeld = member.link !== undefined || member.elsewhere?.isOnline === true
    return isHeld && silentMs < this.#times.suspectMs ? 'online' : 'suspect'
  }
}

function silenceOf(before: DeviceStatus, after: DeviceStatus): FleetChange['silence'] {
  if (before === after) return undefined
  if (after === 'online') return 'over'
  return before === 'online' ? 'begun' : undefined
}

/** What, beside its load, decides whether something that waits may begin on it (RT36). */
function circumstances({ info: { metrics }, networks }: Member): string {
  return JSON.stringify([metrics?.battery?.charging, metrics?.metered, metrics?.gpus.length, networks])
}

/** What the router goes by; how far the making of one is, it does not. */
function packagesIn(environments: readonly ProjectEnvironment[] = []): string {
  return JSON.stringify(environments.map(known => [known.project, known.language, known.file, hasPackages(known)]))
}

function memberOf(row: DeviceRow): Member {
  const { id, name, kind, os, software, runtimes, lastSeenAt } = row
  return {
    org: row.org,
    user: row.user,
    info: {
      id,
      name,
      kind,
      os,
      ...(software && { software }),
      runtimes,
      lastSeenAt,
      metrics: null,
      policy: policyOf(kind, row.policy),
    },
    owner: row.userName,
    networks: [],
    network: '',
    projects: new Set(row.projects),
    restores: row.restores ?? undefined,
    direct: [],
    link: undefined,
    elsewhere: undefined,
    left: false,
    lastStatus: 'offline',
  }
}
