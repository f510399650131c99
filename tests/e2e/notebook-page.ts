/** A notebook that is open in a browser, for the tests of its page. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { type OpenBrowser, openBrowser, openDocument, signIn } from '../browser.ts'
import { eventually, type MeshProcess, startMesh, temporaryFolder } from '../mesh-process.ts'

export interface NotebookScene extends OpenBrowser {
  mesh: MeshProcess
  /** The text of the file on disk. */
  file(): Promise<string>
  /** Waits until the file is as wanted, then loads the page again. */
  reloadWhen(what: string, holds: (text: string) => boolean): Promise<string>
  cell(text: string): Locator
}

export async function openNotebook(
  t: TestContext,
  text: string,
  options: Parameters<typeof openBrowser>[1] = {},
): Promise<NotebookScene> {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  const path = join(data, 'projects/demo/page.md')
  await writeFile(path, text)
  const browser = await openBrowser(t, options)
  const { page } = browser
  await signIn(page, mesh)
  await openDocument(page, mesh, 'page.md')
  const file = () => readFile(path, 'utf8')
  return {
    ...browser,
    mesh,
    file,
    cell: words => page.locator('.cell').filter({ hasText: words }),
    async reloadWhen(what, holds) {
      const found = await eventually(what, async () => {
        const now = await file()
        return holds(now) && now
      })
      await page.reload()
      await page.locator('.item').first().waitFor()
      return found
    },
  }
}

/** Selects the item that is this far from the top, with no editor focused. */
export async function selectItem(page: Page, at: number): Promise<void> {
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
  await page.keyboard.press('ArrowDown')
  await page.locator('.item:focus').waitFor()
  for (let step = 0; step < 40; step++) {
    const selected = await page.evaluate(() =>
      [...document.querySelectorAll('.item')].indexOf(document.activeElement as HTMLElement),
    )
    if (selected === at) return
    await page.keyboard.press(selected < at ? 'j' : 'k')
  }
  throw new Error(`item ${at} was not selected`)
}

/** Scrolls until something is drawn: what is far from the window is not in the page (NB60). */
export async function bringIntoView(page: Page, wanted: Locator): Promise<Locator> {
  const stage = page.locator('.stage')
  const scrolledTo = (to: number) =>
    stage.evaluate((element, top) => {
      element.scrollTo(0, top)
      return element.scrollTop + element.clientHeight >= element.scrollHeight - 1
    }, to)
  for (let round = 0; round < 3 && (await wanted.count()) === 0; round++)
    for (let top = 0; (await wanted.count()) === 0; top += 700) {
      const isEnd = await scrolledTo(top)
      await page.waitForTimeout(100)
      if (isEnd) break
    }
  await wanted.first().scrollIntoViewIfNeeded()
  return wanted
}
