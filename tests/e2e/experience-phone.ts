/** One hub with real kernels, and a phone of its own for each test, for the clauses of what the phone promises. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, type TestContext } from 'node:test'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import type { BrowserContext, Locator, Page } from 'playwright-core'
import { openBrowser, openDocument, signInByCode } from '../browser.ts'
import { clientOf, eventually, type MeshProcess, startMesh, startProcess, temporaryFolder } from '../mesh-process.ts'

const token = 'mb_0123456789abcdefghijklmnop'
const closers: (() => unknown)[] = []
const rest = { after: (close: () => unknown) => void closers.unshift(close) }
const now = { mesh: undefined as unknown as MeshProcess }
let cookies: Awaited<ReturnType<BrowserContext['cookies']>> = []
let documents = 0

export const hub = (): MeshProcess => now.mesh

/** Registers the hub of the file: begun before its first test, ended after its last. */
export function withHub(): void {
  before(async () => {
    const env = { MESHBOOK_BOOTSTRAP_TOKEN: token }
    now.mesh = await startMesh(rest, join(await temporaryFolder(rest), 'data'), ['--port', '0'], env)
    const { page, context } = await openBrowser(rest)
    await signInByCode(page, now.mesh)
    cookies = await context.cookies()
  })
  after(async () => {
    for (const close of closers) await close()
  })
}

/** After it was killed, on the port that it had. */
export async function startAgain(): Promise<void> {
  const { data, url } = now.mesh
  now.mesh = await startMesh(rest, data, ['--port', new URL(url).port], { MESHBOOK_BOOTSTRAP_TOKEN: token })
}

/** Another real device of the hub. */
export async function joined(t: TestContext, name: string): Promise<MeshProcess> {
  const args = ['up', '--hub', now.mesh.url, '--name', name, '--projects', 'all']
  return startProcess(t, await temporaryFolder(t), args, { MESHBOOK_TOKEN: token })
}

export const devices = async (page: Page): Promise<DeviceInfo[]> =>
  ((await (await page.request.get(`${now.mesh.url}/api/v1/devices`)).json()) as { items: DeviceInfo[] }).items

export const code = (text: string): string => `\`\`\`python\n${text}\n\`\`\`\n`
export const counts = (name: string): string => `open("${name}", "a").write("x"); print("ran", "${name}")`
/** How often code of `counts` ran. */
export const ran = async (name: string): Promise<number> =>
  (await readFile(join(now.mesh.data, 'projects/demo', name), 'utf8').catch(() => '')).length

export interface Clause {
  page: Page
  context: BrowserContext
  name: string
  path: string
  /** The text of the file on disk. */
  text(): Promise<string>
  has(what: string, holds: (text: string) => boolean): Promise<string>
  /** Loads the page again, and waits for the notebook. */
  again(): Promise<void>
  cell(words: string): Locator
  /** The network is off; on again. */
  cut(): Promise<void>
  mend(): Promise<void>
}

export async function phone(t: TestContext): Promise<{ page: Page; context: BrowserContext }> {
  const { page, context } = await openBrowser(t, { width: 390, height: 844, touch: true })
  await context.addCookies(cookies)
  return { page, context }
}

/** A notebook of its own, open on a phone, synced, with the app kept there. */
export async function open(
  t: TestContext,
  text: string,
  prepare: (context: BrowserContext) => Promise<unknown> = async () => undefined,
): Promise<Clause> {
  const name = `clause-${++documents}.md`
  const path = join(now.mesh.data, 'projects/demo', name)
  await writeFile(path, text)
  // The file stays: one that goes while another like it comes, in the same inode, is its new name (DV26).
  const client = await clientOf(now.mesh)
  await eventually('the notebook is at the hub', async () => {
    const found = await client.documentAt(`me/demo/${name}`).catch(() => undefined)
    return found !== undefined
  })
  const { page, context } = await phone(t)
  await prepare(context)
  await page.goto(`${now.mesh.url}/m/p/demo/${name}`)
  await page.getByText('Synced ✓').waitFor()
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  const read = () => readFile(path, 'utf8')
  return {
    ...{ name, path, page, context },
    text: read,
    has: (what, holds) => eventually(what, async () => (found => holds(found) && found)(await read()), 30_000),
    again: async () => {
      await page.reload()
      await page.locator('.item').first().waitFor()
    },
    cell: words => page.locator('section.cell').filter({ hasText: words }),
    cut: async () => {
      await context.setOffline(true)
      await page.getByText('You are offline.').waitFor()
    },
    mend: () => context.setOffline(false),
  }
}

/** The same notebook in a browser with a keyboard. */
export async function desktopAt(t: TestContext, { name }: Clause): Promise<Page> {
  const { page, context } = await openBrowser(t)
  await context.addCookies(cookies)
  await openDocument(page, now.mesh, name)
  await page.locator('.cell .cm-content').first().waitFor()
  return page
}

export const run = ({ cell }: Clause, words: string): Promise<void> =>
  cell(words).getByRole('button', { name: 'Run the cell' }).tap()

/** With what the page shows instead. */
export const shows = ({ page }: Clause, words: string): Promise<void> =>
  page
    .getByText(words)
    .waitFor({ timeout: 60_000 })
    .catch(async cause => {
      throw new Error(`no “${words}” in: ${await page.locator('body').innerText()}`, { cause })
    })

/** Presses on code, and waits for its text area. */
export async function edit({ page, cell }: Clause, words: string): Promise<Locator> {
  await cell(words).locator('button.code').tap()
  const area = page.getByRole('textbox', { name: 'Code' })
  await eventually('the cell is edited', async () =>
    (await area.inputValue({ timeout: 500 }).catch(() => '')).includes(words),
  )
  await area.press('Control+End')
  return area
}

export async function pick(page: Page, sheet: string | RegExp, action: string | RegExp): Promise<void> {
  await page.getByRole('button', { name: sheet }).last().tap()
  await page.getByRole('dialog').getByRole('button', { name: action }).first().tap()
}

/** What can be pressed most: all of it lies in the lower half. */
export const inLowerHalf = (wanted: Locator): Promise<boolean> =>
  wanted.evaluateAll(all => all.length > 0 && all.every(one => one.getBoundingClientRect().top > innerHeight / 2))

/** A finger that goes down the page. */
export async function pull(page: Page, context: BrowserContext, far: number): Promise<void> {
  const cdp = await context.newCDPSession(page)
  const touch = (type: 'touchStart' | 'touchMove', y: number) =>
    cdp.send('Input.dispatchTouchEvent', { type, touchPoints: [{ x: 200, y }] })
  await touch('touchStart', 120)
  for (let y = 120; y <= 120 + far; y += 20) await touch('touchMove', y)
  await cdp.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
}
