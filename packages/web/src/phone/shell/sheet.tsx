/** What can be done, from the lower edge, where a thumb reaches it: one sheet at a time, over the page. */
import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import '../styles/sheet.css'

interface Shown {
  title: string
  content: () => ComponentChildren
}

const shown = signal<Shown | undefined>(undefined)

export function showSheet(title: string, content: () => ComponentChildren): void {
  shown.value = { title, content }
}

export function closeSheet(): void {
  shown.value = undefined
}

export function Sheet() {
  const now = shown.value
  return now ? <Dialog key={now.title} title={now.title} content={now.content} /> : null
}

function Dialog({ title, content }: Shown) {
  const dialog = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => dialog.current?.showModal(), [])
  const outside = (event: MouseEvent) => {
    if (event.target === dialog.current) closeSheet()
  }
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it too
    <dialog ref={dialog} class="sheet" aria-label={title} onClose={closeSheet} onClick={outside}>
      <div class="sheet-body">
        <header class="sheet-head">
          <h2>{title}</h2>
          <button type="button" class="link" onClick={closeSheet}>
            Close
          </button>
        </header>
        {content()}
      </div>
    </dialog>
  )
}

/** One line of a sheet: it closes, and something is done. */
export function SheetAction({ label, note, act }: { label: string; note?: string; act: () => unknown }) {
  const press = (event: MouseEvent) => {
    // Closed first: nothing below an open dialog can take the focus.
    ;(event.currentTarget as Element).closest('dialog')?.close()
    act()
  }
  return (
    <button type="button" class="menu-item" onClick={press}>
      {label}
      {note && <span class="hint">{note}</span>}
    </button>
  )
}
