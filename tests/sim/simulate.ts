/** One world from its seed: it begins, things happen, everything heals, and then it is judged. */
import './world/take-over.ts'
import type { Action } from './actions/action.ts'
import { chanceOf } from './actions/action.ts'
import { actionsOf, acts } from './actions/generate.ts'
import { difference, judge, judgeQuiet } from './checks/end.ts'
import { Chance } from './world/chance.ts'
import { shapeOf } from './world/shape.ts'
import { Timeline, withTimeline } from './world/timeline.ts'
import { asShipped, type Variations } from './world/variations.ts'
import { World } from './world/world.ts'

/** Healed replicas must agree within so many milliseconds. */
export const convergenceMs = 5_000
const lookEveryMs = 50

export interface Outcome {
  seed: number
  failures: string[]
  /** From healing until all replicas agreed. */
  convergedMs: number
  events: number
  marks: number
  trace: string[]
}

export interface SimulationOptions {
  variations?: Variations
  /** Instead of those that the seed makes. */
  actions?: readonly Action[]
}

export function actionsOfSeed(seed: number): Action[] {
  return actionsOf(new Chance(`actions ${seed}`))
}

export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
  const chance = new Chance(`world ${seed}`)
  const timeline = new Timeline(chance.split('outside'))
  return withTimeline(timeline, async () => {
    const world = new World(timeline, chance, shapeOf(chance.split('shape')), options.variations ?? asShipped)
    let convergedMs = 0
    try {
      await world.begin()
      await happen(world, options.actions ?? actionsOfSeed(seed))
      if (world.failures.length === 0) convergedMs = await heal(world)
    } catch (thrown) {
      world.fail(`ERROR ${thrown instanceof Error ? thrown.stack : String(thrown)}`)
    }
    for (const uncaught of timeline.uncaught) world.fail(`UNCAUGHT ${uncaught}`)
    world.close()
    const { failures, trace, ledger } = world
    return { seed, failures, convergedMs, events: timeline.events, marks: ledger.marks.length, trace }
  })
}

async function happen(world: World, actions: readonly Action[]): Promise<void> {
  for (const action of actions) {
    await world.advance(action.gapMs)
    await acts[action.kind]!.act(world, chanceOf(action))
    await world.checkClaims()
    if (world.failures.length > 0) return
  }
}

/** Everything is well again; from here on nobody writes. */
async function heal(world: World): Promise<number> {
  await world.finishAll()
  await world.startHub()
  for (const device of world.devices) await world.startDevice(device)
  for (const browser of world.browsers) if (!browser.running) browser.start()
  for (const disk of [world.hub.disk, ...world.devices.flatMap(({ store, files }) => [store, files])])
    disk.trouble = undefined
  for (const { name } of [...world.devices, ...world.browsers]) world.network.heal(name)
  // A page is woken once the hub is there: for one that was refused a moment before, nobody comes back again.
  for (let waitedMs = 0; !world.hub.documents && waitedMs < convergenceMs; waitedMs += lookEveryMs)
    await world.advance(lookEveryMs)
  // A page that still knocks at a network that swallowed it learns first that this is over.
  await world.advance(2 * world.shape.latencyMs[1])
  for (const { name } of world.browsers) await world.wake(name)
  await world.openAgain()
  world.note('all is well again')
  const convergedMs = await converge(world)
  await world.checkClaims()
  if (world.failures.length === 0) await judgeEnd(world)
  return convergedMs
}

async function converge(world: World): Promise<number> {
  const from = world.timeline.time
  let left = await difference(world)
  while (left !== undefined && world.timeline.time - from < convergenceMs) {
    await world.advance(lookEveryMs)
    left = await difference(world)
  }
  if (left !== undefined) world.fail(`NOT CONVERGED: ${left}`)
  return world.timeline.time - from
}

async function judgeEnd(world: World): Promise<void> {
  // What a program began before all was well may still be written; then all agree again.
  await world.advance(1_500)
  await converge(world)
  if (world.failures.length > 0) return
  for (const wrong of await judge(world)) world.fail(wrong)
  for (const wrong of await judgeQuiet(world)) world.fail(wrong)
}
