/** Short messages at the lower edge, above the tabs. */
import { signal } from '@preact/signals'
import { asApiError } from '../api/api-error.ts'

export interface Said {
  title: string
  detail: string
}
export const said = signal<Said | undefined>(undefined)
const shownMs = 8_000
let timer: ReturnType<typeof setTimeout> | undefined

export function tell(title: string, detail = ''): void {
  said.value = { title, detail }
  clearTimeout(timer)
  timer = setTimeout(() => {
    said.value = undefined
  }, shownMs)
}

/** What failed, why, and the next step. */
export function say(thrown: unknown, title: string): void {
  const { message, detail, hint } = asApiError(thrown)
  tell(title, [detail || message, hint].filter(Boolean).join(' '))
}
