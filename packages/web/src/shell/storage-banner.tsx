/** Shown while the hub's disk accepts nothing: what was acknowledged is safe, what comes now is not. */
import { storage } from '../state/mesh.ts'
import { Icon } from './icons.tsx'

export function StorageBanner() {
  if (storage.value.ok) return null
  return (
    <div class="banner bad" role="alert">
      <Icon name="warning" />
      <span>
        The hub cannot store changes: {storage.value.detail || 'its disk does not accept them'}. What was marked as
        synced is safe.
      </span>
    </div>
  )
}
