/** 200 random schedules of a phone's queue of runs: what is still wanted is executed once, on the right device (PH21–PH25). */
import { manySchedules } from '../phone-queue/many-schedules.ts'
import type { Soak } from './main.ts'

export const soak: Soak = async ({ seed, count, say }) => {
  const ends: (() => unknown)[] = []
  try {
    const after = (end: () => unknown) => void ends.push(end)
    return { ...(await manySchedules({ after }, { seed, count: count ?? 200 }, say)) }
  } finally {
    for (const end of ends) await end()
  }
}
