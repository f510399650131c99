/** Which keys a schema takes, and where: for "did you mean", and for the test that each key has an effect. */
import type * as v from 'valibot'

/** Of valibot's schemas what is read here; each kind has some of it. */
interface Shape {
  type: string
  entries?: Record<string, Shape>
  wrapped?: Shape
  options?: Shape[]
  item?: Shape
  value?: Shape
  getter?: (input: unknown) => Shape
}

function shapeOf(schema: v.GenericSchema<never> | v.GenericSchema): Shape {
  return schema as unknown as Shape
}

/** The schemas that may describe a value: alternatives laid side by side, wrappers taken off. */
function alternatives(shape: Shape): Shape[] {
  if (shape.wrapped) return alternatives(shape.wrapped)
  if (shape.type === 'lazy' && shape.getter) return alternatives(shape.getter(undefined))
  if (shape.type === 'union') return (shape.options ?? []).flatMap(alternatives)
  return [shape]
}

/** The keys that an object at this path may have; none where any may stand, or where no object may. */
export function keysAt(schema: v.GenericSchema, path: readonly (string | number)[]): string[] {
  let found = alternatives(shapeOf(schema))
  for (const key of path) found = found.flatMap(shape => below(shape, key)).flatMap(alternatives)
  return found.flatMap(shape => Object.keys(shape.entries ?? {}))
}

function below(shape: Shape, key: string | number): Shape[] {
  const entry = shape.entries?.[key] ?? shape.item ?? (shape.type === 'record' ? shape.value : undefined)
  return entry ? [entry] : []
}

/** Every key that the schema takes, as `steps.*.retry.attempts`; steps inside of steps are the same and left out. */
export function allKeys(schema: v.GenericSchema): string[] {
  return [...new Set(keysBelow(shapeOf(schema), [], 0))]
}

function keysBelow(shape: Shape, path: readonly string[], inSteps: number): string[] {
  if (shape.type === 'lazy' && inSteps > 0) return []
  return alternatives(shape).flatMap(one => {
    const named = Object.entries(one.entries ?? {}).flatMap(([key, below]) => [
      [...path, key].join('.'),
      ...keysBelow(below, [...path, key], inSteps + (key === 'steps' ? 1 : 0)),
    ])
    const inside = one.item ?? (one.type === 'record' ? one.value : undefined)
    return inside ? [...named, ...keysBelow(inside, [...path, '*'], inSteps)] : named
  })
}
