/** What happens in a world with runs: the phone asks and cancels, networks part in every way, programs and kernels are killed. */
import type { Chance } from '../world/chance.ts'
import type { RunWorld } from './run-world.ts'

/** False where it makes no sense as the world is; a partition counts as one. */
type RunAct = (world: RunWorld, chance: Chance) => boolean | Promise<boolean>

interface WeightedAct {
  weight: number
  isPartition: boolean
  act: RunAct
}

const deviceName = (world: RunWorld, chance: Chance): string => chance.one(world.devices)!.host.name

const part: RunAct = (world, chance) => {
  const machine = deviceName(world, chance)
  const how = chance.one(['refused', 'silent'] as const)!
  world.note(`${machine} is cut off (${how})`)
  world.network.part(machine, how)
  world.later(chance.between(50, 5_000), () => world.network.heal(machine))
  return true
}

const cut: RunAct = (world, chance) => {
  const machine = deviceName(world, chance)
  world.note(`the wires of ${machine} are cut`)
  world.network.cut(machine)
  return true
}

const silence: RunAct = (world, chance) => {
  const machine = deviceName(world, chance)
  const direction = chance.one(['up', 'down', 'both'] as const)!
  world.note(`the wires of ${machine} are half-open (${direction})`)
  world.network.silence(machine, direction)
  return true
}

const stall: RunAct = (world, chance) => {
  const machine = deviceName(world, chance)
  world.note(`the wires of ${machine} are slow`)
  world.network.stall(machine, chance.between(50, 2_500))
  return true
}

const cutPhone: RunAct = world => {
  world.note('the connections of the phone are cut')
  world.phone.cut()
  return true
}

const partPhone: RunAct = (world, chance) => {
  world.note('the phone is cut off')
  world.phone.cut()
  world.phone.isParted = true
  world.later(chance.between(50, 4_000), () => {
    world.phone.isParted = false
  })
  return true
}

const killHub: RunAct = (world, chance) => {
  if (!world.hub.running) return false
  world.note('the hub is killed')
  world.hub.kill()
  world.phone.cut()
  world.later(chance.between(10, 1_500), () => (world.hub.running ? undefined : world.hub.start()))
  return true
}

const killDevice: RunAct = (world, chance) => {
  const device = chance.one(world.devices.filter(({ host }) => host.running))
  if (!device) return false
  world.note(`${device.host.name} is killed`)
  device.host.kill(false)
  world.later(chance.between(10, 2_000), () => (device.host.running ? undefined : device.host.start()))
  return true
}

const killKernel: RunAct = (world, chance) => {
  const isKilled = chance.one(world.devices)!.machine.killOne(chance)
  if (isKilled) world.note('a kernel ends')
  return isKilled
}

const cancel: RunAct = (world, chance) => {
  const run = chance.one(world.phone.runs.filter(({ isAccepted, isOver }) => isAccepted && !isOver))
  if (!run) return false
  world.note(`the phone cancels ${run.request.id}`)
  world.phone.cancel(run.request.id)
  return true
}

const acts: readonly WeightedAct[] = [
  { weight: 9, isPartition: false, act: (world, chance) => world.ask(chance) },
  { weight: 4, isPartition: true, act: part },
  { weight: 3, isPartition: true, act: cut },
  { weight: 2, isPartition: true, act: silence },
  { weight: 2, isPartition: true, act: stall },
  { weight: 2, isPartition: true, act: cutPhone },
  { weight: 2, isPartition: true, act: partPhone },
  { weight: 1, isPartition: false, act: killHub },
  { weight: 2, isPartition: false, act: killDevice },
  { weight: 0.4, isPartition: false, act: killKernel },
  { weight: 0.5, isPartition: false, act: cancel },
]
const total = acts.reduce((sum, { weight }) => sum + weight, 0)

/** Resolves with the number of partitions. */
export async function happen(world: RunWorld, chance: Chance): Promise<number> {
  let partitions = 0
  for (let i = chance.between(18, 40); i > 0; i--) {
    await world.advance(chance.happens(0.3) ? 0 : chance.between(1, 400))
    const { act, isPartition } = actAt(chance.fraction() * total)
    if ((await act(world, chance)) && isPartition) partitions++
  }
  return partitions
}

function actAt(at: number): WeightedAct {
  let rest = at
  for (const weighted of acts) {
    rest -= weighted.weight
    if (rest < 0) return weighted
  }
  return acts[0]!
}
