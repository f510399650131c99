/** A clock for what counts on the page. */
import { useEffect, useState } from 'preact/hooks'

/** The time now, anew every half second while something goes on. */
export function useTicking(isOn: boolean): number {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    if (!isOn) return
    const timer = setInterval(() => setNow(Date.now()), 500)
    return () => clearInterval(timer)
  }, [isOn])
  return now
}
