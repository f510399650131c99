/** Names and times as the phone says them. Pure. */
export const titleOf = (path: string): string => path.split('/').at(-1)!.replace(/\.md$/, '')

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const
const narrow = new Intl.RelativeTimeFormat(undefined, { style: 'narrow' })

export function ago(at: number, now: number): string {
  for (const [unit, ms] of units) if (now - at >= ms) return narrow.format(-Math.floor((now - at) / ms), unit)
  return 'now'
}
