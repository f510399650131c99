/** A run that waits and that this page has not heard of, since it was opened later: the hub is asked once. */
import { useEffect } from 'preact/hooks'
import { api } from '../api/client.ts'
import { rememberRun, runs } from '../state/mesh.ts'

/** A run that was asked for here a moment ago is heard of by itself. */
const heardWithinMs = 2_000

export function useUnheardRun(run: string | undefined): void {
  const isUnheard = run !== undefined && !runs.value.has(run)
  useEffect(() => {
    if (!isUnheard) return
    // Without the hub its reasons stay unknown.
    const timer = setTimeout(() => void api.run(run).then(rememberRun, () => undefined), heardWithinMs)
    return () => clearTimeout(timer)
  }, [isUnheard, run])
}
