/** Keys that work on every page. */
import { paletteOpen, paletteText, shortcutsOpen } from '../state/commands.ts'

export function handleGlobalKey(event: KeyboardEvent): void {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === 'k') {
    event.preventDefault()
    paletteText.value = ''
    paletteOpen.value = !paletteOpen.value
    return
  }
  const target = event.target as HTMLElement
  // The palette may not have been fetched yet.
  if (paletteOpen.value && event.key.length === 1 && !event.ctrlKey && !event.metaKey && !target.closest('dialog')) {
    event.preventDefault()
    paletteText.value += event.key
    return
  }
  if (event.key === '?' && !target.closest('input, textarea, [contenteditable="true"], dialog')) {
    event.preventDefault()
    shortcutsOpen.value = true
  }
}
