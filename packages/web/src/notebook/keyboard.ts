/** Keys in a notebook: everywhere, and in command mode (an item is selected, no editor has the focus). */
import { togglePanel } from '../state/layout.ts'
import { convertItem, insertBeside, interrupt, move, remove, runAndAdvance, runAndInsert, runOne } from './actions.ts'
import type { OpenNotebook } from './open-notebook.ts'

const doublePressMs = 600
let lastD = 0

export function handleKey(notebook: OpenNotebook, event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return
  const target = event.target as HTMLElement
  if (event.ctrlKey && event.shiftKey && event.key.toLowerCase() === 'c') {
    done(event, () => void interrupt(notebook))
    return
  }
  if (target.closest('dialog, .popover, input, textarea, select, [contenteditable="true"]')) return
  const action = commandKey(notebook, event)
  if (action) done(event, action)
}

function done(event: KeyboardEvent, action: () => void): void {
  event.preventDefault()
  action()
}

function commandKey(notebook: OpenNotebook, event: KeyboardEvent): (() => void) | undefined {
  const key = notebook.selected.peek()
  const mod = event.ctrlKey || event.metaKey
  if (mod && event.key.toLowerCase() === 'z')
    return () => void (event.shiftKey ? notebook.store.undo.redo() : notebook.store.undo.undo())
  const onButton = (event.target as HTMLElement).closest('button, a, summary') !== null
  if (event.key === 'Enter' && (!onButton || mod || event.shiftKey || event.altKey))
    return enterKey(notebook, event, key)
  if (mod || event.altKey || onButton) return undefined
  // Letters are commands only where an item has the focus: lost keystrokes must not change the notebook.
  const inItem = (event.target as HTMLElement).closest('.item') !== null
  return key !== undefined && inItem ? itemKey(notebook, event, key) : selectAny(notebook, event, key)
}

function enterKey(notebook: OpenNotebook, event: KeyboardEvent, key: string | undefined): (() => void) | undefined {
  if (key === undefined) return undefined
  const run = () => {
    if (notebook.store.find(key)?.kind === 'cell') runOne(notebook, key)
  }
  if (event.shiftKey) return () => runAndAdvance(notebook, key)
  if (event.altKey) return () => runAndInsert(notebook, key)
  if (event.ctrlKey || event.metaKey) return run
  return () => notebook.edit(key)
}

function selectAny(notebook: OpenNotebook, event: KeyboardEvent, key: string | undefined): (() => void) | undefined {
  const wanted = key ?? notebook.store.order.peek()[0]
  return event.key === 'ArrowDown' && event.target === document.body ? () => notebook.select(wanted) : undefined
}

function itemKey(notebook: OpenNotebook, event: KeyboardEvent, key: string): (() => void) | undefined {
  const beside = (by: 1 | -1) => () => {
    const next = notebook.store.order.peek()[notebook.store.indexOf(key) + by]
    if (next !== undefined) notebook.select(next)
  }
  switch (event.key) {
    case 'ArrowDown':
    case 'j':
      return beside(1)
    case 'ArrowUp':
    case 'k':
      return beside(-1)
    case 'J':
      return () => move(notebook, key, 1)
    case 'K':
      return () => move(notebook, key, -1)
    case 'a':
      return () => insertBeside(notebook, key, 'above', 'select')
    case 'b':
      return () => insertBeside(notebook, key, 'below', 'select')
    case 'm':
      return notebook.store.find(key)?.kind === 'cell' ? () => convertItem(notebook, key) : undefined
    case 'y':
      return notebook.store.find(key)?.kind === 'prose' ? () => convertItem(notebook, key) : undefined
    case 'z':
      return () => void notebook.store.undo.undo()
    case 'o':
      return () => togglePanel('outline')
    case 'h':
      return () => togglePanel('history')
    case 'd':
      return deleteOnSecond(notebook, event, key)
    default:
      return undefined
  }
}

function deleteOnSecond(notebook: OpenNotebook, event: KeyboardEvent, key: string): () => void {
  const second = event.timeStamp - lastD < doublePressMs && !event.repeat
  lastD = second ? 0 : event.timeStamp
  return () => {
    if (second) remove(notebook, key)
  }
}
