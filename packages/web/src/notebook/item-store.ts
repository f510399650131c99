/** A notebook's text as items, each a signal that changes only when what it shows does. Knows no document and no network. */
import type { FrontMatter } from '@meshbook/core/notebook/front-matter.ts'
import { batch, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import { type Item, openPage, type Page, reread } from './items.ts'
import { type ItemView, sameView, viewOf } from './views.ts'

export class ItemStore {
  readonly order: Signal<readonly string[]> = signal([])
  readonly frontMatter: Signal<FrontMatter | undefined> = signal(undefined)
  page: Page
  readonly #views = new Map<string, Signal<ItemView>>()
  /** What each item was at the last look: its strings are those of the last parse, so that equal ones are the same. */
  readonly #seen = new Map<string, ItemView>()

  constructor(text: string) {
    this.page = openPage(text)
    this.#draw()
  }

  view(key: string): ReadonlySignal<ItemView> | undefined {
    return this.#views.get(key)
  }

  find(key: string): Item | undefined {
    return this.page.items.find(item => item.key === key)
  }

  indexOf(key: string): number {
    return this.page.items.findIndex(item => item.key === key)
  }

  /** Brings the signals up to the text now. */
  flush(): void {
    this.#draw()
  }

  #draw(): void {
    batch(() => {
      for (const item of this.page.items) this.#show(item.key, viewOf(item, this.page.source))
      this.frontMatter.value = this.page.notebook.frontMatter
      const keys = this.page.items.map(item => item.key)
      if (keys.length !== this.order.value.length || keys.some((key, at) => key !== this.order.value[at]))
        this.order.value = keys
    })
    const live = new Set(this.order.value)
    for (const key of this.#views.keys()) if (!live.has(key)) this.#forget(key)
  }

  #show(key: string, view: ItemView): void {
    const shown = this.#views.get(key)
    const seen = this.#seen.get(key)
    this.#seen.set(key, view)
    if (!shown) this.#views.set(key, signal(view))
    else if (!seen || !sameView(seen, view)) shown.value = view
  }

  #forget(key: string): void {
    this.#views.delete(key)
    this.#seen.delete(key)
  }

  /** Reads the whole text again. */
  reread(): void {
    this.page = reread(this.page)
    this.flush()
  }
}
