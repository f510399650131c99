/**
 * Pulling a page down at its top asks the hub again (PH71): browsers do it by loading everything anew, and apps on the
 * home screen not at all.
 */
import { effect, signal } from '@preact/signals'

/** How far it is pulled, in px; `asking` while the hub is asked. */
export const pulled = signal<number | 'asking'>(0)

/** From here on letting go asks. */
export const enough = 72
const most = 110

export function keepPulls(page: Document, refresh: () => Promise<unknown>, tell: (said: string) => void): () => void {
  let from: { x: number; y: number } | undefined
  const atTop = (target: EventTarget | null) =>
    (page.scrollingElement?.scrollTop ?? 0) <= 0 && !isScrolled(target instanceof Element ? target : null)
  const begin = ({ touches, target }: TouchEvent) => {
    from = touches.length === 1 && pulled.peek() === 0 && atTop(target) ? placeOf(touches) : undefined
  }
  const move = ({ touches }: TouchEvent) => {
    if (from === undefined || pulled.peek() === 'asking') return
    const { x, y } = placeOf(touches)
    // A swipe to the side is somebody else's, for as long as the finger is down.
    if (pulled.peek() === 0 && Math.abs(x - from.x) > Math.abs(y - from.y)) from = undefined
    else pulled.value = Math.min(most, Math.max(0, (y - from.y) / 2))
  }
  const end = () => {
    const far = pulled.peek()
    from = undefined
    if (far === 'asking') return
    if (far < enough) {
      pulled.value = 0
      return
    }
    pulled.value = 'asking'
    refresh()
      .then(
        () => tell('Up to date'),
        () => tell('The hub does not answer'),
      )
      .finally(() => {
        pulled.value = 0
      })
  }
  const listeners = { touchstart: begin, touchmove: move, touchend: end, touchcancel: end } as const
  for (const [name, listener] of Object.entries(listeners))
    page.addEventListener(name, listener as EventListener, { passive: true })
  const stop = effect(() => {
    const far = pulled.value
    page.documentElement.style.setProperty('--pulled', far === 'asking' ? `${enough}px` : `${far}px`)
    page.documentElement.toggleAttribute('data-asking', far === 'asking')
  })
  return () => {
    stop()
    for (const [name, listener] of Object.entries(listeners)) page.removeEventListener(name, listener as EventListener)
  }
}

const placeOf = (touches: TouchList) => ({ x: touches[0]!.clientX, y: touches[0]!.clientY })

/** It stands in something that scrolls by itself and is not at its top, or in what is over the page. */
function isScrolled(element: Element | null): boolean {
  for (let at = element; at && at !== at.ownerDocument.scrollingElement; at = at.parentElement)
    if (at.scrollTop > 0 || at.tagName === 'DIALOG' || at.tagName === 'TEXTAREA') return true
  return false
}
