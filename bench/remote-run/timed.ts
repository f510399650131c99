/** When the output of a run was there, in milliseconds from its request. */
export interface Timed {
  firstMs: number
  endMs: number
  characters: number
}

export function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}
