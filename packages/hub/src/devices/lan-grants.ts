/**
 * Who may connect with whom on a network of their own (LAN3, LAN4): two devices of one user that both offer it, are
 * connected to this hub and share a network. Both are told in one step, for a short time, and again while it lasts. It
 * sees nothing of what passes.
 */
import type { DeviceId, Now, OrgId, ProjectId, RandomBytes } from '@meshbook/core/ids.ts'
import type { LanOffer } from '@meshbook/core/lan.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Metrics } from '../metrics.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { Fleet, Whereabouts } from './fleet.ts'

export interface LanGrantsPorts {
  store: Pick<HubStore, 'query'>
  fleet: Pick<Fleet, 'whereabouts' | 'linked' | 'send' | 'connectedDirectly'>
  random: RandomBytes
  now: Now
  times: Limits
  metrics: Pick<Metrics, 'directConnections'>
}

interface Near {
  org: OrgId
  offer: LanOffer
  /** With whom it is connected, by its own word. */
  direct: readonly DeviceId[]
  pairs: Map<DeviceId, Pair>
}

/** One for both. */
interface Pair {
  nonce: string
  dialer: DeviceId
  madeAt: number
  toldAt: number
}

export class LanGrants {
  readonly #ports: LanGrantsPorts
  readonly #near = new Map<DeviceId, Near>()

  constructor(ports: LanGrantsPorts) {
    this.#ports = ports
  }

  /** What a device said just now; without an offer it takes no direct connections. */
  async offered(id: DeviceId, offer: LanOffer | undefined, direct: readonly DeviceId[]): Promise<void> {
    const known = this.#near.get(id)
    const here = this.#ports.fleet.whereabouts(id)
    if (!offer || !here) {
      this.#ports.fleet.connectedDirectly(id, [])
      this.left(id)
      return
    }
    if (known && JSON.stringify(known.offer) !== JSON.stringify(offer)) this.#forgetPairs(id)
    this.#near.set(id, { org: here.org, offer, direct, pairs: known?.pairs ?? new Map() })
    this.#ports.fleet.connectedDirectly(id, direct)
    if (known?.direct.join() !== direct.join()) this.#count()
    const due = this.#neighbours(id, here).filter(([peer]) => this.#near.has(peer))
    if (due.length === 0) return
    const own = await this.#ownProjects(here)
    for (const [peer, there] of due) this.#grant(id, here, peer, there, own)
  }

  /** Its channel is gone: what is granted runs out, so that a hub that restarts cuts nobody's work. */
  left(id: DeviceId): void {
    if (!this.#near.has(id)) return
    this.#forgetPairs(id)
    this.#near.delete(id)
    this.#count()
  }

  /**
   * It is nobody's device any more. Whoever may be connected with it hears so at once, also by what was granted before it
   * left, or before this hub was started.
   */
  revoked(org: OrgId, id: DeviceId): void {
    this.left(id)
    for (const [peer, near] of this.#near)
      if (near.org === org) this.#ports.fleet.send(peer, { type: 'LAN_END', peer: id })
  }

  #forgetPairs(id: DeviceId): void {
    const near = this.#near.get(id)
    for (const peer of near?.pairs.keys() ?? []) this.#near.get(peer)?.pairs.delete(id)
    near?.pairs.clear()
  }

  /** Projects that others share with the user pass through the hub, which knows the user's role in them. */
  async #ownProjects({ org }: Whereabouts): Promise<ReadonlySet<ProjectId>> {
    const rows = await this.#ports.store.query('listProjects', { org })
    return new Set(rows.map(({ id }) => id))
  }

  #neighbours(id: DeviceId, here: Whereabouts): [DeviceId, Whereabouts][] {
    const { fleet } = this.#ports
    return fleet.linked(here.org, here.user).flatMap((peer): [DeviceId, Whereabouts][] => {
      const there = peer === id ? undefined : fleet.whereabouts(peer)
      return there?.networks.some(network => here.networks.includes(network)) ? [[peer, there]] : []
    })
  }

  #grant(id: DeviceId, here: Whereabouts, peer: DeviceId, there: Whereabouts, own: ReadonlySet<ProjectId>): void {
    const pair = this.#pairOf(id, peer)
    const projects = [...here.projects].filter(project => there.projects.has(project) && own.has(project))
    if (!pair || projects.length === 0) return
    pair.toldAt = this.#ports.now()
    this.#tell(id, peer, pair, projects)
    this.#tell(peer, id, pair, projects)
  }

  /** The pair to tell of now: a new one, or one that is to be prolonged. */
  #pairOf(id: DeviceId, peer: DeviceId): Pair | undefined {
    const { now, times } = this.#ports
    const [near, other] = [this.#near.get(id), this.#near.get(peer)]
    if (!near || !other) return undefined
    const known = near.pairs.get(peer)
    const isDue = known && now() - known.toldAt >= times.lanGrantMs / 4
    if (known && near.direct.includes(peer)) return isDue ? known : undefined
    // It had its time to connect, and did not, or is not connected any more.
    if (known && now() - known.madeAt < times.lanGrantMs / 4) return undefined
    const isFull = ({ pairs }: Near): boolean => !known && pairs.size >= times.lanPeersPerDevice
    if (isFull(near) || isFull(other)) return undefined
    const pair = this.#newPair(id, peer, known)
    near.pairs.set(peer, pair)
    other.pairs.set(id, pair)
    return pair
  }

  /** Where the one cannot reach the other, it may be so that the other reaches the one. */
  #newPair(id: DeviceId, peer: DeviceId, failed: Pair | undefined): Pair {
    const { random, now } = this.#ports
    const nonce = Buffer.from(random(32)).toString('base64url')
    const first = id < peer ? id : peer
    const dialer = failed ? (failed.dialer === id ? peer : id) : first
    return { nonce, dialer, madeAt: now(), toldAt: 0 }
  }

  #tell(to: DeviceId, peer: DeviceId, { nonce, dialer }: Pair, projects: ProjectId[]): void {
    const near = this.#near.get(peer)
    if (!near) return
    const role = dialer === to ? 'dial' : 'listen'
    const ttlMs = this.#ports.times.lanGrantMs
    this.#ports.fleet.send(to, { type: 'LAN_GRANT', peer, role, nonce, ...near.offer, projects, ttlMs })
  }

  #count(): void {
    const ends = [...this.#near].flatMap(([id, { direct }]) =>
      direct.filter(peer => this.#near.get(peer)?.direct.includes(id)),
    )
    this.#ports.metrics.directConnections.set(ends.length / 2)
  }
}
