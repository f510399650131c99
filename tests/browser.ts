/** A real Chromium for the tests, with a fresh profile; closed when the test ends. */
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import type { Cleanup } from './mesh-process.ts'

export const browserFlags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
export const chromiumPath = process.env.MESHBOOK_CHROMIUM ?? '/usr/bin/chromium'

export interface OpenBrowser {
  context: BrowserContext
  page: Page
  /** What went wrong in the page: uncaught errors and messages of level error. */
  faults: string[]
}

export async function openBrowser(
  t: Cleanup,
  options: { width?: number; height?: number; dark?: boolean; touch?: boolean } = {},
): Promise<OpenBrowser> {
  const browser = await chromium.launch({ executablePath: chromiumPath, args: browserFlags })
  t.after(() => browser.close())
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1440, height: options.height ?? 900 },
    colorScheme: options.dark ? 'dark' : 'light',
    ...(options.touch && { hasTouch: true, isMobile: true }),
  })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const faults: string[] = []
  page.on('pageerror', error => faults.push(error.message))
  page.on('console', message => {
    if (message.type() === 'error') faults.push(message.text())
  })
  return { context, page, faults }
}

interface Started {
  url: string
  link: string
}

/** Opens the one-time link and waits until the app has taken it. */
export async function signIn(page: Page, mesh: Started): Promise<void> {
  await page.goto(mesh.link)
  await page.waitForURL(url => url.pathname !== '/signin')
}

/** Opens a document of the demo project, which may have been written to its folder a moment ago. */
export async function openDocument(page: Page, mesh: Started, path: string): Promise<void> {
  const cell = page.locator('.cell').first()
  for (let attempt = 0; ; attempt++) {
    await page.goto(`${mesh.url}/p/demo/${path}`)
    try {
      await cell.waitFor({ timeout: 2_000 })
      return
    } catch (error) {
      if (attempt === 10) throw error
    }
  }
}
