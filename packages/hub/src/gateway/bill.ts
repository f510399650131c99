/** What a call costs by how it ended (GW23–GW25). Pure. */
import { limits } from '@meshbook/core/limits.ts'
import { costOf, noUsage } from '@meshbook/core/model-prices.ts'
import type { Usage } from '@meshbook/core/task-events.ts'
import type { Settled } from '../store/model-calls.ts'
import type { Meter } from './meter.ts'
import type { ModelOrder } from './model-order.ts'

/**
 * `whole`: the provider ended the answer. `cut`: it broke off. `left`: the client, a time-out or the end of the hub.
 * `refused`: it said no, or was never reached.
 */
export type Ending = 'whole' | 'cut' | 'left' | 'refused'

export interface Bill {
  how: Settled
  usage: Usage
  microUsd: number
}

const released: Bill = { how: 'released', usage: noUsage, microUsd: 0 }

const nothingMetered = { reported: undefined, isFinal: false, passedBytes: 0, showsAll: false }

export function billFor(
  order: ModelOrder,
  ending: Ending,
  /** Absent where no answer began. */
  metered: ReturnType<Meter['end']> | undefined,
  elapsedMs: number,
): Bill {
  if (ending === 'refused') return released
  const { reported, isFinal, passedBytes, showsAll } = metered ?? nothingMetered
  const nothingCame = reported === undefined && passedBytes === 0
  if (ending === 'cut' && nothingCame) return released
  if (reported && (isFinal || ending !== 'left')) {
    const { usage, longWrites } = reported
    return { how: 'reported', usage, microUsd: costOf(order.price, usage, longWrites) }
  }
  const hidden = order.mayHide || !showsAll ? (elapsedMs / 1_000) * limits.modelTokensPerSecond : 0
  const came = Math.max(reported?.usage.outputTokens ?? 0, passedBytes, Math.ceil(hidden))
  const usage = {
    ...(reported?.usage ?? { ...noUsage, inputTokens: order.inputTokens }),
    outputTokens: Math.max(reported?.usage.outputTokens ?? 0, Math.min(order.outputTokens, came)),
  }
  const microUsd = costOf(order.price, usage, reported?.longWrites ?? 0)
  return { how: 'estimated', usage, microUsd: Math.min(microUsd, order.microUsd) }
}
