/** Completion and hover documentation from the kernel, wherever it runs. */
import { autocompletion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete'
import type { Extension } from '@codemirror/state'
import { hoverTooltip } from '@codemirror/view'
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

function docOf(text: string): HTMLElement {
  const dom = document.createElement('pre')
  dom.className = 'cm-hover-doc'
  // Terminal colours of IPython's documentation mean nothing here.
  dom.textContent = text.replace(/\u001b\[[0-9;]*m/g, '')
  return dom
}
