/** A thousand random workflows, each killed after every one of its events (WF65). */
import { checkGraph } from '@meshbook/engine/workflow/testing/random-graphs.ts'
import type { Soak } from './main.ts'

const everyEvent = Number.POSITIVE_INFINITY

export const soak: Soak = async ({ seed, count = 1_000, say }) => {
  let kills = 0
  for (let i = 0; i < count; i++) {
    kills += await checkGraph(seed + i, everyEvent)
    if (i % 50 === 49) say(`${i + 1} graphs, ${kills} kills`)
  }
  return { graphs: count, kills }
}
