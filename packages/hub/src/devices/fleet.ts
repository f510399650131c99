/**
 * The devices of every org as they are now: who is connected, how they are, what they can run. The rows of the store are
 * the truth about which devices there are; whether one is online is known only here. It knows nothing of runs.
 */
import { policyOf } from '@meshbook/core/device-policy.ts'
import type { DeviceId, Now, OrgId, ProjectId, UserId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DeviceInfo, DeviceStatus, DownMessage, Metrics, Runtime, ToldProblems } from '@meshbook/core/messages.ts'
import { rightsOf } from '@meshbook/core/roles.ts'
import type { RouteDevice } from '@meshbook/core/route.ts'
import type { DeviceRow } from '../store/identity.ts'
import type { Membership } from '../store/places.ts'

/** The open channel of a device. */
export interface DeviceLink {
  /** False when it cannot be sent: the channel is closing. */
  send(message: DownMessage): boolean
  /** `reason` is told to the device. */
  close(code: 'REVOKED' | 'CONFLICT' | 'TIMEOUT', reason?: string): void
  lastFrameAt(): number
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
  link: DeviceLink | undefined
  /** It said goodbye, so it is offline at once. */
  left: boolean
  lastStatus: DeviceStatus
}

export interface Registration {
  os: string
  runtimes: Runtime[]
  metrics: Metrics
  projects: ProjectId[]
  /** Name of the one that it connects from. */
  network: string
}

export class Fleet {
  readonly #members = new Map<DeviceId, Member>()
  readonly #times: Limits
  readonly #now: Now
  readonly #changed: (org: OrgId, placement: boolean) => void

  /** `changed` is told of every visible change; `placement` says that waiting runs may now have somewhere to go. */
  constructor(rows: readonly DeviceRow[], times: Limits, now: Now, changed: (org: OrgId, placement: boolean) => void) {
    this.#times = times
    this.#now = now
    this.#changed = changed
    for (const row of rows) this.#members.set(row.id, memberOf(row))
    for (const member of this.#members.values()) member.lastStatus = this.#statusOf(member)
  }

  add(row: DeviceRow): void {
    const known = this.#members.get(row.id)
    const fresh = memberOf(row)
    const { name, kind, policy } = fresh.info
    const hasOtherPolicy = known !== undefined && JSON.stringify(policy) !== JSON.stringify(known.info.policy)
    if (known) known.info = { ...known.info, name, kind, policy }
    else this.#members.set(row.id, fresh)
    this.#changed(row.org, hasOtherPolicy)
  }

  remove(org: OrgId, id: DeviceId, reason?: string): void {
    this.#members.get(id)?.link?.close('REVOKED', reason)
    this.#members.delete(id)
    this.#changed(org, true)
  }

  /** A newer channel of the same device replaces the older one: the older may be a dead connection not yet noticed. */
  connect(id: DeviceId, link: DeviceLink, registration: Registration): boolean {
    const member = this.#members.get(id)
    if (!member) return false
    if (member.link && member.link !== link) member.link.close('CONFLICT')
    const { os, runtimes, metrics, network } = registration
    Object.assign(member, { link, left: false, projects: new Set(registration.projects), network })
    member.info = { ...member.info, os, runtimes }
    this.#measured(member, metrics)
    this.#note(member, true)
    return true
  }

  disconnect(id: DeviceId, link: DeviceLink): void {
    const member = this.#members.get(id)
    if (member?.link !== link) return
    member.info = { ...member.info, lastSeenAt: Math.max(member.info.lastSeenAt, link.lastFrameAt()) }
    member.link = undefined
    this.#note(member, true)
  }

  leave(id: DeviceId): void {
    const member = this.#members.get(id)
    if (!member) return
    member.left = true
    this.#note(member, true)
  }

  heartbeat(id: DeviceId, metrics: Metrics): void {
    const member = this.#members.get(id)
    if (!member) return
    const before = circumstances(member)
    this.#measured(member, metrics)
    this.#note(member, circumstances(member) !== before)
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
    return this.#of(org)
      .filter(member => member.user === user && member.link)
      .map(({ info }) => info.id)
  }

  link(id: DeviceId): DeviceLink | undefined {
    return this.#members.get(id)?.link
  }

  send(id: DeviceId, message: DownMessage): boolean {
    return this.#members.get(id)?.link?.send(message) ?? false
  }

  sendToAll(org: OrgId, message: DownMessage): void {
    for (const member of this.#members.values()) if (member.org === org) member.link?.send(message)
  }

  connected(): number {
    return [...this.#members.values()].filter(({ link }) => link).length
  }

  statusOf(id: DeviceId): DeviceStatus {
    const member = this.#members.get(id)
    return member ? this.#statusOf(member) : 'offline'
  }

  offline(org: OrgId): DeviceId[] {
    return this.#of(org)
      .filter(member => this.#statusOf(member) === 'offline')
      .map(({ info }) => info.id)
  }

  list(org: OrgId): DeviceInfo[] {
    return this.#of(org).map(member => this.#shown(member))
  }

  /** One's own, then those of others that have a shared project and allow its members to run (ME5). */
  listFor(org: OrgId, memberships: readonly Membership[]): DeviceInfo[] {
    const shared = memberships.filter(({ roles }) => rightsOf(roles).has('run'))
    const others = [...this.#members.values()].filter(
      member =>
        member.org !== org &&
        member.info.policy.executes &&
        member.info.policy.runsOfOthers !== 'never' &&
        shared.some(({ org: owner, project }) => owner === member.org && member.projects.has(project)),
    )
    return [...this.list(org), ...others.map(member => this.#shownToOthers(member))]
  }

  #shown(member: Member): DeviceInfo {
    return { ...member.info, lastSeenAt: this.#lastSeenAt(member), status: this.#statusOf(member) }
  }

  /** What is wrong at a device tells of its owner's files, so nobody else sees it. */
  #shownToOthers(member: Member): DeviceInfo {
    const { problems: _, ...info } = this.#shown(member)
    return { ...info, owner: member.owner }
  }

  /**
   * For the router; a device that has never registered on its channel cannot be judged and is left out. They are those of
   * the org, and the asker's own where that is somebody else (ME22); which of them take the run, their policy says. The
   * holder of the session is told of whosever it is, because it may be at work on its own (I4), but takes nothing.
   */
  candidates(
    org: OrgId,
    project: ProjectId,
    asker: { org: OrgId; user: UserId } | null,
    holder?: DeviceId,
  ): Omit<RouteDevice, 'busyRuns'>[] {
    const isOffered = (member: Member): boolean =>
      member.org === org || (member.org === asker?.org && member.user === asker.user)
    return [...this.#members.values()]
      .filter(member => member.info.os !== '' && (isOffered(member) || member.info.id === holder))
      .map(member => ({
        ...this.#shown(member),
        ...(isOffered(member) ? {} : { policy: { ...member.info.policy, executes: false } }),
        attached: member.projects.has(project),
        owner: member.owner,
        networks: member.networks,
      }))
  }

  orgOf(id: DeviceId): OrgId | undefined {
    return this.#members.get(id)?.org
  }

  #of(org: OrgId): Member[] {
    return [...this.#members.values()].filter(member => member.org === org)
  }

  #note(member: Member, placement: boolean): void {
    member.lastStatus = this.#statusOf(member)
    this.#changed(member.org, placement)
  }

  #lastSeenAt(member: Member): number {
    return Math.max(member.info.lastSeenAt, member.link?.lastFrameAt() ?? 0)
  }

  #statusOf(member: Member): DeviceStatus {
    if (member.left) return 'offline'
    const silentMs = this.#now() - this.#lastSeenAt(member)
    if (silentMs >= this.#times.offlineMs) return 'offline'
    return member.link && silentMs < this.#times.suspectMs ? 'online' : 'suspect'
  }
}

/** What, beside its load, decides whether something that waits may begin on it (RT36). */
function circumstances({ info: { metrics }, networks }: Member): string {
  return JSON.stringify([metrics?.battery?.charging, metrics?.metered, metrics?.gpus.length, networks])
}

function memberOf(row: DeviceRow): Member {
  const { id, name, kind, os, runtimes, lastSeenAt } = row
  return {
    org: row.org,
    user: row.user,
    info: { id, name, kind, os, runtimes, lastSeenAt, metrics: null, policy: policyOf(kind, row.policy) },
    owner: row.userName,
    networks: [],
    network: '',
    projects: new Set(row.projects),
    link: undefined,
    left: false,
    lastStatus: 'offline',
  }
}
