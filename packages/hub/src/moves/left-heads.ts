/**
 * What devices still have of sessions that went on without them, and the way home (MV30–MV42). Each look is complete by
 * itself; what was asked and settled stands in the store.
 */
import { type DeviceId, type Now, newId, type OrgId, type RandomBytes, type SessionId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { snapshotKinds, type UpMessage } from '@meshbook/core/messages.ts'
import type { Fleet } from '../devices/fleet.ts'
import type { Orders } from '../hubs/orders.ts'
import type { Log } from '../log.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { LeftHead } from '../store/left-heads.ts'
import type { Moves } from './moves.ts'

type Up<T extends UpMessage['type']> = Extract<UpMessage, { type: T }>

export interface LeftHeadsPorts {
  store: HubStore
  fleet: Pick<Fleet, 'statusOf' | 'info'>
  orders: Pick<Orders, 'send'>
  moves: Pick<Moves, 'look'>
  log: Log
  times: Limits
  now: Now
  random: RandomBytes
  sessionsChanged: (org: OrgId) => void
}

export class LeftHeads {
  readonly #ports: LeftHeadsPorts
  #lateLookAt = 0

  constructor(ports: LeftHeadsPorts) {
    this.#ports = ports
  }

  async look(): Promise<void> {
    const { store, fleet, now, times } = this.#ports
    for (const left of await store.query('leftHeads', { lookedBefore: now() - times.leftHeadMs }))
      if (fleet.statusOf(left.device) === 'online') await this.#ask(left)
    await this.#keepLate()
    await this.#lookHome()
  }

  async #ask({ org, session, head, fence, device, ask }: LeftHead): Promise<void> {
    const { store, orders, now, times } = this.#ports
    if (!(await store.call('askedLeftHead', { org, head, lookAt: now() + times.leftHeadAgainMs }))) return
    const what = { ask, session, head, fence, name: null, kinds: [...snapshotKinds], end: true }
    await orders.send(org, device, { type: 'MIGRATE_OUT', ...what })
  }

  async #keepLate(): Promise<void> {
    const { store, now, times, sessionsChanged } = this.#ports
    if (Math.abs(now() - this.#lateLookAt) < times.heartbeatMs) return
    // What came between two looks, and while no hub looked.
    const kept = await store.call('keepLateRecords', { storedAfter: now() - times.leaseMs - 24 * 3_600_000 })
    for (const { org } of kept) sessionsChanged(org)
    await store.call('sweepMoves', { endedBefore: now() - times.moveKeptMs })
    this.#lateLookAt = now()
  }

  async #lookHome(): Promise<void> {
    const { store, fleet, moves, now, random, times, sessionsChanged } = this.#ports
    let begun = 0
    for (const { org, session, home, at } of await store.query('homelessSessions', {
      failedAfter: now() - times.leftHeadAgainMs,
    })) {
      if (fleet.statusOf(home) !== 'online' || fleet.statusOf(at) !== 'online') continue
      const id = newId('move', now(), random)
      const nothing = { makes: null, makesName: null, name: null, snapshot: null, asker: null }
      const askedBy = fleet.info(home)?.name ?? 'its device'
      const move = await store.call('beginMove', {
        org,
        session,
        id,
        kind: 'home',
        to: home,
        askedBy,
        ...nothing,
        now: now(),
      })
      if (!move) continue
      sessionsChanged(org)
      begun++
    }
    if (begun > 0) await moves.look()
  }

  /** True if it was about a head that has passed on. */
  async told(org: OrgId, device: DeviceId, message: Up<'SNAPSHOT'>): Promise<boolean> {
    const { store } = this.#ports
    const { ask, head, state, code, ahead } = message
    const asked = ask && (await store.query('leftHeadOfAsk', { ask, device }))
    if (asked) {
      // What it could not save it keeps, and is asked for again (MV30).
      const stays = state === 'saving' || (state === 'failed' && code !== 'NOT_FOUND')
      if (!stays) await this.#settle(asked.org, device, asked.head)
      return true
    }
    if (ahead === undefined) return false
    if (ahead === 0) await this.#settle(org, device, head)
    return true
  }

  async #settle(org: OrgId, device: DeviceId, head: LeftHead['head']): Promise<void> {
    const { store, orders, sessionsChanged } = this.#ports
    const settled = await store.call('settleLeftHead', { org, device, head })
    if (!settled) return
    sessionsChanged(org)
    const now = await store.query('findSession', { org, id: settled.session })
    if (now) await orders.send(org, device, endedOn(device, settled.session, head, now))
  }
}

interface Holder {
  device: DeviceId | null
  head: LeftHead['head'] | null
  fence: LeftHead['fence'] | null
}

function endedOn(device: DeviceId, session: SessionId, ended: LeftHead['head'], now: Holder) {
  const fence = now.fence ?? (1 as LeftHead['fence'])
  const { device: to, head } = now
  return { type: 'SESSION_MOVED', session, from: device, to, ended, head, fence, asOf: null } as const
}
