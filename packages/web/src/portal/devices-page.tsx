/** Every device of the mesh, as it is now; what can be changed about one is on the page of the notebook's app. */
import { useEffect } from 'preact/hooks'
import { DeviceCard } from '../shell/device-card.tsx'
import { devices, hub, loadRuns } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'

export function DevicesPage() {
  useEffect(() => {
    loadRuns().catch(thrown => report(thrown, 'The runs on the devices could not be loaded'))
  }, [])
  const list = devices.value
  return (
    <>
      <h2 class="visually-hidden">All devices</h2>
      {list.length === 0 && hub.value !== 'connecting' && (
        <div class="empty boxed">
          <h2>No device yet</h2>
          <p>
            A device is a machine of yours that runs code. Tasks of agents need none: they work on the hub's machine.
          </p>
        </div>
      )}
      <div class="cards">
        {list.map(device => (
          <DeviceCard key={device.id} device={device} />
        ))}
      </div>
      <p class="portal-more">
        <a class="button" href="/devices">
          Pair, rename and revoke devices
        </a>
      </p>
    </>
  )
}
