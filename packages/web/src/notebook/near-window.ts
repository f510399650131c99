/**
 * Which items of a notebook are near the window: those are drawn, all others are placeholders (NB60). An item is drawn
 * well before it can be seen and given up only far from it, so that scrolling to and fro draws nothing anew.
 */
import { type Signal, signal } from '@preact/signals'

/** The notebook scrolls within the page: the margin has to hold for what scrolls, else it is cut off at its edge. */
const within = (margin: string): IntersectionObserverInit => ({ rootMargin: margin, scrollMargin: margin })
const drawWithin = within('1400px 0px')
const keepWithin = within('5000px 0px')

export class NearWindow {
  /** All items are drawn, as for paper. */
  readonly printing: Signal<boolean> = signal(false)
  /** How high an item was when it was last drawn, by its key. */
  readonly heights = new Map<string, number>()
  readonly #items = new Map<Element, (near: boolean) => void>()
  readonly #draw = new IntersectionObserver(entries => this.#tell(entries, true), drawWithin)
  readonly #keep = new IntersectionObserver(entries => this.#tell(entries, false), keepWithin)

  /** Returns what ends it. */
  watch(element: Element, tell: (near: boolean) => void): () => void {
    this.#items.set(element, tell)
    this.#draw.observe(element)
    this.#keep.observe(element)
    return () => {
      this.#items.delete(element)
      this.#draw.unobserve(element)
      this.#keep.unobserve(element)
    }
  }

  #tell(entries: readonly IntersectionObserverEntry[], near: boolean): void {
    for (const { target, isIntersecting } of entries) if (isIntersecting === near) this.#items.get(target)?.(near)
  }

  /** Draws everything while the page is printed. Returns what ends it. */
  followPrinting(): () => void {
    const begin = () => {
      this.printing.value = true
    }
    const end = () => {
      this.printing.value = false
    }
    addEventListener('beforeprint', begin)
    addEventListener('afterprint', end)
    return () => {
      removeEventListener('beforeprint', begin)
      removeEventListener('afterprint', end)
      this.#draw.disconnect()
      this.#keep.disconnect()
    }
  }
}
