/**
 * What only time brings about: runs whose devices are lost, that waited too long, that nobody answered for, and gates
 * that nobody decided. Called again and again; each look is complete by itself, so that none needs to be remembered.
 */
import type { Run } from '@meshbook/core/api.ts'
import type { Now, OrgId } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { Gates } from '../gates/gates.ts'
import type { LeftHeads } from '../moves/left-heads.ts'
import type { Moves } from '../moves/moves.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { LostRuns } from './lost-runs.ts'
import type { Runs } from './runs.ts'

export interface UpkeepPorts {
  store: HubStore
  runs: Pick<Runs, 'ended' | 'queued' | 'handOverAgain' | 'lookAtSilent'>
  lostRuns: Pick<LostRuns, 'settle'>
  moves: Pick<Moves, 'look'>
  leftHeads: Pick<LeftHeads, 'look'>
  gates: Pick<Gates, 'expire'>
  times: Limits
  now: Now
}

const unanswered = 'nobody said that it is still wanted'
const waited = 'It waited longer than it was allowed to. Is this still wanted?'

export class Upkeep {
  readonly #ports: UpkeepPorts
  /** Since when devices could have come: this hub was not there before. */
  #awakeSince: number
  #lookedAt: number
  #handedOverAt = 0
  #sessionsLookedAt = 0
  #looking = false

  constructor(ports: UpkeepPorts) {
    this.#ports = ports
    this.#awakeSince = this.#lookedAt = ports.now()
  }

  /** One look at a time: a slow store is not asked again meanwhile. */
  async look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      const now = this.#ports.now()
      this.#noticePause(now)
      await this.#ports.gates.expire(now)
      await this.#askForExpired(now)
      await this.#dropUnanswered(now)
      await this.#endLost(now)
      await this.#handOverAgain(now)
      await this.#lookAtSessions(now)
    } finally {
      this.#looking = false
    }
  }

  /** The machine slept: devices had no chance to be heard (RU20). */
  #noticePause(now: number): void {
    if (Math.abs(now - this.#lookedAt) > this.#ports.times.leaseMs / 2) this.#awakeSince = now
    this.#lookedAt = now
  }

  async #endLost(now: number): Promise<void> {
    const { store, times } = this.#ports
    const silentSince = now - times.leaseMs
    if (this.#awakeSince > silentSince) return
    for (const { org, id } of await store.query('lostRuns', { now, silentSince }))
      await this.#ports.lostRuns.settle(org, id, silentSince)
  }

  async #askForExpired(now: number): Promise<void> {
    const { store, runs } = this.#ports
    for (const { org, id } of await store.query('expiredRuns', { now })) {
      const run = await store.call('setAside', { org, id, why: 'expired', reason: waited, now })
      if (run) runs.queued(org, run)
    }
  }

  async #dropUnanswered(now: number): Promise<void> {
    const { store } = this.#ports
    const askedBefore = now - limits.runAskMs
    for (const { org, id } of await store.query('unansweredRuns', { askedBefore }))
      this.#ended(org, await store.call('endRun', { org, id, as: 'cancelled', reason: unanswered, now }))
  }

  /** Sessions that move, that were left behind, or whose runs wait for a silent device. */
  async #lookAtSessions(now: number): Promise<void> {
    const { runs, moves, leftHeads, times } = this.#ports
    if (Math.abs(now - this.#sessionsLookedAt) < Math.min(1_000, times.suspectMs / 10)) return
    this.#sessionsLookedAt = now
    runs.lookAtSilent()
    await moves.look()
    await leftHeads.look()
  }

  async #handOverAgain(now: number): Promise<void> {
    if (Math.abs(now - this.#handedOverAt) < this.#ports.times.heartbeatMs) return
    this.#handedOverAt = now
    await this.#ports.runs.handOverAgain()
  }

  #ended(org: OrgId, run: Run | null): void {
    if (run) this.#ports.runs.ended(org, [run])
  }
}
