/** Every device of the mesh. */
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { useEffect } from 'preact/hooks'
import { pairDialogOpen } from '../pairing/pair-dialog-open.ts'
import { devices, hub, loadRuns, me, signedIn } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { AtTheHub } from './at-the-hub.tsx'
import { isOwn, rename, revoke } from './device-actions.ts'
import { DeviceCard } from './device-card.tsx'
import { policyDialogFor } from './device-dialog-open.ts'
import { FoldersHere } from './folders-here.tsx'
import { Icon } from './icons.tsx'
import { Menu } from './menu.tsx'
import { PageHeader } from './page-header.tsx'
import '../styles/pages.css'

export function DevicesPage() {
  useEffect(() => {
    loadRuns().catch(thrown => report(thrown, 'The runs on the devices could not be loaded'))
  }, [])
  const list = devices.value
  return (
    <>
      <PageHeader title="Devices">
        {!me.value?.machine && (
          <button type="button" class="button" onClick={openPairing}>
            <Icon name="plus" size={14} />
            Pair a device
          </button>
        )}
      </PageHeader>
      <main id="main" class="page" tabIndex={-1}>
        <h2 class="visually-hidden">All devices</h2>
        {hub.value === 'down' && (
          <p class="notice warn stale" role="status">
            <Icon name="offline" />
            <span>The hub cannot be reached: this is how the devices were when it was.</span>
          </p>
        )}
        {list.length === 0 && signedIn.value === 'yes' && hub.value !== 'connecting' && <NoDevice />}
        <div class="cards">
          {list.map(device => (
            <DeviceCard key={device.id} device={device}>
              {isOwn(device) && <Actions device={device} />}
            </DeviceCard>
          ))}
        </div>
        <AtTheHub what="Devices are paired and revoked" path="/devices" />
        <FoldersHere />
      </main>
    </>
  )
}

function openPairing(): void {
  pairDialogOpen.value = true
}

function Actions({ device }: { device: DeviceInfo }) {
  return (
    <Menu
      label={`Actions for ${device.name}`}
      class="icon-button small"
      button={<Icon name="more" />}
      entries={() => [
        {
          label: 'What it is used for…',
          icon: 'gear',
          run: () => {
            policyDialogFor.value = device.id
          },
        },
        { label: 'Rename…', icon: 'pencil', run: () => void rename(device) },
        ...(me.value?.machine
          ? []
          : (['line', { label: 'Revoke…', icon: 'trash', danger: true, run: () => void revoke(device) }] as const)),
      ]}
    />
  )
}

/** Teaches the two ways in. */
function NoDevice() {
  const url = me.value?.hub.publicUrl ?? location.origin
  return (
    <div class="empty boxed teach">
      <Icon name="laptop" size={28} />
      <h3>Add your first device</h3>
      <p>A device is a machine of yours that runs code: this laptop, a desktop at home, a server with a GPU.</p>
      <ol>
        <li>
          On a computer with a terminal, type
          <pre>
            <code>npx meshbook up --hub {url}</code>
          </pre>
          and confirm it in the browser.
        </li>
        <li>
          On a phone, or where you cannot type much,{' '}
          <button type="button" class="button small" onClick={openPairing}>
            Show a QR code
          </button>
        </li>
      </ol>
      <p class="faint">It appears here by itself as soon as it is connected.</p>
    </div>
  )
}
