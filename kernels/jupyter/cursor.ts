/** Cursors: Meshbook counts UTF-16 units (KN9), Jupyter characters of Unicode since 5.2. */
export function toCharacters(code: string, units: number): number {
  return [...code.slice(0, units)].length
}

export function toUnits(code: string, characters: number): number {
  return [...code].slice(0, Math.max(0, characters)).join('').length
}
