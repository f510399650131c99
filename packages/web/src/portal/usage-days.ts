/** The days of a plot of what models cost, and its scale. Pure. */
import type { Activity } from '@meshbook/core/api.ts'
import type { UsageReport, UsageSum } from '@meshbook/core/models-api.ts'

const dayMs = 86_400_000

export interface PlotDay {
  /** `2026-01-31`, of UTC. */
  day: string
  microUsd: number
  calls: number
  tokens: number
}

export const tokensIn = ({ usage }: UsageSum): number =>
  usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens

/** The days up to that of `to`, each of them, also those on which nothing was asked. */
export function daysUpTo(to: number, count: number): string[] {
  const last = Math.floor(to / dayMs)
  return Array.from({ length: count }, (_, n) => new Date((last - count + 1 + n) * dayMs).toISOString().slice(0, 10))
}

export const startOfDays = (to: number, count: number): number => (Math.floor(to / dayMs) - count + 1) * dayMs

export function plotDays(report: Pick<UsageReport, 'days'>, to: number, count: number): PlotDay[] {
  const known = new Map(report.days.map(sum => [sum.day, sum]))
  return daysUpTo(to, count).map(day => {
    const sum = known.get(day)
    return { day, microUsd: sum?.microUsd ?? 0, calls: sum?.calls ?? 0, tokens: sum ? tokensIn(sum) : 0 }
  })
}

export interface RunDay {
  day: string
  runs: number
  failed: number
}

export function runDays({ days }: Pick<Activity, 'days'>, to: number, count: number): RunDay[] {
  const known = new Map(days.map(one => [one.day, one]))
  return daysUpTo(to, count).map(day => known.get(day) ?? { day, runs: 0, failed: 0 })
}

/** The marks of a scale from nothing to at least `most`: few, round, and evenly apart. */
export function scaleMarks(most: number): number[] {
  if (most <= 0) return [0]
  const rough = most / 3
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 2.5, 5, 10].map(one => one * power).find(one => one >= rough) ?? 10 * power
  const marks = [0]
  while (marks.at(-1)! < most) marks.push(Math.round(marks.length * step))
  // Of few there are no halves.
  return [...new Set(marks)]
}

/** `31 Jan`, the same for everybody's clock. */
export const dayWords = (day: string): string =>
  new Date(`${day}T00:00:00Z`).toLocaleDateString(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' })

/** `1.2 M`, `34 k` */
export function tokenWords(tokens: number): string {
  if (tokens >= 1e6) return `${(tokens / 1e6).toFixed(1)} M`
  return tokens >= 10_000 ? `${Math.round(tokens / 1e3)} k` : tokens.toLocaleString()
}
