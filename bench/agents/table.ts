/** What was measured, as lines of JSON or as rows of a table in docs/performance.md. */
export interface Figure {
  metric: string
  unit: 'ms' | 'MB'
  values: readonly number[]
  /** The same without Meshbook, in the same unit; null where there is no such thing. */
  peer: readonly number[] | null
}

export const peerName = 'docker run and git clone --depth 1'

export const tableHead = `| | measured | ${peerName} |\n|---|---|---|\n`

export function tableRow({ metric, unit, values, peer }: Figure): string {
  return `| ${metric} | ${spanInWords(values, unit)} | ${peer === null ? '' : spanInWords(peer, unit)} |\n`
}

export function jsonLine({ metric, unit, values, peer }: Figure): string {
  const [ours, theirs] = [median(values), peer && median(peer)]
  const line = { bench: 'agents', metric, unit, ours, peer: theirs, peerName: peer && peerName }
  const span = { runs: values.length, min: Math.min(...values), max: Math.max(...values) }
  return `${JSON.stringify({ ...line, ratio: theirs === null ? null : theirs / ours, ...span })}\n`
}

/** The median, and behind it the range of what is more than one. */
function spanInWords(values: readonly number[], unit: Figure['unit']): string {
  const middle = median(values)
  const isLong = unit === 'ms' && middle >= 1_000
  const shown = (value: number) => (isLong ? (value / 1_000).toFixed(2) : Math.round(value).toLocaleString('en'))
  const range = values.length > 1 ? ` (${shown(Math.min(...values))}–${shown(Math.max(...values))})` : ''
  return `${shown(middle)} ${isLong ? 's' : unit}${range}`
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}
