/** Finds circles: the same calls with the same results, over and over (AL21). Pure. */

const longestCircle = 3
/** The model is told the third time, and the task ends the fifth. */
export const toldAt = 3
export const endedAt = 5
export const recentMost = longestCircle * endedAt

const remark =
  '\n\n[This call has now had the same result several times. Doing it again will not help: do something else, or say what is missing.]'

export function withRemark(content: string): string {
  return content + remark
}

export function withoutRemark(content: string): string {
  return content.endsWith(remark) ? content.slice(0, -remark.length) : content
}

/** How often the last calls, up to three of them in a circle, have come in a row. */
export function repeats(recent: readonly string[]): number {
  const counts = Array.from({ length: longestCircle }, (_, at) => timesInARow(recent, at + 1))
  return Math.max(0, ...counts)
}

function timesInARow(recent: readonly string[], circle: number): number {
  if (recent.length < circle) return 0
  let same = circle
  while (same < recent.length && recent.at(-1 - same) === recent.at(-1 - same + circle)) same++
  return Math.floor(same / circle)
}
