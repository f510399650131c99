/** Why a task ends before it is done: its budget is used up, or it goes round in a circle (AL20, AL21). Pure. */
import { limits } from '@meshbook/core/limits.ts'
import type { Budget } from '@meshbook/core/tasks-api.ts'
import type { AgentState } from './fold.ts'
import { tokensOf } from './model.ts'
import { endedAt, repeats } from './repeats.ts'

export type TaskLimit = 'turns' | 'tokens' | 'cost' | 'time' | 'loop'

export interface LimitReached {
  limit: TaskLimit
  reason: string
}

export function timeLimitMs(budget: Budget): number {
  return Math.min(limits.taskMs, (budget.minutes ?? Number.POSITIVE_INFINITY) * 60_000)
}

export function limitReached(state: AgentState, budget: Budget, spentMs: number): LimitReached | undefined {
  const turns = Math.min(limits.turnsPerTask, budget.turns ?? Number.POSITIVE_INFINITY)
  const used = tokensOf(state.usage)
  if (state.turn >= turns) return { limit: 'turns', reason: `It has used all of its ${turns} turns.` }
  if (budget.tokens !== undefined && used >= budget.tokens)
    return { limit: 'tokens', reason: `It has used ${used} of its ${budget.tokens} tokens.` }
  if (budget.microUsd !== undefined && state.microUsd >= budget.microUsd)
    return { limit: 'cost', reason: `It has cost ${dollars(state.microUsd)} of its ${dollars(budget.microUsd)}.` }
  if (spentMs >= timeLimitMs(budget)) return timeIsOver(budget)
  if (repeats(state.recent) >= endedAt)
    return { limit: 'loop', reason: `It did the same ${endedAt} times with the same result.` }
  return undefined
}

export function timeIsOver(budget: Budget): LimitReached {
  return { limit: 'time', reason: `It has used all of its ${Math.round(timeLimitMs(budget) / 60_000)} minutes.` }
}

function dollars(microUsd: number): string {
  return `$${(microUsd / 1_000_000).toFixed(4)}`
}
