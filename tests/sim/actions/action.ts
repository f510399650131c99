/** One thing that happens in a world: made from the seed alone, so that a world without it can be tried. */
import { Chance } from '../world/chance.ts'
import type { World } from '../world/world.ts'

export interface Action {
  /** Milliseconds since the one before. */
  gapMs: number
  kind: string
  /** Chance of its own, whatever the others do. */
  salt: string
}

/** Does what it can in the world as it is; false where it makes no sense. */
export type Act = (world: World, chance: Chance) => boolean | Promise<boolean>

export interface Weighted {
  weight: number
  act: Act
}

export function chanceOf(action: Action): Chance {
  return new Chance(action.salt)
}
