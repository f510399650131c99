/**
 * What the sync indicator shows while somebody types: each key is on its way and on the hub a moment later, and drawing
 * that twice a key costs the key its time (NB64). Whatever is not so good is shown at once.
 */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { mayWait, type SyncStatus } from '../sync/sync-status.ts'

const calmMs = 400

export function useCalmStatus(status: SyncStatus): SyncStatus {
  const shown = useRef(status)
  const draw = useState(status)[1]
  if (!mayWait(shown.current, status)) shown.current = status
  useLayoutEffect(() => {
    if (shown.current === status) return
    const timer = setTimeout(() => {
      shown.current = status
      draw(status)
    }, calmMs)
    return () => clearTimeout(timer)
  })
  return shown.current
}
