/** Durations as workflows write them: `500ms`, `30s`, `10m`, `1.5h`, `7d`. */
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Whole milliseconds; undefined for what is no duration. */
export function durationMs(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text) ?? []
  return number === undefined ? undefined : Math.round(Number(number) * unitMs[unit!]!)
}
