/** The items of a notebook below each other: those near the window drawn, the others as empty stretches (NB60). */
import { useComputed } from '@preact/signals'
import type { VNode } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { guessHeight } from './guess-height.ts'
import { ItemView } from './item-view.tsx'
import { type DrawnPart, listParts, type Stretch } from './list-parts.ts'
import type { OpenNotebook } from './open-notebook.ts'

/** Above each item is the place to insert one. */
const insertBar = 14

export function ItemList({ notebook }: { notebook: OpenNotebook }) {
  const parts = useComputed(() => listParts(notebook.store.order.value, isDrawnIn(notebook))).value
  const known = useRef<ReadonlyMap<string, VNode>>(new Map())
  // An item that stands where it stood is the same node, which is not gone through again.
  const nodes = new Map<string, VNode>()
  for (const part of parts)
    if ('key' in part) nodes.set(nameOf(part), known.current.get(nameOf(part)) ?? itemNode(part))
  known.current = nodes
  // An element that is put elsewhere in the page loses the focus: whoever writes in a cell that others move writes on.
  const held = document.activeElement as HTMLElement | null
  useLayoutEffect(() => {
    if (!held?.isConnected || document.activeElement !== document.body || held === document.body) return
    const editor = notebook.editorOf(notebook.editing.peek() ?? '')
    if (editor && held.isContentEditable) editor.focus(undefined)
    else held.focus({ preventScroll: true })
  })
  return (
    <>
      {parts.map(part =>
        'key' in part ? nodes.get(nameOf(part)) : <Far key={`far ${part.far[0]}`} part={part} notebook={notebook} />,
      )}
    </>
  )
}

const nameOf = ({ key, at }: DrawnPart): string => `${key} ${at}`
const itemNode = ({ key, at }: DrawnPart): VNode => <ItemView key={key} itemKey={key} index={at} />

/** Near the window, selected, looked for, or printed. */
function isDrawnIn({ near, selected, revealed }: OpenNotebook): (key: string) => boolean {
  const [keys, all, one, other] = [near.keys.value, near.printing.value, selected.value, revealed.value]
  return key => all || keys.has(key) || key === one || key === other
}

function Far({ part: { far }, notebook }: { part: Stretch; notebook: OpenNotebook }) {
  const element = useRef<HTMLDivElement>(null)
  const heightOf = (key: string) => heightIn(notebook, key)
  useEffect(
    () => notebook.near.watchStretch(element.current!, { keys: far, heightOf }),
    [notebook, far.length, far[0], far.at(-1)],
  )
  const height = far.reduce((sum, key) => sum + heightOf(key), 0)
  return <div ref={element} class="far" style={{ height: `${height}px` }} />
}

function heightIn({ near, store }: OpenNotebook, key: string): number {
  const view = store.view(key)?.peek()
  return insertBar + (near.heights.get(key) ?? (view ? guessHeight(view) : 0))
}
