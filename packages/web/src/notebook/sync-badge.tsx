/** Whether the notebook is saved, said only when it is true. */
import { Icon, type IconName } from '../shell/icons.tsx'
import { type SyncStatus, syncStatus, syncText } from '../sync/sync-status.ts'
import { useNotebook } from './open-notebook.ts'

const looks: Record<SyncStatus['kind'], { icon: IconName | undefined; tone: string; why: string }> = {
  synced: { icon: undefined, tone: '', why: 'Every change is stored safely on the hub.' },
  syncing: { icon: 'spinner', tone: '', why: 'Changes are on their way to the hub.' },
  connecting: { icon: 'spinner', tone: '', why: 'Connecting to the hub.' },
  'offline-saved': {
    icon: 'offline',
    tone: 'warn',
    why: 'The hub cannot be reached. Changes are stored in this browser and sent when it is back.',
  },
  'not-saved': { icon: 'warning', tone: 'bad', why: '' },
}

export function SyncBadge() {
  const status = syncStatus(useNotebook().link.facts.value)
  const { icon, tone, why } = looks[status.kind]
  const title = status.kind === 'not-saved' ? status.reason : why
  return (
    <span class={`pill sync ${tone}`} role="status" title={title} data-sync={status.kind}>
      {icon && <Icon name={icon} size={13} class={icon === 'spinner' ? 'spin' : ''} />}
      <span class="sync-text">{syncText(status)}</span>
    </span>
  )
}
