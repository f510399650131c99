/** Carets and selections of other people in an editor. Knows neither Yjs nor who they are. */
import { type Range, StateEffect, StateField } from '@codemirror/state'
import { Decoration, type DecorationSet, EditorView, WidgetType } from '@codemirror/view'

export interface Caret {
  /** Of the person's page. */
  client: number
  name: string
  /** Of the colour, in degrees. */
  hue: number
  anchor: number
  head: number
}

const setCarets = StateEffect.define<DecorationSet>()

/** Between two messages the carets move with the text. */
export const caretsShown = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(shown, transaction) {
    for (const effect of transaction.effects) if (effect.is(setCarets)) return effect.value
    return transaction.docChanged ? shown.map(transaction.changes) : shown
  },
  provide: field => EditorView.decorations.from(field),
})

export function showCarets(view: EditorView, carets: readonly Caret[]): void {
  if (carets.length === 0 && view.state.field(caretsShown).size === 0) return
  const { length } = view.state.doc
  const ranges = carets.flatMap(caret => decorationsOf(caret, length))
  view.dispatch({ effects: setCarets.of(Decoration.set(ranges, true)) })
}

function decorationsOf(caret: Caret, length: number): Range<Decoration>[] {
  const [anchor, head] = [Math.min(caret.anchor, length), Math.min(caret.head, length)]
  const [from, to] = [Math.min(anchor, head), Math.max(anchor, head)]
  const mark = Decoration.mark({ class: 'remote-selection', attributes: { style: `--hue: ${caret.hue}` } })
  const widget = Decoration.widget({ widget: new CaretWidget(caret), side: head < anchor ? -1 : 1 })
  return from < to ? [mark.range(from, to), widget.range(head)] : [widget.range(head)]
}

class CaretWidget extends WidgetType {
  readonly #caret: Caret

  constructor(caret: Caret) {
    super()
    this.#caret = caret
  }

  override eq(other: CaretWidget): boolean {
    const { client, name, hue } = other.#caret
    return this.#caret.client === client && this.#caret.name === name && this.#caret.hue === hue
  }

  override toDOM(): HTMLElement {
    const caret = document.createElement('span')
    caret.className = 'remote-caret'
    caret.style.setProperty('--hue', String(this.#caret.hue))
    const name = document.createElement('span')
    name.className = 'remote-name'
    name.textContent = this.#caret.name
    caret.append(name)
    caret.setAttribute('aria-hidden', 'true')
    return caret
  }

  override ignoreEvent(): boolean {
    return true
  }
}
