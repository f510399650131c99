/** A hub with devices of several kinds as scripts, for tests of the pages that list them. */
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Metrics } from '@meshbook/core/messages.ts'
import { TestDevice } from '@meshbook/hub/testing/test-device.ts'
import { startTestHub, type TestHub } from '@meshbook/hub/testing/test-hub.ts'
import type { Page } from 'playwright-core'
import { openBrowser, signInByCode } from '../browser.ts'

export const webFolder = fileURLToPath(new URL('../../packages/web/dist', import.meta.url))
const giga = 2 ** 30

export interface FleetScene extends TestHub {
  laptop: TestDevice
  studio: TestDevice
  phone: TestDevice
}

export const onBattery: Metrics = {
  cpu: 0.34,
  memoryBytes: 16 * giga,
  memoryFreeBytes: 5 * giga,
  gpus: [],
  battery: { level: 0.62, charging: false },
  metered: true,
}
export const withCard: Metrics = {
  cpu: 0.08,
  memoryBytes: 128 * giga,
  memoryFreeBytes: 96 * giga,
  gpus: [{ name: 'NVIDIA RTX 4090', memoryBytes: 24 * giga, memoryFreeBytes: 5 * giga, load: 0.93 }],
}

/** A laptop and a server are online, a phone has been. */
export async function fleetScene(t: TestContext): Promise<FleetScene> {
  const test = await startTestHub(t, { webFolder })
  const laptop = new TestDevice('MacBook Pro')
  const studio = new TestDevice('Studio GPU')
  const phone = new TestDevice('Pixel')
  await test.hub.registerDevice(laptop.publicKey, 'MacBook Pro', 'desktop')
  await test.hub.registerDevice(studio.publicKey, 'Studio GPU', 'server')
  test.clock.offsetMs = -3 * 3_600_000
  await test.hub.registerDevice(phone.publicKey, 'Pixel', 'phone')
  test.clock.offsetMs = 0
  const held = { heads: [], runs: [] }
  await laptop.join(t, test.hub, [test.project.id], held, ['python', 'r', 'bash'], onBattery)
  await studio.join(t, test.hub, [test.project.id], held, ['python', 'bash'], withCard)
  return Object.assign(test, { laptop, studio, phone })
}

export interface Look {
  name: string
  width?: number
  height?: number
  dark?: boolean
}
export const looks: readonly Look[] = [
  { name: 'light, 1280 px', width: 1280, height: 800 },
  { name: 'dark, 390 px', width: 390, height: 844, dark: true },
]

export async function lookAt(page: Page, { width, height, dark }: Look): Promise<void> {
  await page.setViewportSize({ width: width ?? 1440, height: height ?? 900 })
  await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' })
}

/** What holds in every look, of a page that stays where it is. It ends in the first look. */
export async function inEachLook(page: Page, see: (look: Look) => Promise<unknown>): Promise<void> {
  for (const look of looks) {
    await lookAt(page, look)
    await see(look)
  }
  await lookAt(page, looks[0]!)
}

export async function openPage(t: TestContext, scene: TestHub, path: string, look: Look = looks[0]!) {
  const opened = await openBrowser(t, look)
  await signInByCode(opened.page, { url: scene.hub.url, link: await scene.hub.signInLink() })
  await opened.page.goto(`${scene.hub.url}${path}`)
  return opened
}

/** How far things that were there before moved, by Chromium's own account, since the page was opened. */
export async function watchShifts(page: Page): Promise<() => Promise<number>> {
  await page.evaluate(() => {
    const world = globalThis as unknown as { shifts: number }
    world.shifts = 0
    new PerformanceObserver(list => {
      for (const entry of list.getEntries()) world.shifts += (entry as PerformanceEntry & { value: number }).value
    }).observe({ type: 'layout-shift', buffered: false })
  })
  return () => page.evaluate(() => (globalThis as unknown as { shifts: number }).shifts)
}
