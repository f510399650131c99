/** Turns keys into the notebook's commands, by the table of shortcuts. */
import type { Command } from '../state/commands.ts'
import type { OpenNotebook } from './open-notebook.ts'
import { beginsSequence, chordsOf, commandOf, type FocusPlace } from './shortcuts.ts'

const sequenceMs = 600
const writing = 'dialog, .popover, input, textarea, select, [contenteditable="true"]'

/** Answers a listener for `keydown`. `commands` are the notebook's. */
export function keyboardOf(
  notebook: OpenNotebook,
  commands: () => ReadonlyMap<string, Command>,
): (event: KeyboardEvent) => void {
  let last: { chord: string; at: number } | undefined
  return event => {
    if (event.defaultPrevented || event.isComposing) return
    const target = event.target as HTMLElement
    const before = last && event.timeStamp - last.at < sequenceMs && !event.repeat ? last.chord : undefined
    const place = placeOf(target, event)
    const id = place && commandOf(event, before, place)
    const chord = chordsOf(event)[0]!
    last = id === undefined && beginsSequence(chord) ? { chord, at: event.timeStamp } : undefined
    if (id !== undefined) commands().get(id)?.run()
    else if (!startsSelecting(notebook, event)) return
    event.preventDefault()
  }
}

/** Letters are commands only where an item has the focus (NB2); on a button, Enter and the arrows are the button's. */
function placeOf(target: HTMLElement, event: KeyboardEvent): FocusPlace | undefined {
  if (target.closest('dialog[open]')) return undefined
  if (target.closest(writing)) return 'writing'
  const held = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey
  const onControl = target.closest('button, a, summary') !== null
  return target.closest('.item') && (held || !onControl) ? 'item' : 'elsewhere'
}

/** The down arrow on the page itself begins at the first item, or where one was. */
function startsSelecting(notebook: OpenNotebook, event: KeyboardEvent): boolean {
  if (event.key !== 'ArrowDown' || event.target !== document.body) return false
  notebook.select(notebook.selected.peek() ?? notebook.store.order.peek()[0])
  return true
}
