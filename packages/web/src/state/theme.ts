/** The theme: what the system says, or what the user chose for this browser. Pairs with public/theme.js. */
import { signal } from '@preact/signals'

export type Theme = 'system' | 'light' | 'dark'
const key = 'meshbook.theme'

const chosen = document.documentElement.dataset.theme
export const theme = signal<Theme>(chosen === 'light' || chosen === 'dark' ? chosen : 'system')

export function setTheme(next: Theme): void {
  theme.value = next
  if (next === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = next
  try {
    if (next === 'system') localStorage.removeItem(key)
    else localStorage.setItem(key, next)
  } catch {
    // Storage is blocked: the choice holds until the page is closed.
  }
}

export function isDark(): boolean {
  return theme.value === 'dark' || (theme.value === 'system' && matchMedia('(prefers-color-scheme: dark)').matches)
}
