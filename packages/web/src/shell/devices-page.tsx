/** Every device of the mesh. */
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { api } from '../api/client.ts'
import { pairDialogOpen } from '../pairing/pair-dialog.tsx'
import { devices, me } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { AtTheHub } from './at-the-hub.tsx'
import { DeviceCard } from './device-card.tsx'
import { ask, confirmed } from './dialogs.tsx'
import { FoldersHere } from './folders-here.tsx'
import { Icon } from './icons.tsx'
import { Menu } from './menu.tsx'
import { PageHeader } from './page-header.tsx'

export function DevicesPage() {
  return (
    <>
      <PageHeader title="Devices">
        {!me.value?.device && (
          <button
            type="button"
            class="button"
            onClick={() => {
              pairDialogOpen.value = true
            }}
          >
            Pair a device
          </button>
        )}
      </PageHeader>
      <main id="main" class="page" tabIndex={-1}>
        <h2 class="visually-hidden">All devices</h2>
        {devices.value.length === 0 && (
          <div class="empty boxed">
            <h2>No device yet</h2>
            <p>
              A device is a machine of yours that runs code. Pair it here, or type <code>meshbook up</code> on it.
            </p>
          </div>
        )}
        <div class="cards">
          {devices.value.map(device => (
            <DeviceCard key={device.id} device={device}>
              <Menu
                label={`Actions for ${device.name}`}
                class="icon-button small"
                button={<Icon name="more" />}
                entries={() => [
                  { label: 'Rename…', icon: 'pencil', run: () => void rename(device) },
                  ...(me.value?.device
                    ? []
                    : [{ label: 'Revoke…', icon: 'trash' as const, danger: true, run: () => void revoke(device) }]),
                ]}
              />
            </DeviceCard>
          ))}
        </div>
        <AtTheHub what="Devices are paired and revoked" path="/devices" />
        <FoldersHere />
      </main>
    </>
  )
}

async function rename(device: DeviceInfo): Promise<void> {
  const name = await ask({ title: 'Rename device', label: 'Name', value: device.name, action: 'Rename' })
  if (name) await api.renameDevice(device.id, name).catch(thrown => report(thrown, 'The device was not renamed'))
}

async function revoke(device: DeviceInfo): Promise<void> {
  const text = 'It is disconnected at once, its runs are cancelled, and it must be paired again to come back.'
  if (await confirmed({ title: `Revoke ${device.name}?`, text, action: 'Revoke', danger: true }))
    await api.revokeDevice(device.id).catch(thrown => report(thrown, 'The device was not revoked'))
}
