/** The shortest list of actions, found by leaving some out, after which a world still fails in the same way. */
import type { Action } from './actions/action.ts'
import { actionsOfSeed, type Outcome, simulate } from './simulate.ts'

const mostTries = 200

/** The first word of a failure says which promise was broken. */
const kindOf = ({ failures }: Outcome): string | undefined => failures[0]?.split(' ', 1)[0]

export async function shrink(seed: number): Promise<Outcome> {
  let actions = actionsOfSeed(seed)
  let best = await simulate(seed)
  const kind = kindOf(best)
  let tries = 0
  for (let size = Math.ceil(actions.length / 2); size >= 1 && tries < mostTries; size = Math.floor(size / 2)) {
    for (let at = 0; at < actions.length && tries < mostTries; ) {
      const fewer = without(actions, at, size)
      const outcome = await simulate(seed, { actions: fewer })
      tries++
      if (kind !== undefined && kindOf(outcome) === kind) {
        best = outcome
        actions = fewer
      } else at += size
    }
  }
  return best
}

/** The time that what is left out took stays. */
function without(actions: readonly Action[], at: number, size: number): Action[] {
  const gone = actions.slice(at, at + size).reduce((sum, { gapMs }) => sum + gapMs, 0)
  const rest = actions.slice(at + size)
  const [first, ...others] = rest
  return [...actions.slice(0, at), ...(first ? [{ ...first, gapMs: first.gapMs + gone }, ...others] : [])]
}
