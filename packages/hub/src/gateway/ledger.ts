/** Holds what calls may cost, settles them once, and settles what hubs that are gone had held (GW20–GW27). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { ModelCallId, Now, OrgId } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { Log } from '../log.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { BudgetState, NewModelCall } from '../store/model-calls.ts'
import type { MonthReached } from '../store/month-budgets.ts'
import type { Bill } from './bill.ts'

export interface LedgerPorts {
  store: HubStore
  /** The name of this process among all hubs, now and before. */
  hub: string
  /** Others use the same database. */
  isShared: boolean
  times: Limits
  now: Now
  log: Log
}

export class Ledger {
  readonly #ports: LedgerPorts
  readonly #unsettled = new Set<Promise<void>>()
  #isClosed = false

  constructor(ports: LedgerPorts) {
    this.#ports = ports
  }

  /** Throws BUDGET_REACHED; then nothing is held. */
  async hold(call: Omit<NewModelCall, 'hub' | 'now'>): Promise<void> {
    const { store, hub, now } = this.#ports
    const answer = await store.call('holdModelCall', { ...call, hub, now: now() })
    if (answer.held) return
    throw answer.month ? monthReached(answer.month, call) : budgetReached(answer.state, call)
  }

  /** Resolves when it is durable, or after a while when the database does not take it: then it is tried on (GW27). */
  async settle(org: OrgId, id: ModelCallId, bill: Bill): Promise<void> {
    const settling = this.#untilSettled(org, id, bill)
    this.#unsettled.add(settling)
    void settling.finally(() => this.#unsettled.delete(settling))
    await Promise.race([settling, pause(limits.shutdownMs)])
  }

  async #untilSettled(org: OrgId, id: ModelCallId, bill: Bill): Promise<void> {
    const { store, now, log } = this.#ports
    for (let waitMs: number = limits.reconnectMinMs; ; waitMs = Math.min(2 * waitMs, limits.reconnectMaxMs))
      try {
        await store.call('settleModelCall', { org, id, ...bill, now: now() })
        return
      } catch (error) {
        log.warn({ err: error, call: id }, 'a call of a model could not be settled; it is tried again')
        if (this.#isClosed) return
        await pause(waitMs)
      }
  }

  /** What was held by hubs that are gone; the beats of those that are there are read with it. */
  async settleLeft(): Promise<void> {
    const { store, hub, isShared, times, now, log } = this.#ports
    const beatSince = isShared ? now() - times.offlineMs : null
    const count = await store.call('settleLeftCalls', { hub, beatSince, now: now() })
    if (count > 0) log.warn({ count }, 'calls of models that a hub left behind were settled at their bound')
  }

  /** What is on its way to the database is waited for; nothing is tried again. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.race([Promise.all(this.#unsettled), pause(limits.shutdownMs)])
  }
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms).unref())

const usd = (micro: number): string => `$${(micro / 1e6).toFixed(4)}`

function monthReached(
  { name, month, cap, spent, held }: MonthReached,
  { microUsd }: Pick<NewModelCall, 'microUsd'>,
): MeshError {
  const whose = name === null ? 'the budget of everything' : `the budget of the project ${name}`
  const detail = `${whose} for ${month}: ${usd(spent)} of ${usd(cap)} are spent and ${usd(held)} held for calls under way; this one may cost ${usd(microUsd)}`
  return new MeshError('BUDGET_REACHED', { detail })
}

function budgetReached({ cap, spent, held }: BudgetState, call: Omit<NewModelCall, 'hub' | 'now'>): MeshError {
  const tokens = call.inputTokens + call.outputTokens
  const isMoney = cap.microUsd !== undefined && spent.microUsd + held.microUsd + call.microUsd > cap.microUsd
  const detail = isMoney
    ? `${usd(spent.microUsd)} of ${usd(cap.microUsd!)} are spent and ${usd(held.microUsd)} held for calls under way; this one may cost ${usd(call.microUsd)}`
    : `${spent.tokens} of ${cap.tokens} tokens are used and ${held.tokens} held for calls under way; this one may use ${tokens}`
  return new MeshError('BUDGET_REACHED', { detail })
}
