/** Ten thousand schedules of a hundred branches that share a budget (WF54). */
import { checkBudget } from '@meshbook/engine/workflow/testing/budget-schedules.ts'
import type { Soak } from './main.ts'

export const soak: Soak = async ({ seed, count = 10_000, say }) => {
  let ran = 0
  for (let i = 0; i < count; i++) {
    ran += await checkBudget(seed + i)
    if (i % 500 === 499) say(`${i + 1} schedules`)
  }
  return { schedules: count, branchesThatRan: ran }
}
