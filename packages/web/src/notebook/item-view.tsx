/** One item of the notebook and what stands around it: selection, keyboard focus, the place to insert above it. */
import { CellView } from './cell-view.tsx'
import { FrontMatterView } from './front-matter-view.tsx'
import { InsertBar } from './insert-bar.tsx'
import { useNotebook } from './open-notebook.ts'
import { OutputView } from './output-view.tsx'
import { ProseView } from './prose-view.tsx'
import type { ItemView as View } from './views.ts'

export function ItemView({ itemKey, index }: { itemKey: string; index: number }) {
  const notebook = useNotebook()
  const view = notebook.store.view(itemKey)?.value
  if (!view) return null
  const selected = notebook.selected.value === itemKey
  const select = () => {
    if (notebook.selected.peek() === itemKey) return
    notebook.selected.value = itemKey
    notebook.editing.value = undefined
  }
  return (
    <>
      {view.kind !== 'front-matter' && <InsertBar index={index} />}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useSemanticElements: the arrow keys select, see keyboard.ts; a fieldset is for forms */}
      <div
        id={`item-${itemKey}`}
        class={`item item-${view.kind}`}
        role="group"
        aria-label={labelOf(view, index)}
        data-selected={selected}
        data-editing={notebook.editing.value === itemKey}
        tabIndex={selected ? 0 : -1}
        onFocusIn={select}
        onClick={select}
      >
        {contentOf(itemKey, view, index)}
      </div>
    </>
  )
}

function contentOf(itemKey: string, view: View, index: number) {
  switch (view.kind) {
    case 'cell':
      return <CellView itemKey={itemKey} view={view} index={index} />
    case 'prose':
      return <ProseView itemKey={itemKey} source={view.source} />
    case 'front-matter':
      return <FrontMatterView source={view.source} />
    case 'output':
      return (
        <div class="cell-card orphan">
          <OutputView output={view.output} />
        </div>
      )
  }
}

function labelOf(view: View, index: number): string {
  if (view.kind === 'cell') return `${view.language} cell, item ${index + 1}`
  return `${view.kind === 'prose' ? 'Text' : view.kind === 'output' ? 'Output without a cell' : 'Front matter'}, item ${index + 1}`
}
