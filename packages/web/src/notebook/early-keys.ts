/** Keys that are pressed before what they do is there: kept from the browser, which would search by itself, and pressed again. */
import { doing } from './doing-when-needed.ts'

const writing = 'dialog, .popover, input, textarea, select, [contenteditable="true"]'

/** Returns what ends it, and presses them again once others listen. */
export function keepEarlyKeys(): () => void {
  const kept: KeyboardEvent[] = []
  const keep = (event: KeyboardEvent) => {
    const { key, ctrlKey, metaKey, target } = event
    const isOurs = ctrlKey || metaKey ? /^(?:[fs]|Enter)$/i.test(key) : /^(?:.|Enter|Escape|Arrow.*)$/.test(key)
    if (!isOurs || event.defaultPrevented || (target as Element).closest(writing)) return
    event.preventDefault()
    kept.push(event)
  }
  const press = () => {
    for (const event of kept) (event.target as Element).dispatchEvent(new KeyboardEvent('keydown', event))
  }
  addEventListener('keydown', keep)
  return () => {
    removeEventListener('keydown', keep)
    if (doing.part.peek()) setTimeout(press)
  }
}
