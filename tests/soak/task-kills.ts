/** 200 kills of workers and of the hub in the middle of agent tasks (TK12, TK13, TK32, TK33). */
import { taskKills } from '../crash/task-kills.ts'
import type { Soak } from './main.ts'

export const soak: Soak = async ({ seed, count, say }) => ({
  ...(await taskKills(seed, { kills: count ?? 200, tasksPerWave: 4 }, say)),
})
