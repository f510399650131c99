/** Whether the notebook is saved, said only when it is true; behind it, where, and what can be done. */
import { useEffect } from 'preact/hooks'
import { Icon, type IconName } from '../shell/icons.tsx'
import { Popover } from '../shell/popover.tsx'
import { askToKeep, measureRoom, storageRoom } from '../sync/browser-storage.ts'
import { type SyncKind, type SyncStatus, syncStatus } from '../sync/sync-status.ts'
import { useCalmStatus } from './calm-status.ts'
import { useNotebook } from './open-notebook.ts'

const icons: Partial<Record<SyncKind, IconName>> = {
  syncing: 'spinner',
  connecting: 'spinner',
  saving: 'spinner',
  offline: 'offline',
  'offline-saved': 'offline',
  'not-saved': 'warning',
}

export function SyncBadge() {
  const status = useCalmStatus(syncStatus(useNotebook().link.facts.value))
  const icon = icons[status.kind]
  return (
    <span class="sync-badge" data-sync={status.kind} data-unsent={status.count}>
      <Popover
        label={status.text}
        wordy
        panelClass="padded"
        class={`pill sync ${status.tone}`}
        title={status.why}
        button={
          <>
            {icon && <Icon name={icon} size={13} class={icon === 'spinner' ? 'spin' : ''} />}
            <span class="sync-text">{status.text}</span>
          </>
        }
      >
        {() => <Details status={status} />}
      </Popover>
    </span>
  )
}

function Details({ status }: { status: SyncStatus }) {
  const { facts } = useNotebook().link
  return (
    <div class="why sync-why">
      <h2>{status.text}</h2>
      <p>{status.why}</p>
      {status.todo && <p>{status.todo}</p>}
      <dl class="facts">
        <dt>Not on the hub</dt>
        <dd>
          {facts.value.unsent === 0 ? 'nothing' : facts.value.unsent === 1 ? '1 edit' : `${facts.value.unsent} edits`}
        </dd>
        <dt>On this device</dt>
        <dd>{facts.value.problem ? 'not saved' : facts.value.atRisk > 0 ? 'being saved' : 'saved'}</dd>
        <Room />
      </dl>
    </div>
  )
}

function Room() {
  useEffect(() => {
    void measureRoom()
  }, [])
  const room = storageRoom.value
  if (!room) return null
  return (
    <>
      <dt>Storage</dt>
      <dd>
        {megabytes(room.usedBytes)} of {megabytes(room.quotaBytes)}
      </dd>
      <dt>Kept</dt>
      <dd>
        {room.lasting ? 'until you delete it' : 'as long as the browser has room '}
        {!room.lasting && (
          <button type="button" class="button small" onClick={() => void askToKeep()}>
            Keep it
          </button>
        )}
      </dd>
    </>
  )
}

function megabytes(bytes: number): string {
  const mega = bytes / 1e6
  return mega >= 1000 ? `${Math.round(mega / 1000)} GB` : `${mega < 10 ? mega.toFixed(1) : Math.round(mega)} MB`
}
