/**
 * The phone's app in Chromium as on a slow phone: processor six times slower, 1.6 Mbit/s, 150 ms there and back, 390 × 844,
 * touch. Measured in the page, from the beginning of the navigation or of the press to the frame that shows it.
 *
 *     npm run bench -- phone [--json] [--quick]
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core'
import { browserFlags, chromiumPath } from '../../tests/browser.ts'

const rounds = process.argv.includes('--quick') ? 3 : 9
const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')
const slow = { slower: 6, bytesPerSecond: 1.6e6 / 8, roundTripMs: 150 }

const note = [
  '# Five cells\n\nWhat a phone opens: some **words**, a list, and five cells with what they printed.\n\n- one\n- two\n',
  ...Array.from(
    { length: 5 },
    (_, at) =>
      `\`\`\`python\nfor n in range(3):\n    print("cell ${at}", n)\n\`\`\`\n\n\`\`\`output:run_${String(at).padStart(26, '0')}\ncell ${at} 0\ncell ${at} 1\ncell ${at} 2\n\`\`\`\n`,
  ),
].join('\n')

interface Hub {
  url: string
  link: string
  kill(): Promise<void>
}

async function startHub(folder: string): Promise<Hub> {
  const args = [main, 'start', '--no-open', '--json', '--port', '0', '--data', folder]
  const child: ChildProcess = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, MESHBOOK_KEYCHAIN: 'off' },
  })
  const line = await new Promise<string>(resolve => createInterface({ input: child.stdout! }).once('line', resolve))
  const { url, link } = JSON.parse(line) as { url: string; link: string }
  const kill = async () => {
    const ended = new Promise(resolve => child.once('exit', resolve))
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await ended
  }
  return { url, link, kill }
}

/** Runs in the page: the time of the first frame in which something matches. */
function installClock(): void {
  const seen: Record<string, number> = {}
  const waiting = new Set<string>()
  const look = () => {
    for (const selector of waiting)
      if (document.querySelector(selector)) {
        waiting.delete(selector)
        // The frame that shows it has been drawn when the task after it begins.
        requestAnimationFrame(() => setTimeout(() => (seen[selector] = performance.now())))
      }
  }
  new MutationObserver(look).observe(document, { childList: true, subtree: true })
  Object.assign(globalThis, {
    phoneClock: {
      seen,
      watch: (selector: string) => {
        delete seen[selector]
        waiting.add(selector)
        look()
      },
    },
  })
  waiting.add('.rows .row')
}
declare global {
  var phoneClock: { seen: Record<string, number>; watch(selector: string): void }
}

const row = '.rows .row'
const lastOutput = '.item.cell:nth-of-type(5) .output'

async function phone(
  browser: Browser,
  state?: StorageState,
): Promise<{ context: BrowserContext; page: Page; cdp: CDPSession }> {
  const context = await browser.newContext({
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
    ...(state && { storageState: state }),
  })
  const page = await context.newPage()
  await page.addInitScript(installClock)
  const cdp = await context.newCDPSession(page)
  return { context, page, cdp }
}
type StorageState = Awaited<ReturnType<BrowserContext['storageState']>>

async function slowDown(cdp: CDPSession): Promise<void> {
  await cdp.send('Network.enable')
  await cdp.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: slow.roundTripMs,
    downloadThroughput: slow.bytesPerSecond,
    uploadThroughput: slow.bytesPerSecond,
  })
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: slow.slower })
}

const seenAt = async (page: Page, selector: string): Promise<number> => {
  await page.waitForFunction(name => globalThis.phoneClock?.seen[name] !== undefined, selector, { timeout: 60_000 })
  return page.evaluate(name => globalThis.phoneClock.seen[name]!, selector)
}

interface Round {
  listColdMs: number
  listWarmMs: number
  openMs: number
  openAgainMs: number
  offlineStartMs: number
  listBytes: number
  readBytes: number
}

async function measure(browser: Browser, folder: string): Promise<Round> {
  const hub = await startHub(folder)
  const signedIn = await phone(browser)
  await signedIn.page.goto(hub.link)
  await signedIn.page.waitForURL(to => to.pathname !== '/signin')
  const state = await signedIn.context.storageState()
  await signedIn.context.close()

  const { context, page, cdp } = await phone(browser, { cookies: state.cookies, origins: [] })
  let bytes = 0
  cdp.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength))
  await slowDown(cdp)
  await page.goto(`${hub.url}/m/`, { waitUntil: 'commit' })
  const listColdMs = await seenAt(page, row)
  const listBytes = bytes
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, { timeout: 60_000 })
  await sleep(3_000)
  await page.goto('about:blank')
  await page.goto(`${hub.url}/m/`, { waitUntil: 'commit' })
  const listWarmMs = await seenAt(page, row)
  await sleep(3_000)
  const press = async () => {
    const began = await page.evaluate(selector => {
      globalThis.phoneClock.watch(selector)
      const link = [...document.querySelectorAll<HTMLElement>('.rows .row')].find(it =>
        it.textContent?.includes('five'),
      )!
      const at = performance.now()
      link.click()
      return at
    }, lastOutput)
    return (await seenAt(page, lastOutput)) - began
  }
  const openMs = await press()
  const readBytes = bytes
  await sleep(2_000)
  await page.goBack()
  await page.locator(row).first().waitFor()
  const openAgainMs = await press()
  await sleep(1_000)
  await hub.kill()
  await page.goto('about:blank')
  await page.goto(`${hub.url}/m/`, { waitUntil: 'commit' })
  const offlineStartMs = await seenAt(page, row)
  await context.close()
  return { listColdMs, listWarmMs, openMs, openAgainMs, offlineStartMs, listBytes, readBytes }
}

const middle = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

const folder = await mkdtemp(join(tmpdir(), 'meshbook-bench-phone-'))
const browser = await chromium.launch({ executablePath: chromiumPath, args: browserFlags })
try {
  const first = await startHub(folder)
  await writeFile(join(folder, 'projects/demo/five.md'), note)
  await sleep(2_000)
  await first.kill()
  const found: Round[] = []
  for (let round = 0; round < rounds; round++) {
    found.push(await measure(browser, folder))
    process.stderr.write(
      `${JSON.stringify(found.at(-1), (_key, value) => (typeof value === 'number' ? Math.round(value) : value))}\n`,
    )
  }
  const names = Object.keys(found[0]!) as (keyof Round)[]
  const medians = Object.fromEntries(names.map(name => [name, Math.round(middle(found.map(each => each[name])))]))
  process.stdout.write(`${JSON.stringify({ bench: 'phone', rounds, ...slow, ...medians })}\n`)
} finally {
  await browser.close()
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}
