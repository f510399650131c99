/** How much of the page a soft keyboard covers, where the browser lays it over the page instead of making that smaller. */
import { useEffect, useState } from 'preact/hooks'

/** CSS pixels. */
export function useKeyboardHeight(): number {
  const [height, setHeight] = useState(0)
  useEffect(() => {
    const seen = globalThis.visualViewport
    if (!seen) return
    // Zoomed in, the visible part is smaller without a keyboard.
    const look = () => setHeight(seen.scale > 1.01 ? 0 : Math.max(0, innerHeight - seen.height - seen.offsetTop))
    look()
    seen.addEventListener('resize', look)
    seen.addEventListener('scroll', look)
    return () => {
      seen.removeEventListener('resize', look)
      seen.removeEventListener('scroll', look)
    }
  }, [])
  return height
}
