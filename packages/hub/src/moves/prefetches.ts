/**
 * While the holder of a session does not answer, the device on which it would go on fetches its state (MV22). What was
 * asked is known to this hub alone: asking twice costs a device nothing but a look.
 */
import type { DeviceId, Now, OrgId, SessionId, SnapshotId } from '@meshbook/core/ids.ts'
import { route } from '@meshbook/core/route.ts'
import type { Fleet } from '../devices/fleet.ts'
import type { Orders } from '../hubs/orders.ts'
import type { FailoverPlan } from '../store/failover-plan.ts'
import type { HubStore } from '../store/hub-store.ts'

export interface PrefetchesPorts {
  store: HubStore
  fleet: Pick<Fleet, 'candidates' | 'statusOf'>
  orders: Pick<Orders, 'send'>
  now: Now
}

interface Asked {
  org: OrgId
  holder: DeviceId
  to: DeviceId
  snapshot: SnapshotId
}

/** Sessions that are remembered; a silent device with more has its newest fetched. */
const mostAsked = 1_000

export class Prefetches {
  readonly #ports: PrefetchesPorts
  readonly #asked = new Map<SessionId, Asked>()

  constructor(ports: PrefetchesPorts) {
    this.#ports = ports
  }

  /** The device does not answer any more. */
  async silent(device: DeviceId): Promise<void> {
    for (const { org, session } of await this.#ports.store.query('sessionsOn', { device }))
      await this.prepare(org, session)
  }

  /** The device answers again: what was fetched for its sessions is not wanted any more. */
  async answers(device: DeviceId): Promise<void> {
    for (const [session, asked] of [...this.#asked]) if (asked.holder === device) await this.#cancel(session, asked)
  }

  async prepare(org: OrgId, session: SessionId): Promise<void> {
    const { store, orders } = this.#ports
    const plan = await store.query('failoverPlan', { org, session })
    const decision = plan && this.#decide(org, plan)
    const [first] = decision?.restore ?? []
    if (!plan || !decision || !first) return
    const asked = this.#asked.get(session)
    if (asked?.to === decision.to && asked.snapshot === first.snapshot) return
    this.#remember(session, { org, holder: plan.holder, to: decision.to, snapshot: first.snapshot })
    await orders.send(org, decision.to, { type: 'PREFETCH', session, restore: decision.restore })
  }

  /** As if the holder were gone for good. */
  #decide(org: OrgId, plan: FailoverPlan) {
    const { fleet, now } = this.#ports
    const devices = fleet
      .candidates(org, plan.project, null, plan.holder)
      .map(device => ({ ...device, busyRuns: 0, ...(device.id === plan.holder && { status: 'offline' as const }) }))
    const request = { language: plan.language, requires: [] }
    const session = { holder: plan.holder, saved: plan.saved, hasRun: true }
    const decision = route({ request, devices, session, now: now() })
    return 'to' in decision && decision.restore ? { to: decision.to, restore: decision.restore } : undefined
  }

  #remember(session: SessionId, asked: Asked): void {
    this.#asked.delete(session)
    this.#asked.set(session, asked)
    const oldest = this.#asked.size > mostAsked ? this.#asked.keys().next().value : undefined
    if (oldest !== undefined) this.#asked.delete(oldest)
  }

  async #cancel(session: SessionId, { org, holder, to }: Asked): Promise<void> {
    const { store, orders } = this.#ports
    this.#asked.delete(session)
    const now = await store.query('findSession', { org, id: session })
    if (!now || now.device === to || now.fence === null) return
    const rest = { ended: null, head: null, fence: now.fence, asOf: null }
    await orders.send(org, to, { type: 'SESSION_MOVED', session, from: holder, to: null, ...rest })
  }
}
