/** What goes wrong: programs are killed, networks part, disks fail, clocks jump, stores are wiped. */
import { folder } from '../world/device-host.ts'
import type { World } from '../world/world.ts'
import type { Act } from './action.ts'

const machines = (world: World): string[] => [...world.devices, ...world.browsers].map(({ name }) => name)

export const killHub: Act = (world, chance) => {
  if (!world.hub.running) return false
  world.note('the hub is killed')
  world.hub.kill()
  world.later(chance.between(10, 1_500), () => world.startHub())
  return true
}

export const killDevice: Act = (world, chance) => {
  const device = chance.one(world.devices.filter(({ running }) => running))
  if (!device) return false
  const powerToo = chance.happens(0.5)
  world.note(`${device.name} is killed${powerToo ? ', its power cut' : ''}`)
  world.book.isShaken = true
  device.kill(powerToo)
  world.later(chance.between(10, 2_000), () => world.startDevice(device))
  return true
}

export const killBrowser: Act = (world, chance) => {
  const browser = chance.one(world.browsers.filter(({ running }) => running))
  if (!browser) return false
  const open = [...browser.pages.values()].map(({ document, address }) => ({ document, address }))
  world.note(`${browser.name} is killed`)
  browser.kill()
  const clears = chance.happens(0.15)
  if (clears) {
    world.note(`the storage of ${browser.name} is cleared`)
    browser.storage.clear()
    world.ledger.forget(`browser ${browser.name}`)
  }
  world.later(chance.between(10, 1_000), async () => {
    if (browser.running) return
    browser.start()
    for (const { document, address } of open) await browser.open(document, address)
  })
  return true
}

/** The device is set up anew: what it alone knew is gone; the lines of its files that are in no document come back. */
export const wipeDevice: Act = (world, chance) => {
  const device = chance.one(world.devices)
  if (!device) return false
  world.note(`${device.name} is set up anew`)
  device.kill(false)
  device.wipe(chance.happens(0.5))
  world.ledger.forgetDevice(device.name)
  world.book.contestAll()
  for (const path of device.files.filesBelow(folder)) world.ledger.found(device.files.readText(path)!)
  for (const { device: name, text } of world.halfSaved) if (name === device.name) world.ledger.found(text)
  world.later(chance.between(10, 500), () => world.startDevice(device))
  return true
}

export const part: Act = (world, chance) => {
  const machine = chance.one(machines(world))!
  const how = chance.one(['refused', 'silent'] as const)!
  world.note(`${machine} is cut off (${how})`)
  world.network.part(machine, how)
  world.later(chance.between(100, 4_000), () => {
    world.network.heal(machine)
    return chance.happens(0.7) ? world.wake(machine) : undefined
  })
  return true
}

export const cut: Act = (world, chance) => {
  const machine = chance.one(machines(world))!
  world.note(`the wires of ${machine} are cut`)
  world.network.cut(machine)
  return true
}

export const silence: Act = (world, chance) => {
  const machine = chance.one(machines(world))!
  const direction = chance.one(['up', 'down', 'both'] as const)!
  world.note(`the wires of ${machine} are half-open (${direction})`)
  world.network.silence(machine, direction)
  return true
}

export const stall: Act = (world, chance) => {
  const machine = chance.one(machines(world))!
  world.note(`the wires of ${machine} are slow`)
  world.network.stall(machine, chance.between(100, 2_000))
  return true
}

export const diskTrouble: Act = (world, chance) => {
  const disk = chance.one([world.hub.disk, ...world.devices.flatMap(({ store, files }) => [store, files])])!
  world.book.isShaken = true
  disk.trouble = chance.one(['full', 'broken', 'unsure'] as const)
  world.note(`a disk is ${disk.trouble}`)
  world.later(chance.between(50, 1_500), () => {
    disk.trouble = undefined
  })
  return true
}

export const clockJump: Act = (world, chance) => {
  const device = chance.one(world.devices)
  if (!device) return false
  device.clockOffsetMs = chance.between(-3_600_000, 3_600_000)
  world.note(`the clock of ${device.name} jumps to ${device.clockOffsetMs} ms`)
  if (device.process) device.process.clockOffsetMs = device.clockOffsetMs
  return true
}
