/** 1,000 requests on documents of a stock server with two to four monitors each: none is run twice (HM21). */
import { manyTrials } from '../monitor-trials.ts'
import type { Soak } from './main.ts'

export const soak: Soak = async ({ seed, count, say }) => {
  const { complaints, ...figures } = await manyTrials(count ?? 1_000, seed, say)
  if (figures.twice + figures.never > 0) throw new Error(JSON.stringify(figures))
  if (complaints.length > 0) throw new Error(complaints.slice(0, 20).join('\n'))
  return figures
}
