/** A hundred branches that cost something, in an order that a seed decides, under a budget that cannot pay them all. */
import { foldWorkflow, heldTotal, noWorkflowState, stepWorkflow } from '@meshbook/core/workflow/workflow-state.ts'
import { StepFailure } from '../ports.ts'
import { type Random, randomOf } from './random-graphs.ts'
import { WorkflowWorld } from './workflow-world.ts'

const branches = 100

/** Throws where the budget was exceeded at any moment. Answers with how many branches ran. */
export async function checkBudget(seed: number): Promise<number> {
  const random = randomOf(seed)
  const budget = Math.floor(random() * 3_000_000)
  const world = worldOf(random, budget, random() < 0.5 ? 'fail' : 'pause')
  world.crashAfter = random() < 0.3 ? Math.floor(random() * 200) : Number.POSITIVE_INFINITY
  try {
    await world.start()
  } catch {
    world.crashAfter = Number.POSITIVE_INFINITY
    if (world.log.length > 0) await world.resume()
    else await world.start()
  }
  let state = noWorkflowState
  for (const event of world.log) {
    state = stepWorkflow(state, event)
    if (state.spent + heldTotal(state) > budget)
      throw new Error(`schedule ${seed}: ${state.spent} spent and ${heldTotal(state)} held of ${budget}`)
  }
  return foldWorkflow(world.log).ended ? world.executions.length : branches
}

function worldOf(random: Random, budget: number, onExceed: string): WorkflowWorld {
  const steps = Object.fromEntries(
    Array.from({ length: branches }, (_, i) => [`b${i}`, { on_error: 'continue', notify: { title: `${i}` } }]),
  )
  const file = {
    meshbook: 'workflow/v1',
    name: 'budget',
    budget: { usd: budget / 1_000_000, on_exceed: onExceed },
    defaults: { retry: { attempts: 2 } },
    steps,
  }
  return new WorkflowWorld({
    files: { 'budget.yaml': JSON.stringify(file) },
    random,
    estimate: (_kind, input) => 1 + ((Number((input as { title: string }).title) * 7_919) % 100_000),
    behaviour: async ({ input }, { time }) => {
      const most = 1 + ((Number((input as { title: string }).title) * 7_919) % 100_000)
      await time.sleep(Math.floor(random() * 1_000), new AbortController().signal)
      const microUsd = Math.floor(random() * (most + 1))
      if (random() < 0.2)
        throw new StepFailure('UNREACHABLE', 'cut', { known: random() < 0.5, mayRetry: true, microUsd })
      return { output: 1, microUsd }
    },
  })
}
