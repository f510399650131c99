/** Cuts the power at points of a recording, in order, so that the disk is replayed once. */
import type { Chance } from '../../soak/random.ts'
import { Disk } from './disk.ts'
import type { DiskEvent } from './disk-event.ts'
import type { Recorded } from './recorded.ts'

export interface Cut {
  /** After how many events. */
  point: number
  changesAtRisk: number
  /** What may be found afterwards. */
  files: Map<string, Buffer>
}

export async function eachCut(
  { initial, events }: Recorded,
  chance: Chance,
  points: number,
  promise: (text: string) => void,
  check: (cut: Cut) => Promise<void>,
): Promise<void> {
  const disk = new Disk(initial)
  const at = Array.from({ length: points }, () => chance.between(1, events.length)).toSorted((a, b) => a - b)
  let done = 0
  for (const point of at) {
    for (; done < point; done++) {
      const event = events[done]!
      if (event.op === 'promise') promise(event.text)
      else if (!isMemory(event)) disk.apply(event)
    }
    await check({ point, changesAtRisk: disk.changesAtRisk, files: disk.afterPowerCut(chance) })
  }
}

/** The index of SQLite's log is shared memory of the machine that lost its power; SQLite makes it anew. */
function isMemory(event: DiskEvent): boolean {
  return 'path' in event && event.path.endsWith('-shm')
}
