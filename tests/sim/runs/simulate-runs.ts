/** One world with runs from its seed: it begins, networks part while code runs, everything heals, and then it is judged (NW24). */
import '../world/take-over.ts'
import { Chance } from '../world/chance.ts'
import { Timeline, withTimeline } from '../world/timeline.ts'
import { asShipped, type Variations } from '../world/variations.ts'
import { happen } from './run-actions.ts'
import { judgeRuns, unfinished } from './run-checks.ts'
import { RunWorld, type RunWorldShape } from './run-world.ts'

export interface RunOutcome {
  seed: number
  failures: string[]
  partitions: number
  runs: number
  /** How each run ended. */
  ends: Record<string, number>
  events: number
  trace: string[]
}

/** Once all is well, everything that was asked for has ended by then. */
const restMs = 60_000
const lookEveryMs = 250

export async function simulateRuns(seed: number, variations: Variations = asShipped): Promise<RunOutcome> {
  const chance = new Chance(`runs ${seed}`)
  const timeline = new Timeline(chance.split('outside'))
  return withTimeline(timeline, async () => {
    const world = new RunWorld(timeline, chance, shapeOf(chance.split('shape')), variations)
    let partitions = 0
    try {
      await world.begin()
      partitions = await happen(world, chance.split('actions'))
      await world.heal()
      await comeToRest(world)
      await judgeRuns(world)
    } catch (thrown) {
      world.fail(`ERROR ${thrown instanceof Error ? thrown.stack : String(thrown)}`)
    }
    for (const uncaught of timeline.uncaught) world.fail(`UNCAUGHT ${uncaught}`)
    world.close()
    const { failures, trace, phone } = world
    const ends: Record<string, number> = {}
    for (const { shown } of phone.runs) {
      const end = shown.at(-1)?.event.type ?? 'nothing'
      ends[end] = (ends[end] ?? 0) + 1
    }
    return { seed, failures, partitions, runs: phone.runs.length, ends, events: timeline.events, trace }
  })
}

function shapeOf(chance: Chance): RunWorldShape {
  return {
    devices: chance.between(1, 2),
    sessions: chance.between(1, 3),
    cells: chance.between(4, 14),
    latencyMs: chance.one<[number, number]>([
      [1, 5],
      [1, 40],
      [20, 120],
    ])!,
  }
}

async function comeToRest(world: RunWorld): Promise<void> {
  const from = world.timeline.time
  let left = await unfinished(world)
  while (left !== undefined && world.timeline.time - from < restMs) {
    await world.advance(lookEveryMs)
    left = await unfinished(world)
  }
  if (left !== undefined) world.fail(`UNFINISHED: ${left}`)
}
