/** Shown when the browser threw away what was stored: what that means, and what can be done about it. */
import { askToKeep, storedList } from '../sync/browser-storage.ts'
import { Icon } from './icons.tsx'

export function EvictedBanner() {
  const lost = storedList.lost.value
  if (!lost) return null
  const { documents, unsent } = lost
  const dismiss = () => {
    storedList.lost.value = undefined
    void askToKeep()
  }
  return (
    <div class={`banner ${unsent > 0 ? 'bad' : 'warn'}`} role="alert">
      <Icon name="warning" />
      <span class="grow">
        This browser removed what Meshbook had stored on this device:{' '}
        {documents === 1 ? '1 document' : `${documents} documents`}.{' '}
        {unsent > 0
          ? `${unsent === 1 ? '1 edit' : `${unsent} edits`} had not reached the hub.`
          : 'The hub has every edit; they are stored again when you open them.'}
      </span>
      <button type="button" class="button small" onClick={dismiss}>
        Ask it to keep them
      </button>
    </div>
  )
}
