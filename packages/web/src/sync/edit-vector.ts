/** Which edits somebody has: of each tab, by its id, the number of its last one. Pure. */
export type EditVector = Readonly<Record<string, number>>

export const noEdits: EditVector = {}

export function joined(a: EditVector, b: EditVector): EditVector {
  const both: Record<string, number> = { ...a }
  for (const [tab, last] of Object.entries(b)) both[tab] = Math.max(both[tab] ?? 0, last)
  return both
}

/** How many edits of `have` are not among `known`. */
export function countBeyond(have: EditVector, known: EditVector): number {
  let count = 0
  for (const [tab, last] of Object.entries(have)) count += Math.max(0, last - (known[tab] ?? 0))
  return count
}

export function covers(known: EditVector, have: EditVector): boolean {
  return countBeyond(have, known) === 0
}
