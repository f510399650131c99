/** A phone of 390 x 844 with touch at a hub, for the tests of the phone's pages. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { TestHub } from '@meshbook/hub/testing/test-hub.ts'
import type { Page } from 'playwright-core'
import { type OpenBrowser, openBrowser, signInByCode } from '../browser.ts'
import { assertGoodAt } from '../page-checks.ts'

export const webFolder = fileURLToPath(new URL('../../packages/web/dist', import.meta.url))

export interface Phone extends OpenBrowser {
  url: string
  /** Asks the hub as who is signed in here. */
  json<T>(method: string, path: string, body?: unknown): Promise<T>
  open(path: string): Promise<void>
  tap(name: string | RegExp, role?: 'button' | 'link'): Promise<void>
}

export async function openPhone(t: TestContext, mesh: { url: string; link: string }): Promise<Phone> {
  const browser = await openBrowser(t, { width: 390, height: 844, touch: true })
  const { page } = browser
  await signInByCode(page, mesh)
  return {
    ...browser,
    url: mesh.url,
    async json<T>(method: string, path: string, body?: unknown) {
      const answer = await page.request.fetch(`${mesh.url}/api/v1${path}`, {
        method,
        headers: { origin: mesh.url },
        ...(body !== undefined && { data: body }),
      })
      const text = await answer.text()
      assert.ok(answer.ok(), `${method} ${path}: ${answer.status()} ${text}`)
      return (text === '' ? undefined : JSON.parse(text)) as T
    },
    open: async path => void (await page.goto(mesh.url + path)),
    tap: (name, role = 'button') => page.getByRole(role, { name }).first().tap(),
  }
}

export const linkOf = async ({ hub }: TestHub): Promise<{ url: string; link: string }> => ({
  url: hub.url,
  link: await hub.signInLink(),
})

const sizes = [
  [390, 844],
  [320, 640],
] as const

/** PH70: light and dark, 390 and 320 wide: nothing that axe finds, no sideways scrolling, every target large enough. */
export function looksGood(page: Page, name: string): Promise<void> {
  return assertGoodAt(page, name, sizes, async width =>
    assert.deepEqual(await smallTargets(page), [], `${name} at ${width}`),
  )
}

/** What can be pressed and is smaller than 44 px. A box to tick has the row around it; a link in a sentence its line. */
export function smallTargets(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const all = [...document.querySelectorAll<HTMLElement>('a, button, input, select, textarea, summary')]
    return all.flatMap(element => {
      const target = element.matches('input[type=checkbox], input[type=radio]') ? element.closest('label')! : element
      const { width, height } = target.getBoundingClientRect()
      const isShown = width > 0 && height > 0 && getComputedStyle(target).visibility === 'visible'
      const isInText = element.tagName === 'A' && getComputedStyle(element).display === 'inline'
      return isShown && !isInText && (width < 43.9 || height < 43.9)
        ? [`${element.outerHTML.slice(0, 80)}: ${Math.round(width)} x ${Math.round(height)}`]
        : []
    })
  })
}
