/** What was measured, as lines of JSON or as rows of a table in docs/performance.md. */
export interface Figure {
  metric: string
  unit: 'steps/s' | 'events/s' | 'ms' | 'MB' | 'times'
  /** One value a round. */
  values: number[]
  /** What we are after. */
  goal?: string
}

export const tableHead = '| | measured | what we are after |\n|---|---|---|\n'

export function tableRow({ metric, unit, values, goal = '' }: Figure): string {
  return `| ${metric} | ${spanInWords(values, unit)} | ${goal} |\n`
}

export function jsonLine({ metric, unit, values, goal }: Figure): string {
  const span = { rounds: values.length, min: Math.min(...values), max: Math.max(...values) }
  return `${JSON.stringify({ bench: 'workflows', metric, unit, median: median(values), ...span, goal: goal ?? null })}\n`
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5)
}

export function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))]!
}

/** The median, and behind it the range of what is more than one. */
function spanInWords(values: readonly number[], unit: Figure['unit']): string {
  const digits = unit.endsWith('/s') ? 0 : unit === 'times' ? 2 : 1
  const shown = (value: number) => value.toLocaleString('en', { maximumFractionDigits: digits })
  const range = values.length > 1 ? ` (${shown(Math.min(...values))}–${shown(Math.max(...values))})` : ''
  return `${shown(median(values))} ${unit}${range}`
}
