/** Turns what was measured at each relay into lines: JSON for programs, rows of a table for people. */

export interface Figure {
  metric: string
  unit: string
  better: 'less' | 'more'
  /** One list of runs for each relay, ours first; null: a run without a result. */
  values: (number | null)[][]
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

const known = (values: readonly (number | null)[]): number[] => values.filter(value => value !== null)
const middle = (values: readonly (number | null)[]): number | null =>
  values.length === known(values).length && values.length ? median(known(values)) : null
const round = (value: number): number => Number(value.toPrecision(4))

export function printHead(names: readonly string[]): void {
  process.stdout.write(`| | ${names.join(' | ')} |\n|${'---|'.repeat(names.length + 1)}\n`)
}

export function printRow({ metric, unit, values }: Figure): void {
  const cells = values.map(each => {
    const value = middle(each)
    if (value === null) return 'not whole'
    const [min, max] = [Math.min(...known(each)), Math.max(...known(each))]
    return show(value) + (min === max ? '' : ` (${show(min)}–${show(max)})`)
  })
  process.stdout.write(`| ${metric}, ${unit} | ${cells.join(' | ')} |\n`)
}

function show(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return Number.isInteger(value) ? `${value}` : value.toFixed(1)
}

/** One line for each peer; `min` and `max` are of our runs. */
export function printJson(
  { metric, unit, better, values: [own = [], ...others] }: Figure,
  names: readonly string[],
): void {
  const ours = middle(own)
  const [min, max] = [Math.min(...known(own)), Math.max(...known(own))]
  for (const [i, other] of others.entries()) {
    const peer = middle(other)
    const line = {
      bench: 'relay',
      metric,
      unit,
      ours: ours === null ? null : round(ours),
      peer: peer === null ? null : round(peer),
      peerName: names[i + 1],
      ratio: ours === null || peer === null ? null : ratio(ours, peer, better),
      runs: own.length,
      min: round(min),
      max: round(max),
    }
    process.stdout.write(`${JSON.stringify(line)}\n`)
  }
}

/** Null where one of the two is 0, as is hoped of losses. */
function ratio(ours: number, peer: number, better: Figure['better']): number | null {
  if (ours === 0 || peer === 0) return null
  return round(better === 'less' ? peer / ours : ours / peer)
}
