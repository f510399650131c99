/** A notebook of which the text alone is here: it is drawn as it was last, and is read until its document is open. */
import { type ReadonlySignal, type Signal, signal } from '@preact/signals'
import { ItemStore } from '../../notebook/item-store.ts'
import type { NotebookReading, Place } from '../../notebook/reading.ts'
import type { KeptText } from './kept-text.ts'

const unknown = signal(undefined)

export class TextNotebook implements NotebookReading {
  readonly store: ItemStore
  readonly wholeOutputs: Signal<ReadonlySet<string>> = signal(new Set())
  readonly #entries: KeptText['entries']
  /** What the user began to edit before the document was open. */
  wanted: { key: string; at: Place | undefined } | undefined

  constructor({ text, entries }: KeptText) {
    this.store = new ItemStore(text)
    this.#entries = entries
  }

  setWhole(run: string, on: boolean): void {
    const whole = new Set(this.wholeOutputs.peek())
    if (on) whole.add(run)
    else whole.delete(run)
    this.wholeOutputs.value = whole
  }

  entryOf(run: string): ReadonlySignal<KeptText['entries'][string] | undefined> {
    const entry = this.#entries[run]
    return entry ? signal(entry) : unknown
  }

  runOf(key: string): string | undefined {
    const view = this.store.view(key)?.value
    return view?.kind === 'cell' ? view.outputs.at(-1)?.runId : undefined
  }

  edit(key: string, at?: Place): void {
    this.wanted = { key, at }
  }
}
