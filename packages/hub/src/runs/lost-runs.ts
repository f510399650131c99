/**
 * What becomes of a run whose device is lost: it goes on elsewhere from where it was last saved, if its policy says so and
 * a device is there that can (RU70); else it is interrupted (RU20), and begins again elsewhere if the policy says that (RU71).
 */
import { type Now, newId, type OrgId, type RandomBytes, type RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { route } from '@meshbook/core/route.ts'
import type { Fleet } from '../devices/fleet.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { LossPlan } from '../store/lost-runs.ts'
import { requestOf } from './decide-placement.ts'
import type { Repeats } from './repeats.ts'
import type { Runs } from './runs.ts'

export interface LostRunsPorts {
  store: HubStore
  fleet: Pick<Fleet, 'candidates'>
  runs: Pick<Runs, 'ended' | 'give'>
  repeats: Pick<Repeats, 'again'>
  times: Limits
  now: Now
  random: RandomBytes
}

export class LostRuns {
  readonly #ports: LostRunsPorts

  constructor(ports: LostRunsPorts) {
    this.#ports = ports
  }

  async settle(org: OrgId, id: RunId, silentSince: number): Promise<void> {
    const { store, runs, now } = this.#ports
    const plan = await store.query('lossPlan', { org, id })
    if (plan && (await this.#resume(org, plan, silentSince))) return
    const run = await store.call('interruptLostRun', { org, id, now: now(), silentSince })
    if (run) runs.ended(org, [run])
    if (run && plan && beginsAgain(plan)) await this.#again(org, plan)
  }

  async #resume(org: OrgId, plan: LossPlan, silentSince: number): Promise<boolean> {
    const { store, runs, now, random, times } = this.#ports
    const found = this.#placeOf(org, plan)
    if (!found) return false
    const at = now()
    const newHead = newId('head', at, random)
    const step = { org, id: plan.run.id, newHead, now: at, silentSince, expiresAt: at + times.leaseMs }
    const leased = await store.call('resumeLostRun', { ...step, device: found.to, ...found })
    if (leased) await runs.give(org, leased)
    return leased !== null
  }

  #placeOf(org: OrgId, { run, saved, projectOwner }: LossPlan) {
    const { fleet, now } = this.#ports
    if (saved.length === 0 || run.device === null || run.state.status !== 'running') return undefined
    const asker = run.askedOrg && run.askedBy ? { org: run.askedOrg, user: run.askedBy } : null
    const others = fleet.candidates(org, run.project, asker).filter(({ id }) => id !== run.device)
    const devices = others.map(device => ({ ...device, busyRuns: 0 }))
    const request = { ...requestOf({ next: run, tookMs: null, projectOwner }), failover: undefined }
    const session = { lostBy: run.device, saved, hasRun: true }
    const decision = route({ request, devices, session, now: now() })
    if (!('to' in decision) || !decision.restore) return undefined
    return { to: decision.to, restore: decision.restore, reasons: decision.reasons }
  }

  async #again(org: OrgId, { run }: LossPlan): Promise<void> {
    const asker = run.askedOrg && run.askedBy ? { org: run.askedOrg, user: run.askedBy } : null
    const requester = { name: run.requestedBy, asker, source: {} }
    await this.#ports.repeats.again(org, requester, run.id, { once: true }, run.demands.networks ?? [])
  }
}

/** Lost before anything was saved of its middle, it goes on from its beginning. */
const beginsAgain = ({ onLoss, saved }: LossPlan): boolean =>
  onLoss === 'again' || (onLoss === 'resume' && saved.length === 0)
