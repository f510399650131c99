/** What must hold of every page: no issue that axe finds, no sideways scrolling; and a picture of it where one is asked for. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import AxeBuilder from '@axe-core/playwright'
import type { Page } from 'playwright-core'

export async function assertGoodPage(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  assert.deepEqual(
    violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]),
    [],
  )
  const wide = await page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll('.stage, .page, dialog[open], .popover:popover-open')]
      .filter(element => element.scrollWidth > element.clientWidth)
      .map(
        element => `${element.tagName} ${element.className}: ${element.scrollWidth - element.clientWidth} px too wide`,
      ),
  )
  assert.deepEqual(wide, [])
}

/** Into the folder `MESHBOOK_SHOTS`, if that is set. */
export async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env.MESHBOOK_SHOTS
  if (folder) await page.screenshot({ path: join(folder, `${name.replaceAll(/[ ,]+/g, '-')}.png`) })
}
