/** A bug as somebody could make it, put between the shipped classes from outside, and how many worlds may pass before it is found. */
import { asShipped, type Variations } from '../world/variations.ts'

export interface PlantedBug {
  name: string
  /** It must be caught within so many seeds. */
  seeds: number
  variations: Variations
  /** For a method that is given another body; returns what takes that back. */
  install?: () => () => void
}

export function planted(name: string, seeds: number, variations: Partial<Variations>): PlantedBug {
  return { name, seeds, variations: { ...asShipped, ...variations } }
}

/** Gives a method of a class another body. */
export function patched<T extends object, K extends keyof T>(
  name: string,
  seeds: number,
  prototype: T,
  method: K,
  make: (original: T[K]) => T[K],
): PlantedBug {
  const install = () => {
    const original = prototype[method]
    prototype[method] = make(original)
    return () => {
      prototype[method] = original
    }
  }
  return { name, seeds, variations: asShipped, install }
}
