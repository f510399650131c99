/** The grip beside an item: dragged with a pointer, or moved with the arrow keys (NB30). */
import { Icon } from '../shell/icons.tsx'
import { act, now } from './doing-when-needed.ts'
import { useNotebook } from './open-notebook.ts'

export function DragHandle({ itemKey, selected }: { itemKey: string; selected: boolean }) {
  const notebook = useNotebook()
  if (!notebook.mayWrite) return null
  const keys = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0
    if (by === 0 || event.altKey || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    act(to => {
      to.move(notebook, itemKey, by)
      const moved = notebook.selected.peek()
      const hold = () => document.querySelector<HTMLElement>(`#item-${moved} .drag-handle`)?.focus()
      // At once for the next press, and again where the item is drawn.
      hold()
      requestAnimationFrame(hold)
    })
  }
  return (
    <button
      type="button"
      class="drag-handle"
      tabIndex={selected ? 0 : -1}
      aria-label="Move the item: drag it, or press the up and down arrows"
      title="Drag to move"
      onKeyDown={keys}
      onPointerDown={event => event.button === 0 && now(to => to.beginDrag(notebook, itemKey, event))}
    >
      <Icon name="grip" size={14} />
    </button>
  )
}
