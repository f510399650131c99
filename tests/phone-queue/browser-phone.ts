/** A phone in real Chromium, for random schedules: what is done on it by touch, and what its queue holds (PH21–PH25). */
import assert from 'node:assert/strict'
import type { BrowserContext, Page } from 'playwright-core'
import { eventually } from '../mesh-process.ts'

/** As the queue stored it. */
export interface StoredRun {
  id: string
  code: string
  on?: string
}

declare global {
  var queueStored: (run: StoredRun) => Promise<void>
}

/** Tells of everything that reaches the queue, when it is stored. */
function watchQueue(): void {
  for (const name of ['add', 'put'] as const) {
    const before = IDBObjectStore.prototype[name]
    IDBObjectStore.prototype[name] = function (value, key) {
      if (this.transaction.db.name === 'meshbook-outbox') {
        const { id, code, demands } = value
        this.transaction.addEventListener('complete', () => void globalThis.queueStored({ id, code, on: demands.on }))
      }
      return key === undefined ? before.call(this, value) : before.call(this, value, key)
    }
  }
}

const readQueue = async (): Promise<Record<string, string>> => {
  const isThere = (await indexedDB.databases()).some(({ name }) => name === 'meshbook-outbox')
  if (!isThere) return {}
  return await new Promise((resolve, reject) => {
    const opening = indexedDB.open('meshbook-outbox')
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => {
      const all = opening.result.transaction('runs').objectStore('runs').getAll()
      all.onsuccess = () => {
        opening.result.close()
        resolve(Object.fromEntries(all.result.map(({ id, state }) => [id, state.is])))
      }
    }
  })
}

export class BrowserPhone {
  readonly context: BrowserContext
  /** In the order in which they were stored first. */
  readonly stored = new Map<string, StoredRun>()
  readonly #url: string
  #pages: Page[] = []

  private constructor(context: BrowserContext, page: Page, url: string) {
    this.context = context
    this.#pages = [page]
    this.#url = url
  }

  static async open(context: BrowserContext, page: Page, url: string): Promise<BrowserPhone> {
    const phone = new BrowserPhone(context, page, url)
    await context.exposeFunction('queueStored', (run: StoredRun) => {
      if (!phone.stored.has(run.id)) phone.stored.set(run.id, run)
    })
    await context.addInitScript(watchQueue)
    await page.goto(url)
    await phone.isOpen()
    return phone
  }

  get page(): Page {
    return this.#pages[0]!
  }

  cell(index: number) {
    return this.page.locator('section.cell').nth(index)
  }

  async isOpen(): Promise<void> {
    await this.cell(0).locator('button.code').waitFor()
    // Before that it is only to be read.
    await this.page.getByRole('button', { name: /^Runs on:/ }).waitFor()
  }

  code(index: number): Promise<string> {
    return this.cell(index).locator('button.code code').innerText()
  }

  async edit(index: number, code: string): Promise<void> {
    await this.cell(index).locator('button.code').tap()
    const area = this.cell(index).getByRole('textbox', { name: 'Code' })
    await area.fill(code)
    await area.blur()
    await eventually('the cell has the new code', async () => (await this.code(index)) === code)
  }

  /** Undefined where a run stands already, or goes on. */
  async queue(index: number): Promise<StoredRun | undefined> {
    const run = this.cell(index).getByRole('button', { name: 'Run the cell' })
    if (!(await run.isVisible())) return undefined
    const before = this.stored.size
    await run.tap()
    await eventually('the run is stored', () => this.stored.size > before)
    return [...this.stored.values()].at(-1)
  }

  /** Whether there was something to press. */
  async press(index: number, name: string): Promise<boolean> {
    const button = this.cell(index).getByRole('button', { name, exact: true })
    if (!(await button.isVisible())) return false
    // It may be on its way to something else at this moment.
    return await button.tap({ timeout: 2_000 }).then(
      () => true,
      () => false,
    )
  }

  /** State by id. */
  queued(): Promise<Record<string, string>> {
    return this.page.evaluate(readQueue)
  }

  async chooseDevice(name: string): Promise<void> {
    await this.page.getByRole('button', { name: /^Runs on:/ }).tap()
    const choice = this.page.locator('.run-on').getByRole('button', { name })
    await choice.tap()
    await choice.waitFor({ state: 'detached' })
  }

  async reload(): Promise<void> {
    await this.page.reload()
    await this.isOpen()
  }

  /** What follows is done there; the one before stays open. */
  async secondTab(): Promise<void> {
    if (this.#pages.length > 1) await this.#pages.pop()!.close()
    const page = await this.context.newPage()
    page.setDefaultTimeout(20_000)
    this.#pages.unshift(page)
    await page.goto(this.#url)
    await this.isOpen()
  }

  async oneTab(): Promise<void> {
    for (const page of this.#pages.splice(1)) await page.close()
    assert.equal(this.#pages.length, 1)
  }
}
