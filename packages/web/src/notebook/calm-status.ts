/**
 * What the sync indicator shows while somebody types: each key is on its way and on the hub a moment later, and drawing
 * that twice a key costs the key its time (NB63). Whatever is not so good is shown at once.
 */
import { type ReadonlySignal, useSignalEffect } from '@preact/signals'
import { useRef, useState } from 'preact/hooks'
import { mayWait, type SyncFacts, type SyncStatus, syncStatus } from '../sync/sync-status.ts'

const calmMs = 400

export function useCalmStatus(facts: ReadonlySignal<SyncFacts>): SyncStatus {
  const [shown, setShown] = useState(() => syncStatus(facts.peek()))
  const current = useRef(shown)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useSignalEffect(() => {
    const next = syncStatus(facts.value)
    clearTimeout(timer.current)
    const show = () => {
      current.current = next
      setShown(next)
    }
    if (mayWait(current.current, next)) timer.current = setTimeout(show, calmMs)
    else show()
  })
  useSignalEffect(() => () => clearTimeout(timer.current))
  return shown
}
