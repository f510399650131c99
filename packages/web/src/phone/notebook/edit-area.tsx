/** An item in a text area that grows with it, bound to the shared text, with the bar of keys below (PH30–PH32). */
import { useLayoutEffect, useRef } from 'preact/hooks'
import { type Binding, bindCell, bindProse } from '../../notebook/bind-editor.ts'
import { proseSlice } from '../../notebook/prose-slice.ts'
import { plainOf } from '../../notebook/slice.ts'
import { BoundArea } from './bound-area.ts'
import { useDoing } from './doing.ts'
import { enterKey, type Typed, tabKey } from './key-edits.ts'
import type { PhoneNotebook } from './phone-notebook.ts'

export function EditArea({ itemKey, label, language }: { itemKey: string; label: string; language?: string }) {
  // It is shown only once there is something to do.
  const notebook = useDoing()!
  const area = useRef<HTMLTextAreaElement>(null)
  const bound = useRef<BoundArea | undefined>(undefined)
  const apply = (typed: Typed | undefined) => typed && bound.current?.replace(typed.change, typed.from, typed.to)
  const typing = () => {
    const { value, selectionStart, selectionEnd } = area.current!
    return { text: value, from: selectionStart, to: selectionEnd }
  }
  useLayoutEffect(() => {
    const element = area.current!
    let binding: Binding | undefined
    const made = new BoundArea(element, textOf(notebook, itemKey), changes => binding?.typed(changes))
    bound.current = made
    binding = (language === undefined ? bindProse : bindCell)(notebook.store, itemKey, () => made)
    const at = notebook.editAt === 'end' ? element.value.length : notebook.editAt
    element.focus({ preventScroll: true })
    element.setSelectionRange(at, at)
    element.scrollIntoView({ block: 'nearest' })
    notebook.keys.value = { itemKey, language, typing, apply }
    return () => {
      notebook.keys.value = undefined
      made.composed()
      binding.close()
      bound.current = undefined
    }
  }, [itemKey, notebook])
  const keyDown = (event: KeyboardEvent) => {
    if (event.isComposing || language === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    const typed =
      event.key === 'Enter'
        ? enterKey(typing(), language)
        : event.key === 'Tab'
          ? tabKey(typing(), event.shiftKey)
          : undefined
    if (!typed) return
    event.preventDefault()
    apply(typed)
  }
  const leave = (event: FocusEvent) => {
    const to = event.relatedTarget
    if (!(to instanceof Element && to.closest('.key-bar, .sheet'))) notebook.editing.value = undefined
  }
  return (
    <div class={language === undefined ? 'edit' : 'edit mono'}>
      <textarea
        ref={area}
        aria-label={label}
        rows={1}
        spellcheck={language === undefined}
        autocapitalize={language === undefined ? 'sentences' : 'off'}
        autocorrect={language === undefined ? 'on' : 'off'}
        onInput={() => bound.current?.typed()}
        onCompositionStart={() => bound.current?.composes()}
        onCompositionEnd={() => bound.current?.composed()}
        onKeyDown={keyDown}
        onBlur={leave}
      />
    </div>
  )
}

function textOf({ store }: PhoneNotebook, key: string): string {
  const item = store.find(key)
  if (item?.kind === 'cell') return item.cell.code
  const slice = proseSlice(item, store.page.source)
  return slice ? plainOf(store.page.source, slice) : ''
}
