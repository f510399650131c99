/**
 * The code of a cell. Far from the window it is plain text of the same size; near it, or when it is to be edited, an
 * editor takes its place without moving anything.
 */
import { useComputed, useSignalEffect } from '@preact/signals'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Editor } from '../editor/code-editor.ts'
import { loadEditor } from '../editor/load-editor.ts'
import { assistantFor } from './assistant.ts'
import { bindCell } from './bind-editor.ts'
import { editorKeys } from './editor-keys.ts'
import { lineNumbers } from './look.ts'
import { useNotebook } from './open-notebook.ts'

export function CodeArea({
  itemKey,
  code,
  language,
  index,
}: {
  itemKey: string
  code: string
  language: string
  index: number
}) {
  const notebook = useNotebook()
  const host = useRef<HTMLDivElement>(null)
  const editor = useRef<Editor | undefined>(undefined)
  const [near, setNear] = useState(false)
  const [mounted, setMounted] = useState(false)
  const editing = useComputed(() => notebook.editing.value === itemKey).value
  const wanted = near || editing

  useEffect(() => {
    const observer = new IntersectionObserver(entries => entries.some(entry => entry.isIntersecting) && setNear(true), {
      rootMargin: '600px',
      scrollMargin: '600px',
    })
    observer.observe(host.current!)
    return () => observer.disconnect()
  }, [])

  useEffect(() => {
    if (!wanted) return
    let dropped = false
    const binding = bindCell(notebook.store, itemKey, () => editor.current)
    const forget = notebook.addEditor(itemKey, {
      focus: at => editor.current?.focus(at),
      show: (from, to) => editor.current?.show(from, to),
    })
    void loadEditor(({ createEditor }) => {
      const view = notebook.store.view(itemKey)?.peek()
      if (dropped || view?.kind !== 'cell') return
      editor.current = createEditor({
        parent: host.current!,
        text: view.code,
        language: view.language,
        label: `Code of cell ${index + 1}`,
        hint: view.language === 'bash' ? 'A command…' : 'Code…',
        assistant: assistantFor(notebook, itemKey),
        onChange: binding.typed,
        onFocus: focused => focused && notebook.edit(itemKey),
        onSelect: range => notebook.cursors.tell(itemKey, range),
        lineNumbers: lineNumbers.shown.peek(),
        keys: editorKeys(notebook, itemKey),
      })
      setMounted(true)
      editor.current.setCarets(notebook.cursors.shown.peek().get(itemKey) ?? [])
      if (notebook.editing.peek() === itemKey) editor.current.focus(notebook.editAt)
    })
    return () => {
      dropped = true
      forget()
      binding.close()
      editor.current?.destroy()
      editor.current = undefined
      setMounted(false)
    }
  }, [wanted, itemKey, notebook])

  useEffect(() => editor.current?.setLanguage(language), [language])
  useSignalEffect(() => {
    const shown = lineNumbers.shown.value
    editor.current?.setLineNumbers(shown)
  })
  useSignalEffect(() => {
    const carets = notebook.cursors.shown.value.get(itemKey) ?? []
    editor.current?.setCarets(carets)
  })

  return (
    <div
      class="code-area"
      role="presentation"
      onPointerUp={() => notebook.editing.peek() === itemKey || notebook.edit(itemKey)}
    >
      {!mounted && <pre class="code-static">{code || ' '}</pre>}
      <div ref={host} class={mounted ? '' : 'code-pending'} />
    </div>
  )
}
