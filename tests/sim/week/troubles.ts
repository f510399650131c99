/** What happens to a hub and a device in a week: each trouble begins, and what it returns ends it. It knows no rule. */

import type { Chance } from '../world/chance.ts'
import type { HubHost } from '../world/hub-host.ts'
import type { Network } from '../world/network.ts'
import type { Timeline } from '../world/timeline.ts'
import type { WeekDevice } from './week-device.ts'

export interface Scene {
  timeline: Timeline
  network: Network
  hub: HubHost
  device: WeekDevice
  chance: Chance
}

export interface Trouble {
  /** So long it lasts, in seconds. */
  lasts: [number, number]
  begin(scene: Scene, ms: number): Promise<() => Promise<void> | void> | (() => Promise<void> | void)
}

const minute = 60
const hour = 60 * minute
const nothing = (): void => undefined

const killHub = ({ hub }: Scene): void => hub.kill()
const startHub = async ({ hub }: Scene): Promise<void> => {
  if (!hub.running) await hub.start()
}
const startDevice = async ({ device }: Scene): Promise<void> => {
  if (!device.process?.alive) await device.start()
}

/** The clocks of some machines are wrong for a while, ahead or behind; programs see it at once. */
function clocks(most: number, which: ('hub' | 'device')[]): Trouble {
  return {
    lasts: [10, 2 * hour],
    begin: ({ hub, device, chance }) => {
      const offsetMs = chance.between(-most, most) * 1_000
      const set = (ms: number): void => {
        for (const host of which.map(name => (name === 'hub' ? hub : device))) {
          host.clockOffsetMs = ms
          if (host.process) host.process.clockOffsetMs = ms
        }
      }
      set(offsetMs)
      return () => set(0)
    },
  }
}

function asleep(which: 'hub' | 'device', lasts: [number, number]): Trouble {
  return {
    lasts,
    begin: ({ timeline, hub, device }, ms) => {
      const { process } = which === 'hub' ? hub : device
      if (process) process.asleepUntil = timeline.time + ms
      return nothing
    },
  }
}

export const troubles: Record<string, Trouble> = {
  'the hub is killed and started again': {
    lasts: [0, 5 * minute],
    begin: scene => {
      killHub(scene)
      return () => startHub(scene)
    },
  },
  'the device is killed and started again': {
    lasts: [0, 5 * minute],
    begin: scene => {
      scene.device.kill()
      return () => startDevice(scene)
    },
  },
  'both are killed': {
    lasts: [0, 2 * minute],
    begin: scene => {
      killHub(scene)
      scene.device.kill()
      return async () => {
        await startDevice(scene)
        await startHub(scene)
      }
    },
  },
  'the network changes': {
    lasts: [1, 5],
    begin: ({ network, device }) => {
      network.cut(device.name)
      return nothing
    },
  },
  'a proxy drops the connection and tells nobody': {
    lasts: [1, minute],
    begin: ({ network, device, chance }) => {
      network.silence(device.name, chance.one(['up', 'down', 'both'] as const)!)
      return nothing
    },
  },
  'the name of the hub is not found': {
    lasts: [minute, 2 * hour],
    begin: ({ network, device }) => {
      network.part(device.name, 'refused')
      return () => network.heal(device.name)
    },
  },
  'the network swallows everything': {
    lasts: [minute, hour],
    begin: ({ network, device }) => {
      network.part(device.name, 'silent')
      return () => network.heal(device.name)
    },
  },
  'nothing arrives for a while, then all of it': {
    lasts: [1, minute],
    begin: ({ network, device, chance }) => {
      network.stall(device.name, chance.between(1, 90) * 1_000)
      return nothing
    },
  },
  'the disk of the device takes no token': {
    lasts: [minute, hour],
    begin: ({ network, device }) => {
      device.diskIsFull = true
      network.cut(device.name)
      return () => {
        device.diskIsFull = false
      }
    },
  },
  "the device's clock is wrong": clocks(hour, ['device']),
  "the hub's clock is wrong": clocks(hour, ['hub']),
  'both clocks are wrong by up to two days': clocks(48 * hour, ['hub', 'device']),
  "the device's machine sleeps": asleep('device', [10 * minute, 9 * hour]),
  "the hub's machine sleeps": asleep('hub', [minute, hour]),
}
