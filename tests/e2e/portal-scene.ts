/** The portal in real Chromium at a real hub whose task workers are scripts. */
import type { TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { type OpenBrowser, openBrowser, signInByCode } from '../browser.ts'
import { assertGoodAt } from '../page-checks.ts'
import { linkOf, webFolder } from './phone-scene.ts'
import { type TaskScene, taskScene } from './task-scene.ts'

export interface PortalScene extends TaskScene, OpenBrowser {
  open(path: string): Promise<void>
}

export async function portalScene(t: TestContext, env: NodeJS.ProcessEnv = {}): Promise<PortalScene> {
  const s = await taskScene(t, { webFolder, env })
  const browser = await openBrowser(t, { width: 1440 })
  await signInByCode(browser.page, await linkOf(s.it))
  return { ...s, ...browser, open: async path => void (await browser.page.goto(s.it.hub.url + path)) }
}

const sizes = [
  [1440, 900],
  [320, 640],
] as const

/** TP20, PO4: light and dark, wide and 320 px. */
export const looksGood = (page: Page, name: string): Promise<void> => assertGoodAt(page, name, sizes)
