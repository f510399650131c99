/** One item of the notebook and what stands around it: selection, keyboard focus, the place to insert above it. */
import { useComputed, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { CellView } from './cell-view.tsx'
import { DragHandle } from './drag-handle.tsx'
import { FrontMatterView } from './front-matter-view.tsx'
import { guessHeight } from './guess-height.ts'
import { InsertBar } from './insert-bar.tsx'
import { type OpenNotebook, useNotebook } from './open-notebook.ts'
import { OutputView } from './output-view.tsx'
import { ProseView } from './prose-view.tsx'
import type { ItemView as View } from './views.ts'

/** Drawn at once when a notebook opens, before anything is measured. */
const firstItems = 10

export function ItemView({ itemKey, index }: { itemKey: string; index: number }) {
  const notebook = useNotebook()
  const view = notebook.store.view(itemKey)?.value
  const selected = useComputed(() => notebook.selected.value === itemKey).value
  const chosen = useComputed(() => notebook.chosen.value.has(itemKey)).value
  const editing = useComputed(() => notebook.editing.value === itemKey).value
  const element = useRef<HTMLDivElement>(null)
  const drawn = useDrawn(notebook, itemKey, element, index < firstItems || selected)
  if (!view) return null
  const select = (event: Event) => {
    if (notebook.selected.peek() === itemKey) return
    const extend = event instanceof MouseEvent && event.shiftKey
    if (extend) notebook.anchor.value ??= notebook.selected.peek()
    else notebook.anchor.value = undefined
    notebook.selected.value = itemKey
    notebook.editing.value = undefined
  }
  const height = drawn ? undefined : `${notebook.near.heights.get(itemKey) ?? guessHeight(view)}px`
  return (
    <>
      {view.kind !== 'front-matter' && (drawn ? <InsertBar index={index} /> : <div key="place" class="insert-bar" />)}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useSemanticElements: the arrow keys select, see keyboard.ts; a fieldset is for forms */}
      <div
        key="item"
        ref={element}
        id={`item-${itemKey}`}
        class={`item item-${view.kind}`}
        style={{ height: height ?? '' }}
        role="group"
        aria-label={labelOf(view, index)}
        data-selected={selected}
        data-chosen={chosen}
        data-editing={editing}
        tabIndex={selected ? 0 : -1}
        onFocusIn={select}
        onClick={select}
      >
        {drawn && view.kind !== 'front-matter' && <DragHandle itemKey={itemKey} selected={selected} />}
        {drawn && contentOf(itemKey, view, index)}
      </div>
    </>
  )
}

/** Whether the item is drawn: near the window, selected, looked for, printed, or holding a frame, which would load anew. */
function useDrawn(
  notebook: OpenNotebook,
  key: string,
  element: { current: HTMLDivElement | null },
  atFirst: boolean,
): boolean {
  const near = useSignal(atFirst)
  useEffect(
    () =>
      notebook.near.watch(element.current!, isNear => {
        if (isNear === near.peek() || (!isNear && element.current?.querySelector('iframe'))) return
        if (!isNear && element.current) notebook.near.heights.set(key, element.current.offsetHeight)
        near.value = isNear
      }),
    [notebook, key],
  )
  return useComputed(
    () =>
      near.value || notebook.near.printing.value || notebook.selected.value === key || notebook.revealed.value === key,
  ).value
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
