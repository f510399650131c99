/** A real Chromium for the tests: one for each file, and in it a fresh profile for each page, closed when its test ends. */
import { after } from 'node:test'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { type Cleanup, waitMs } from './mesh-process.ts'

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
  options: { width?: number; height?: number; dark?: boolean; touch?: boolean; scripts?: boolean } = {},
): Promise<OpenBrowser> {
  const browser = await theBrowser()
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1440, height: options.height ?? 900 },
    colorScheme: options.dark ? 'dark' : 'light',
    javaScriptEnabled: options.scripts ?? true,
    ...(options.touch && { hasTouch: true, isMobile: true }),
  })
  t.after(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(waitMs)
  const faults: string[] = []
  page.on('pageerror', error => faults.push(error.message))
  page.on('console', message => {
    if (message.type() === 'error') faults.push(message.text())
  })
  return { context, page, faults }
}

/** Another profile in the same browser, closed with the one of this page. */
export async function besides(page: Page, options: BrowserContextOptions = {}): Promise<Page> {
  const first = page.context()
  const context = await first.browser()!.newContext(options)
  first.once('close', () => void context.close())
  const other = await context.newPage()
  other.setDefaultTimeout(waitMs)
  return other
}

let launched: Promise<Browser> | undefined

function theBrowser(): Promise<Browser> {
  launched ??= chromium.launch({ executablePath: chromiumPath, args: browserFlags })
  return launched
}

after(async () => (await launched)?.close())

interface Started {
  url: string
  link: string
}

/** Opens the one-time link and waits until the app has taken it. */
export async function signIn(page: Page, mesh: Started): Promise<void> {
  await page.goto(mesh.link)
  await page.waitForURL(url => url.pathname !== '/signin')
}

/** The same without a page: the browser is known to the hub, and its first page is the one that the test is about. */
export async function signInByCode(page: Page, { link }: Started): Promise<void> {
  const { origin, hash } = new URL(link)
  const headers = { origin }
  const answer = await page.request.post(`${origin}/api/v1/auth/link`, { headers, data: { code: hash.slice(1) } })
  if (!answer.ok()) throw new Error(`sign-in failed: ${answer.status()} ${await answer.text()}`)
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
