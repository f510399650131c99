/** Which of the words that are known somebody may have meant. */

/** The one with the fewest changes, if those are few enough to be a slip. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  const most = Math.max(1, Math.floor(word.length / 3))
  const near = known
    .map(one => ({ one, changes: changesBetween(word.toLowerCase(), one.toLowerCase(), most) }))
    .filter(({ changes }) => changes <= most)
    .sort((a, b) => a.changes - b.changes)
  return near[0]?.one
}

/** Insertions, deletions, replacements and swaps of neighbours; no more than `most + 1` is counted. */
function changesBetween(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const changes = [last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same]
      if (swapped) changes.push(before[j - 2]! + 1)
      row.push(Math.min(...changes))
    }
    before = last
    last = row
  }
  return last[b.length]!
}
