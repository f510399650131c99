/** 10,000 random partitions of simulated worlds in which code runs (NW24). */
import { manyWorlds } from '../sim/runs/many-worlds.ts'
import type { Soak } from './main.ts'

export const soak: Soak = async ({ seed, count, say }) => {
  let told = 0
  const sum = await manyWorlds({ from: seed, partitions: count ?? 10_000, workers: 2 }, soFar => {
    if (soFar.worlds < told + 50) return
    told = soFar.worlds
    say(`${soFar.partitions} partitions in ${soFar.worlds} worlds, ${soFar.failed.length} failed`)
  })
  const { failed, ends, ...figures } = sum
  if (failed.length > 0)
    throw new Error(failed.map(({ seed: at, failures }) => `seed ${at}: ${failures[0]}`).join('\n'))
  return { ...figures, ...ends }
}
