/** One item of the notebook and what stands around it: selection, keyboard focus, the place to insert above it. */
import { useComputed } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { CellView } from './cell-view.tsx'
import { DragHandle } from './drag-handle.tsx'
import { FrontMatterView } from './front-matter-view.tsx'
import { InsertBar } from './insert-bar.tsx'
import { useNotebook } from './open-notebook.ts'
import { OutputView } from './output-view.tsx'
import { ProseView } from './prose-view.tsx'
import type { ItemView as View } from './views.ts'

export function ItemView({ itemKey, index }: { itemKey: string; index: number }) {
  const notebook = useNotebook()
  const view = notebook.store.view(itemKey)?.value
  const selected = useComputed(() => notebook.selected.value === itemKey).value
  const chosen = useComputed(() => notebook.chosen.value.has(itemKey)).value
  const editing = useComputed(() => notebook.editing.value === itemKey).value
  const element = useRef<HTMLDivElement>(null)
  const isThere = view !== undefined
  useEffect(() => {
    if (isThere) return notebook.near.watchItem(element.current!, itemKey)
  }, [notebook, itemKey, isThere])
  if (!view) return null
  const select = (event: Event) => {
    if (notebook.selected.peek() === itemKey) return
    const extend = event instanceof MouseEvent && event.shiftKey
    if (extend) notebook.anchor.value ??= notebook.selected.peek()
    else notebook.anchor.value = undefined
    notebook.selected.value = itemKey
    notebook.editing.value = undefined
  }
  return (
    <>
      {view.kind !== 'front-matter' && <InsertBar key="place" index={index} />}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useSemanticElements: the arrow keys select, see keyboard.ts; a fieldset is for forms */}
      <div
        key="item"
        ref={element}
        id={`item-${itemKey}`}
        class={`item item-${view.kind}`}
        role="group"
        aria-label={labelOf(view, index)}
        data-selected={selected}
        data-chosen={chosen}
        data-editing={editing}
        tabIndex={selected ? 0 : -1}
        onFocusIn={select}
        onClick={select}
      >
        {view.kind !== 'front-matter' && <DragHandle itemKey={itemKey} selected={selected} />}
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
