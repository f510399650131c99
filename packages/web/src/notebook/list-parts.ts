/**
 * The items of a notebook as they are laid out: each one that is drawn, and one empty stretch for all between two of
 * them, so that what the browser keeps in order does not grow with the notebook (NB60). Pure.
 */
export interface DrawnPart {
  key: string
  at: number
}
export interface Stretch {
  /** Keys of the items that would stand there. */
  far: readonly string[]
}
export type ListPart = DrawnPart | Stretch

export function listParts(keys: readonly string[], isDrawn: (key: string) => boolean): ListPart[] {
  const parts: ListPart[] = []
  let far: string[] = []
  for (const [at, key] of keys.entries()) {
    if (!isDrawn(key)) {
      far.push(key)
      continue
    }
    if (far.length > 0) parts.push({ far })
    far = []
    parts.push({ key, at })
  }
  if (far.length > 0) parts.push({ far })
  return parts
}

/** Of items that stand below each other from `top` on, those that reach into `from` to `to`; the nearest if none does. */
export function within(
  keys: readonly string[],
  heightOf: (key: string) => number,
  top: number,
  from: number,
  to: number,
): string[] {
  const found: string[] = []
  let at = top
  for (const key of keys) {
    const next = at + heightOf(key)
    if (next >= from && at <= to) found.push(key)
    at = next
  }
  if (found.length > 0) return found
  return (top > to ? keys.slice(0, 1) : keys.slice(-1)) as string[]
}
