/** Where in the phone's app the user is: the path as a signal, what it means, and the one way to change it. */
import { signal } from '@preact/signals'

export * from './page-at.ts'

export const place = signal(location.pathname)

/** Where each entry of the history was scrolled to (PH71). */
const scrolled = new Map<string, number>()
history.scrollRestoration = 'manual'
const entry = (): string => (history.state as { entry?: string } | null)?.entry ?? 'first'
addEventListener('scroll', () => scrolled.set(entry(), scrollY), { passive: true })

addEventListener('popstate', () => {
  place.value = location.pathname
  scrollSoon(scrolled.get(entry()) ?? 0)
})

export function go(to: string, options: { replace?: boolean } = {}): void {
  if (to === location.pathname) return
  const state = { entry: String(performance.now()) }
  if (options.replace) history.replaceState(state, '', to)
  else history.pushState(state, '', to)
  place.value = location.pathname
  scrollSoon(0)
}

/** Back to where one came from, or to `otherwise` when this was the first page. */
export function back(otherwise: string): void {
  if (history.state !== null) history.back()
  else go(otherwise, { replace: true })
}

function scrollSoon(top: number): void {
  requestAnimationFrame(() => scrollTo(0, top))
}
