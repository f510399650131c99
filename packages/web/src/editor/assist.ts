/** Completion and hover documentation from the kernel, wherever it runs. */
import { autocompletion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete'
import { type Extension, Facet, StateEffect, StateField } from '@codemirror/state'
import { type EditorView, hoverTooltip, showTooltip, type Tooltip } from '@codemirror/view'
import type { Completions, Inspection } from '@meshbook/core/api.ts'

/** Asks the kernel; answers undefined where there is none, or it does not answer in time. */
export interface Assistant {
  complete(code: string, cursor: number, signal: AbortSignal): Promise<Completions | undefined>
  inspect(code: string, cursor: number, signal: AbortSignal): Promise<Inspection | undefined>
}

const hoverMs = 450

export function assistance(assistant: Assistant): Extension {
  return [
    autocompletion({ override: [context => completions(context, assistant)], maxRenderedOptions: 80 }),
    hover(assistant),
    asked.of(assistant),
    documentation,
  ]
}

async function completions(context: CompletionContext, assistant: Assistant): Promise<CompletionResult | null> {
  const typed = context.matchBefore(/[\p{L}\p{N}_.$/-]+$/u)
  if (!context.explicit && !typed) return null
  const abort = new AbortController()
  context.addEventListener('abort', () => abort.abort())
  const found = await assistant.complete(context.state.doc.toString(), context.pos, abort.signal)
  if (!found || found.items.length === 0) return null
  const options = found.items.map(({ label, kind }) => (kind === undefined ? { label } : { label, type: kind }))
  return { from: found.from, to: found.to, options, validFor: /^[\p{L}\p{N}_]*$/u }
}

function hover(assistant: Assistant): Extension {
  return hoverTooltip(
    async (view, pos) => {
      if (!/[\p{L}\p{N}_.]/u.test(view.state.sliceDoc(pos, pos + 1))) return null
      const found = await assistant.inspect(view.state.doc.toString(), pos, new AbortController().signal)
      if (!found?.found || found.text.trim() === '') return null
      return { pos, create: () => ({ dom: docOf(found.text) }) }
    },
    { hoverTime: hoverMs },
  )
}

const asked = Facet.define<Assistant>()
const setTooltip = StateEffect.define<Tooltip | null>()

/** The documentation that was asked for with the keyboard; it goes with the next key. */
const documentation = StateField.define<Tooltip | null>({
  create: () => null,
  update(shown, transaction) {
    for (const effect of transaction.effects) if (effect.is(setTooltip)) return effect.value
    return transaction.docChanged || transaction.selection ? null : shown
  },
  provide: field => showTooltip.from(field),
})

/** Where there is something before the cursor to be explained; elsewhere the key takes the line to the left. */
export function showDocumentation(view: EditorView): boolean {
  const { main } = view.state.selection
  const [assistant] = view.state.facet(asked)
  if (!assistant || !main.empty || !/[\p{L}\p{N}_.(]/u.test(view.state.sliceDoc(main.head - 1, main.head))) return false
  void explain(view, assistant, main.head)
  return true
}

async function explain(view: EditorView, assistant: Assistant, pos: number): Promise<void> {
  const text = view.state.doc.toString()
  const found = await assistant.inspect(text, pos, new AbortController().signal)
  if (view.state.doc.toString() !== text || view.state.selection.main.head !== pos) return
  const words =
    found?.found && found.text.trim() !== '' ? found.text : 'Nothing is known about this. Run the cell that defines it.'
  view.dispatch({ effects: setTooltip.of({ pos, above: true, create: () => ({ dom: docOf(words, 'status') }) }) })
}

function docOf(text: string, role?: string): HTMLElement {
  const dom = document.createElement('pre')
  if (role) dom.setAttribute('role', role)
  dom.className = 'cm-hover-doc'
  // Terminal colours of IPython's documentation mean nothing here.
  dom.textContent = text.replace(/\u001b\[[0-9;]*m/g, '')
  return dom
}
