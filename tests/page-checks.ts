/** What must hold of every page: no issue that axe finds, no sideways scrolling; and a picture of it where one is asked for. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import AxeBuilder from '@axe-core/playwright'
import type { Page } from 'playwright-core'

export async function assertGoodPage(page: Page): Promise<void> {
  await settled(page)
  // What a program shows in a frame is the program's.
  const { violations } = await new AxeBuilder({ page }).exclude('iframe').analyze()
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

/** Colours on their way from one state to another are no state of the page. What turns for ever is not waited for. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const passing = document.getAnimations().filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity)
    await Promise.allSettled(passing.map(({ finished }) => finished))
  })
}

/** Into the folder `MESHBOOK_SHOTS`, if that is set. */
export async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env.MESHBOOK_SHOTS
  if (folder) await page.screenshot({ path: join(folder, `${name.replaceAll(/[ ,]+/g, '-')}.png`) })
}
