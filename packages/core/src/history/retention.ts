/** Which versions of a document stay as they get older. Pure; knows nothing of texts or stores. */
const hourMs = 3_600_000
const dayMs = 24 * hourMs
const weekMs = 7 * dayMs

export interface Aged {
  version: number
  at: number
  named: boolean
}

/** From this age on only the last version of each span stays. Spans nest, so thinning often is thinning once. */
const spans: readonly { age: number; span: number }[] = [
  { age: 90 * dayMs, span: weekMs },
  { age: weekMs, span: dayMs },
  { age: dayMs, span: hourMs },
]

/** Numbers of the versions to drop; `versions` in ascending order, at most `most` stay besides those with a name. */
export function versionsToDrop(versions: readonly Aged[], now: number, most: number): number[] {
  const drop = versions.filter((one, i) => !one.named && isFollowed(one, versions[i + 1], now)).map(one => one.version)
  const dropped = new Set(drop)
  const left = versions.filter(one => !dropped.has(one.version))
  const over = Math.max(0, left.length - most)
  const oldest = left.slice(0, -1).filter(one => !one.named)
  return [...drop, ...oldest.slice(0, over).map(one => one.version)].sort((a, b) => a - b)
}

/** Whether the next version lies in the same span, so that this one is not the last of it. */
function isFollowed({ at }: Aged, next: Aged | undefined, now: number): boolean {
  const span = spans.find(({ age }) => now - at >= age)?.span
  return next !== undefined && span !== undefined && spanOf(at, span) === spanOf(next.at, span)
}

function spanOf(at: number, span: number): number {
  return Math.floor(at / span)
}
