/** Which variables are shown, and in which order. Pure. */
import type { Variables } from '@meshbook/core/api.ts'

type Variable = Variables['items'][number]
export type VariableOrder = { by: 'name' | 'type' | 'size'; down: boolean }

export function shownVariables(items: readonly Variable[], filter: string, { by, down }: VariableOrder): Variable[] {
  const wanted = filter.trim().toLowerCase()
  const found = items.filter(({ name, type, preview }) =>
    [name, type, preview].some(field => field.toLowerCase().includes(wanted)),
  )
  const compared = (a: Variable, b: Variable) =>
    (by === 'size' ? sizeOf(a) - sizeOf(b) : a[by].localeCompare(b[by])) || a.name.localeCompare(b.name)
  return found.toSorted((a, b) => (down ? compared(b, a) : compared(a, b)))
}

/** `(100, 3)` is as many as 300; what says no size is small. */
function sizeOf({ size }: Variable): number {
  const numbers = size?.match(/\d+(?:\.\d+)?/g)?.map(Number) ?? []
  return numbers.length === 0 ? -1 : numbers.reduce((product, number) => product * number, 1)
}
