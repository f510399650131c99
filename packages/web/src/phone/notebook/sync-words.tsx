/** Whether what is shown is all there is, and where the user's edits are. */
import { useEffect } from 'preact/hooks'
import { neededPart } from '../../shell/needed-part.ts'
import type { PhoneNotebook } from './phone-notebook.ts'
import type { Shown } from './use-notebook.ts'

const live = neededPart(() => import('./live-sync-words.tsx').then(module => module.LiveSyncWords))

export function SyncWords({ notebook, trouble }: { notebook: PhoneNotebook | undefined; trouble: Shown['trouble'] }) {
  useEffect(() => void (notebook && live.load().catch(() => undefined)), [notebook])
  const Live = live.part.value
  if (notebook && Live) return <Live notebook={notebook} />
  return (
    <span class="sync" role="status">
      {trouble === undefined ? 'Opening…' : 'As it was here last'}
    </span>
  )
}
