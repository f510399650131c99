import { test } from 'node:test'
import { checkBudget } from './testing/budget-schedules.ts'
import { checkGraph } from './testing/random-graphs.ts'

test('WF65 a hundred random graphs, killed anywhere, end as if they had not been; nothing is done twice, effects have one key', async () => {
  for (let seed = 1; seed <= 100; seed++) await checkGraph(seed, 4)
})

test('WF54 parallel branches never exceed the budget together, in whatever order they go', async () => {
  for (let seed = 1; seed <= 200; seed++) await checkBudget(seed)
})
