/** On the page of a device: what is done at the hub's own address, with the way there (LO11). */
import { me } from '../state/mesh.ts'

export function AtTheHub({ what, path }: { what: string; path: string }) {
  const device = me.value?.device
  if (!device) return null
  if (device.hub === null)
    return (
      <p class="at-the-hub muted">
        {what} at a hub, and {device.name} has none yet. Join one with <code>meshbook up --hub URL</code>; everything
        here goes along.
      </p>
    )
  return (
    <p class="at-the-hub muted">
      This is the page of {device.name} itself. {what} at the hub:{' '}
      <a href={`${device.hub}${path}`} target="_blank" rel="noreferrer">
        {new URL(device.hub).host}
        {path}
      </a>
    </p>
  )
}
