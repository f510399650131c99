/** The state of an open document in a word or two. */
import { useCalmStatus } from '../../notebook/calm-status.ts'
import { syncStatus } from '../../sync/sync-status.ts'
import type { PhoneNotebook } from './phone-notebook.ts'

export function LiveSyncWords({ notebook }: { notebook: PhoneNotebook }) {
  const { text, tone } = useCalmStatus(syncStatus(notebook.link.facts.value))
  return (
    <span class={`sync ${tone}`} role="status">
      {text}
    </span>
  )
}
