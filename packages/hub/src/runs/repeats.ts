/** Runs that somebody wants again, or still: answers to what the hub would never decide by itself (RU21, RU32). */
import type { Run } from '@meshbook/core/api.ts'
import {
  type DeviceId,
  type Now,
  newId,
  type OrgId,
  parseRunId,
  type RandomBytes,
  type RunId,
} from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Audit, AuditSource } from '../auth/audit.ts'
import type { Orders } from '../hubs/orders.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { Repeated, RepeatOf } from '../store/repeat-run.ts'
import { credentialOf, type Requester, type Runs } from './runs.ts'

export interface RepeatsPorts {
  store: HubStore
  audit: Audit
  orders: Pick<Orders, 'send'>
  runs: Pick<Runs, 'queued'>
  now: Now
  random: RandomBytes
}

export class Repeats {
  readonly #ports: RepeatsPorts

  constructor(ports: RepeatsPorts) {
    this.#ports = ports
  }

  /** `networks` names those that the one who asks is on. */
  async again(
    org: OrgId,
    { name, asker, source }: Requester,
    of: RunId,
    wish: { id?: RunId | undefined; on?: DeviceId | undefined; once?: boolean | undefined },
    networks: readonly string[],
  ): Promise<{ run: Run; created: boolean }> {
    const { orders, runs, now, random } = this.#ports
    const at = now()
    const { run, created, stop } = await this.#repeat(source, {
      org,
      of,
      id: wish.id ?? parseRunId(newId('run', at, random)),
      chosenDevice: wish.on ?? null,
      once: wish.once ?? false,
      networks,
      newSession: newId('session', at, random),
      requestedBy: name,
      asker,
      from: credentialOf(source),
      now: at,
      expiresAt: at + limits.runWaitMs,
    })
    if (stop) await orders.send(org, stop, { type: 'RUN_CANCEL', run: of, reason: `it is run again as ${run.id}` })
    if (created) runs.queued(org, run)
    return { run, created }
  }

  /** Noted for the owner of the project where somebody else asks, as every run is (AD1, AD2). */
  #repeat(source: AuditSource, repeat: RepeatOf): Promise<Repeated> {
    const { store, audit } = this.#ports
    if (repeat.asker === null || repeat.asker.org === repeat.org) return store.call('repeatRun', repeat)
    const about = { org: repeat.org, target: repeat.id, detail: { againOf: repeat.of } }
    return audit.call('repeatRun', repeat, audit.note('run-by-member', source, about))
  }

  async confirm(org: OrgId, id: RunId, codeHash: string): Promise<Run> {
    const { store, runs, now } = this.#ports
    const at = now()
    const run = await store.call('confirmRun', { org, id, codeHash, now: at, expiresAt: at + limits.runWaitMs })
    runs.queued(org, run)
    return run
  }
}
