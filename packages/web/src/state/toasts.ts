/** Short messages at the edge of the screen. */
import { signal } from '@preact/signals'
import { asApiError } from '../api/api-error.ts'

export interface Toast {
  id: number
  /** What is `busy` stays until it has ended. */
  kind: 'info' | 'bad' | 'busy'
  title: string
  detail: string
  /** What can be done about it with one press. */
  action: ToastAction | undefined
}
export interface ToastAction {
  label: string
  run(): void
}

export const toasts = signal<Toast[]>([])
const shownMs = { info: 4_000, bad: 12_000 }
const withActionMs = 12_000
let lastId = 0

export function notify(title: string, detail = '', kind: 'info' | 'bad' = 'info', action?: ToastAction): void {
  const id = ++lastId
  toasts.value = [...toasts.value.slice(-3), { id, kind, title, detail, action }]
  setTimeout(() => dismiss(id), action ? withActionMs : shownMs[kind])
}

/** Shows what failed, why, and the next step. */
export function report(thrown: unknown, title: string): void {
  const error = asApiError(thrown)
  if (error.code === 'UNAUTHENTICATED') return
  notify(title, [error.detail || error.message, error.hint].filter(Boolean).join(' '), 'bad')
}

export interface ShownWork {
  /** How far it is. */
  say(detail: string): void
  end(): void
}

/** Says that something is being done, until it has ended. */
export function showWork(title: string): ShownWork {
  const id = ++lastId
  const show = (detail: string) => {
    const others = toasts.peek().filter(toast => toast.id !== id)
    toasts.value = [...others.slice(-3), { id, kind: 'busy', title, detail, action: undefined }]
  }
  show('')
  return { say: show, end: () => dismiss(id) }
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter(toast => toast.id !== id)
}
