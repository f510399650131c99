/** Prose: rendered, or in an editor while it is edited. */
import { useComputed, useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Editor } from '../editor/code-editor.ts'
import { loadEditor } from '../editor/load-editor.ts'
import { MarkdownView } from '../prose/markdown-view.tsx'
import { Icon } from '../shell/icons.tsx'
import { Menu } from '../shell/menu.tsx'
import { bindProse } from './bind-editor.ts'
import { act } from './doing-when-needed.ts'
import { editorKeys } from './editor-keys.ts'
import { insertEntries } from './insert-entries.ts'
import { useNotebook } from './open-notebook.ts'
import { proseSlice } from './prose-slice.ts'
import { plainOf } from './slice.ts'

export function ProseView({ itemKey, source }: { itemKey: string; source: string }) {
  const notebook = useNotebook()
  const editing = useComputed(() => notebook.editing.value === itemKey).value
  return (
    <div class="prose-item">
      {editing ? <ProseEditor itemKey={itemKey} /> : <Rendered itemKey={itemKey} source={source} />}
      <div class="item-tools">
        <button
          type="button"
          class="icon-button small"
          aria-label={editing ? 'Finish editing' : 'Edit the text'}
          title={editing ? 'Done (Esc)' : 'Edit (Enter)'}
          onClick={() => (editing ? notebook.select(itemKey) : notebook.edit(itemKey, 'end'))}
        >
          <Icon name={editing ? 'check' : 'pencil'} />
        </button>
        <Menu
          label="More actions"
          class="icon-button small"
          button={<Icon name="more" />}
          entries={() => [
            ...insertEntries(notebook, itemKey),
            { label: 'Move up', icon: 'up', hint: 'Shift K', run: () => act(to => to.move(notebook, itemKey, -1)) },
            {
              label: 'Move down',
              icon: 'downArrow',
              hint: 'Shift J',
              run: () => act(to => to.move(notebook, itemKey, 1)),
            },
            {
              label: 'Turn into a cell',
              icon: 'code',
              hint: 'Y',
              run: () => act(to => to.convertItem(notebook, itemKey)),
            },
            'line',
            {
              label: 'Delete',
              icon: 'trash',
              hint: 'D D',
              danger: true,
              run: () => act(to => to.remove(notebook, itemKey)),
            },
          ]}
        />
      </div>
    </div>
  )
}

function Rendered({ itemKey, source }: { itemKey: string; source: string }) {
  const notebook = useNotebook()
  /** The press itself selects, so whether the item was selected before is known only at its very beginning. */
  const wasSelected = useRef(false)
  const edit = (event: MouseEvent) => notebook.edit(itemKey, placeIn(source, event))
  const click = (event: MouseEvent) => {
    if ((event.target as Element).closest('a') || getSelection()?.isCollapsed === false) return
    if (wasSelected.current) edit(event)
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Enter edits the selected item, see keyboard.ts
    <div
      role="presentation"
      onPointerDownCapture={() => {
        wasSelected.current = notebook.selected.peek() === itemKey
      }}
      onClick={click}
      onDblClick={edit}
    >
      <MarkdownView source={source} />
    </div>
  )
}

/** Where in the source the text stands that was clicked, as far as it can be found. */
function placeIn(source: string, { clientX, clientY }: MouseEvent): number | 'end' {
  const caret = document.caretPositionFromPoint?.(clientX, clientY)
  const text = caret?.offsetNode.nodeType === Node.TEXT_NODE ? (caret.offsetNode.textContent ?? '') : ''
  const at = text.trim() === '' ? -1 : source.trimStart().indexOf(text.trim().slice(0, 40))
  return caret && at >= 0 ? at + Math.max(0, caret.offset - (text.length - text.trimStart().length)) : 'end'
}

function ProseEditor({ itemKey }: { itemKey: string }) {
  const notebook = useNotebook()
  const host = useRef<HTMLDivElement>(null)
  const editor = useRef<Editor | undefined>(undefined)
  useEffect(() => {
    let dropped = false
    const { store } = notebook
    const binding = bindProse(store, itemKey, () => editor.current)
    const forget = notebook.addEditor(itemKey, {
      focus: at => editor.current?.focus(at),
      show: (from, to) => editor.current?.show(from, to),
    })
    void loadEditor(({ createEditor }) => {
      const slice = proseSlice(store.find(itemKey), store.page.source)
      if (dropped || !slice) return
      editor.current = createEditor({
        parent: host.current!,
        text: plainOf(store.page.source, slice),
        language: undefined,
        label: 'Text in Markdown',
        hint: 'Markdown…',
        onChange: binding.typed,
        onFocus: focused => focused && notebook.edit(itemKey),
        onSelect: range => notebook.cursors.tell(itemKey, range),
        lineNumbers: false,
        keys: editorKeys(notebook, itemKey),
      })
      editor.current.focus(notebook.editAt)
      editor.current.setCarets(notebook.cursors.shown.peek().get(itemKey) ?? [])
    })
    return () => {
      dropped = true
      forget()
      binding.close()
      editor.current?.destroy()
    }
  }, [itemKey, notebook])
  useSignalEffect(() => {
    const carets = notebook.cursors.shown.value.get(itemKey) ?? []
    editor.current?.setCarets(carets)
  })
  return <div class="prose-editor" ref={host} />
}
