/**
 * Which items of a notebook are near the window: those are drawn, the others are empty stretches of the height that they
 * had, or of a good guess (NB60). An item is drawn well before it can be seen and given up only far from it, so that
 * scrolling to and fro draws nothing anew.
 */
import { type Signal, signal } from '@preact/signals'
import { within } from './list-parts.ts'

/** The notebook scrolls within the page: the margin has to hold for what scrolls, else it is cut off at its edge. */
const around = (margin: string): IntersectionObserverInit => ({ rootMargin: margin, scrollMargin: margin })
const drawWithin = around('1400px 0px')
const keepWithin = around('5000px 0px')

interface Watched {
  keys: readonly string[]
  heightOf(key: string): number
}

export class NearWindow {
  /** All items are drawn, as for paper. */
  readonly printing: Signal<boolean> = signal(false)
  /** Keys of the items that are near. */
  readonly keys: Signal<ReadonlySet<string>>
  /** How high an item was when it was last drawn, by its key. */
  readonly heights = new Map<string, number>()
  readonly #stretches = new Map<Element, Watched>()
  readonly #items = new Map<Element, string>()
  readonly #draw = new IntersectionObserver(entries => this.#come(entries), drawWithin)
  readonly #keep = new IntersectionObserver(entries => this.#look(entries), keepWithin)

  /** `first` are drawn before anything is measured. */
  constructor(first: readonly string[]) {
    this.keys = signal(new Set(first))
  }

  /** An empty stretch, whose items are to be drawn when they come near. Returns what ends it. */
  watchStretch(element: Element, stretch: Watched): () => void {
    this.#stretches.set(element, stretch)
    this.#draw.observe(element)
    return () => {
      this.#stretches.delete(element)
      this.#draw.unobserve(element)
    }
  }

  /** An item that is drawn, until it is far. One with a frame stays, as that would load anew. Returns what ends it. */
  watchItem(element: Element, key: string): () => void {
    this.#items.set(element, key)
    this.#keep.observe(element)
    return () => {
      this.#items.delete(element)
      this.#keep.unobserve(element)
    }
  }

  #come(entries: readonly IntersectionObserverEntry[]): void {
    const keys = new Set(this.keys.peek())
    for (const { target, isIntersecting, boundingClientRect, rootBounds } of entries) {
      const stretch = this.#stretches.get(target)
      if (!stretch || !isIntersecting || !rootBounds) continue
      const { top } = boundingClientRect
      for (const key of within(stretch.keys, stretch.heightOf, top, rootBounds.top, rootBounds.bottom)) keys.add(key)
    }
    this.#set(keys)
  }

  #look(entries: readonly IntersectionObserverEntry[]): void {
    const keys = new Set(this.keys.peek())
    for (const { target, isIntersecting, boundingClientRect } of entries) {
      const key = this.#items.get(target)
      if (key === undefined) continue
      if (isIntersecting) keys.add(key)
      else if (!target.querySelector('iframe')) {
        this.heights.set(key, boundingClientRect.height)
        keys.delete(key)
      }
    }
    this.#set(keys)
  }

  #set(keys: ReadonlySet<string>): void {
    const before = this.keys.peek()
    if (keys.size !== before.size || [...keys].some(key => !before.has(key))) this.keys.value = keys
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
