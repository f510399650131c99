/** What must hold of every page: no issue that axe finds, no sideways scrolling; and a picture of it where one is asked for. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import AxeBuilder from '@axe-core/playwright'
import type { Page } from 'playwright-core'

export interface Looked {
  /** Only this part is looked at by axe: what lies around it was looked at before. */
  within?: string
  /** Only what colours decide: the rest was looked at in other colours. */
  colours?: boolean
}

export async function assertGoodPage(page: Page, looked: Looked = {}): Promise<void> {
  await settle(page)
  // What a program shows in a frame is the program's. Without it axe needs no page of its own to gather what frames say.
  const axe = new AxeBuilder({ page }).setLegacyMode(true).exclude('iframe')
  if (looked.within !== undefined) axe.include(looked.within)
  if (looked.colours) axe.withRules(['color-contrast'])
  const { violations } = await axe.analyze()
  assert.deepEqual(
    violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]),
    [],
  )
  await assertNoSidewaysScrolling(page)
}

export type Size = readonly [width: number, height: number]

/** At each size, light and dark: a picture, and nothing that axe finds; `also` once a size. It ends as it began: the first, light. */
export async function assertGoodAt(
  page: Page,
  name: string,
  sizes: readonly [Size, ...Size[]],
  also: (width: number) => Promise<void> = async () => undefined,
): Promise<void> {
  const [first] = sizes
  for (const [width, height] of sizes) {
    await page.setViewportSize({ width, height })
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme })
      await settle(page)
      await shot(page, `${name} ${width} ${theme}`)
      await assertGoodPage(page, { colours: theme === 'dark' || width !== first[0] })
    }
    await also(width)
  }
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: first[0], height: first[1] })
}

export async function assertNoSidewaysScrolling(page: Page): Promise<void> {
  const wide = await page.evaluate(() =>
    [
      document.documentElement,
      ...document.querySelectorAll('.stage, .page, .side-panel, dialog[open], .popover:popover-open'),
    ]
      .filter(element => element.scrollWidth > element.clientWidth)
      .map(
        element => `${element.tagName} ${element.className}: ${element.scrollWidth - element.clientWidth} px too wide`,
      ),
  )
  assert.deepEqual(wide, [])
}

/** What is open over the page must not be cut off by the window. */
export async function assertInWindow(page: Page, selector: string): Promise<void> {
  const outside = await page.locator(selector).evaluate(element => {
    const { left, top, right, bottom } = element.getBoundingClientRect()
    return left < 0 || top < 0 || right > innerWidth || bottom > innerHeight ? [left, top, right, bottom] : []
  })
  assert.deepEqual(outside, [], `${selector} is not within the window`)
}

/**
 * Colours on their way from one state to another are no state of the page, so they are brought to their end. Waiting for
 * it would hang: a transition in what the browser does not draw (`content-visibility`) never says that it is finished.
 * What turns for ever is left alone.
 */
export async function settle(page: Page): Promise<void> {
  const left = await page.evaluate(() => {
    const passing = () =>
      document
        .getAnimations()
        .filter(({ effect, playState }) => playState === 'running' && effect?.getComputedTiming().endTime !== Infinity)
    // The end of one may begin another, where a colour is inherited.
    for (let round = 0; round < 20 && passing().length > 0; round++) for (const one of passing()) one.finish()
    return passing().length
  })
  assert.equal(left, 0, 'animations that begin each other')
}

/** Into the folder `MESHBOOK_SHOTS`, if that is set. */
export async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env.MESHBOOK_SHOTS
  if (folder) await page.screenshot({ path: join(folder, `${name.replaceAll(/[ ,]+/g, '-')}.png`) })
}
