/** Keys that work on every page. */
import { paletteOpen, shortcutsOpen } from '../state/commands.ts'

export function handleGlobalKey(event: KeyboardEvent): void {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === 'k') {
    event.preventDefault()
    paletteOpen.value = !paletteOpen.value
    return
  }
  const target = event.target as HTMLElement
  if (event.key === '?' && !target.closest('input, textarea, [contenteditable="true"], dialog')) {
    event.preventDefault()
    shortcutsOpen.value = true
  }
}
