/** Short messages at the lower edge, above the tabs. */
import { signal } from '@preact/signals'

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
