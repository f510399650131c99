/** What world a seed makes: how many of everything, and how narrow the caps are. */
import type { Chance } from './chance.ts'
import type { Shape } from './world.ts'

export function shapeOf(chance: Chance): Shape {
  const devices = chance.one([[], [true], [true], [true, true], [false], [true, false]])!
  return {
    devices,
    browsers: devices.length === 0 ? chance.between(2, 3) : chance.between(1, 3),
    isDense: chance.happens(0.4),
    latencyMs: chance.one<[number, number]>([
      [1, 5],
      [1, 40],
      [20, 120],
    ])!,
    compactAfterUpdates: chance.one([6, 20, 500])!,
    socketBacklogBytes: chance.one([600, 8 * 2 ** 20])!,
  }
}
