/** Many random schedules, one after the other, in one mesh. */
import type { TestContext } from 'node:test'
import { chanceOf } from '../soak/random.ts'
import { QueueWorld } from './queue-world.ts'
import { Schedule, type ScheduleSum } from './schedule.ts'

const actionsEach = 30

export interface SchedulesSum extends ScheduleSum {
  schedules: number
}

export async function manySchedules(
  t: Pick<TestContext, 'after'>,
  options: { seed: number; count: number },
  say: (text: string) => void,
): Promise<SchedulesSum> {
  const world = await QueueWorld.start(t as TestContext)
  const sum: SchedulesSum = {
    schedules: 0,
    actions: 0,
    queued: 0,
    executed: 0,
    takenBack: 0,
    asked: 0,
    confirmed: 0,
    leftUnanswered: 0,
  }
  for (let seed = options.seed; seed < options.seed + options.count; seed++) {
    const done = await new Schedule(world, chanceOf(seed)).run(`seed-${seed}`, actionsEach)
    sum.schedules++
    for (const [name, value] of Object.entries(done) as [keyof ScheduleSum, number][]) sum[name] += value
    if (sum.schedules % 20 === 0) say(`${sum.schedules} schedules: ${JSON.stringify(sum)}`)
  }
  return sum
}
