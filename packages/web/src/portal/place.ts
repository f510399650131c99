/** What is at each address of the portal, and the one way to change it. */
import { signal } from '@preact/signals'
import { portalPageAt } from './page-at.ts'

export { portalPageAt }
export const place = signal(location.pathname)

addEventListener('popstate', () => {
  place.value = location.pathname
})

export function go(to: string): void {
  if (to === location.pathname) return
  history.pushState(null, '', to)
  place.value = location.pathname
  scrollTo(0, 0)
}

/** Links of shared parts know of the notebook's app alone: those of the portal are followed here, others load theirs. */
export function followLinks(event: MouseEvent): void {
  const link = (event.target as Element | null)?.closest?.('a[href]') as HTMLAnchorElement | null
  if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  if (link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return
  if (link.hash !== '' && link.pathname === location.pathname) return
  event.stopImmediatePropagation()
  if (!link.pathname.startsWith('/portal/')) return
  event.preventDefault()
  go(link.pathname)
}
