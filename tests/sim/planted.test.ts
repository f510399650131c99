import './world/take-over.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plantedBugs } from './planted/all.ts'
import type { PlantedBug } from './planted/planted-bug.ts'
import { simulate } from './simulate.ts'

/** The first seed in whose world something is wrong. */
async function caughtAt({ seeds, variations, install }: PlantedBug): Promise<number | undefined> {
  const remove = install?.()
  try {
    for (let seed = 0; seed < seeds; seed++) {
      const { failures } = await simulate(seed, { variations })
      if (failures.length > 0) return seed
    }
    return undefined
  } finally {
    remove?.()
  }
}

test('there are at least ten planted bugs', () => {
  assert.ok(plantedBugs.length >= 10)
})

for (const bug of plantedBugs)
  test(`planted: ${bug.name}: caught within ${bug.seeds} seeds`, async t => {
    const seed = await caughtAt(bug)
    t.diagnostic(`caught at seed ${seed}`)
    assert.notEqual(seed, undefined)
  })
