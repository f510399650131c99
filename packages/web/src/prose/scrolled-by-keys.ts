/** Tables, formulas and code in prose that are wider than it: they scroll, so the keyboard must be able to reach them. */
const mayScroll = 'pre, table, .formula-block'

/** Returns what ends it. */
export function scrolledByKeys(prose: HTMLElement): () => void {
  const observer = new ResizeObserver(() => {
    for (const part of prose.querySelectorAll<HTMLElement>(mayScroll))
      if (part.scrollWidth > part.clientWidth) part.tabIndex = 0
      else part.removeAttribute('tabindex')
  })
  observer.observe(prose)
  return () => observer.disconnect()
}
