/** 1,000 kills of a whole hub with at least 100,000 acknowledgements (I1, I9). */
import { killRounds } from '../crash/kill-rounds.ts'
import type { Soak } from './main.ts'

export const soak: Soak = async ({ seed, count, say }) => ({
  ...(await killRounds(seed, { kills: count ?? 1_000, acknowledged: (count ?? 1_000) * 100 }, say)),
})
