/**
 * A text area that shows one item of a notebook (PH30, PH31). What the user types becomes the smallest change of the
 * shared text; what others write moves neither caret nor selection out of its place, and waits while an input method
 * composes, because a write into the area would end the composition. Knows neither Yjs nor the notebook.
 */
import { applyChanges, type Change, diffOf, mapOffset } from '@meshbook/core/text/text-delta.ts'

/** The part of a text area that is used. */
export interface Area {
  value: string
  readonly selectionStart: number
  readonly selectionEnd: number
  setSelectionRange(start: number, end: number): void
}

export class BoundArea {
  readonly #area: Area
  readonly #onChange: (changes: Change[]) => void
  /** What the notebook takes this area to show; while an input method composes, without what is composed. */
  #text: string
  /** What was shown when the composition began, and what others changed since. */
  #composing: { base: string; changes: (readonly Change[])[] } | undefined

  constructor(area: Area, text: string, onChange: (changes: Change[]) => void) {
    this.#area = area
    this.#text = text
    this.#onChange = onChange
    area.value = text
  }

  text(): string {
    return this.#text
  }

  /** Changes by others. */
  apply(changes: readonly Change[]): void {
    this.#text = applyChanges(this.#text, changes)
    if (this.#composing) return void this.#composing.changes.push(changes)
    const { selectionStart, selectionEnd } = this.#area
    this.#show(this.#text, mapOffset(changes, selectionStart, 'left'), mapOffset(changes, selectionEnd, 'left'))
  }

  /** The area has other text now. */
  typed(): void {
    const change = this.#composing ? undefined : diffOf(this.#text, this.#area.value)
    if (change) this.#tell(change)
  }

  composes(): void {
    this.#composing ??= { base: this.#text, changes: [] }
  }

  /** What was composed is one change, of the text as it is by now. */
  composed(): void {
    const composing = this.#composing
    if (!composing) return
    this.#composing = undefined
    const { selectionStart: caret } = this.#area
    const own = diffOf(composing.base, this.#area.value)
    const change = own && composing.changes.reduce(movedBy, own)
    const next = change ? applyChanges(this.#text, [change]) : this.#text
    if (next !== this.#area.value) {
      const at = change
        ? Math.min(change.from + Math.max(0, caret - own.from), change.from + change.insert.length)
        : caret
      this.#show(next, at, at)
    }
    if (change) this.#tell(change)
  }

  /** A change made by a key of ours, with where the selection is afterwards. */
  replace(change: Change, start: number, end: number): void {
    this.composed()
    this.#show(applyChanges(this.#text, [change]), start, end)
    this.#tell(change)
  }

  #show(text: string, start: number, end: number): void {
    this.#area.value = text
    this.#area.setSelectionRange(start, end)
  }

  #tell(change: Change): void {
    this.#text = applyChanges(this.#text, [change])
    this.#onChange([change])
  }
}

/** The same change of a text that others have changed meanwhile; what both removed is removed once. */
function movedBy(own: Change, others: readonly Change[]): Change {
  const from = mapOffset(others, own.from, own.from === own.to ? 'right' : 'left')
  return { from, to: Math.max(from, mapOffset(others, own.to, 'left')), insert: own.insert }
}
