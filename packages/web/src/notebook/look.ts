/** How this browser shows notebooks: line numbers. Kept over a reload where storage allows. */
import { signal } from '@preact/signals'

const key = 'meshbook.line-numbers'
const shown = signal(read())

export const lineNumbers = {
  shown,
  toggle(): void {
    shown.value = !shown.value
    write(shown.value)
  },
}

function read(): boolean {
  try {
    return localStorage.getItem(key) === 'on'
  } catch {
    // Storage that is forbidden keeps nothing.
    return false
  }
}

function write(on: boolean): void {
  try {
    localStorage.setItem(key, on ? 'on' : 'off')
  } catch {
    // As above: it holds until the page is closed.
  }
}
