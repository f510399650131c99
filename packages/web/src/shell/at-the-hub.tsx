/** On the page of a device: what is done at the hub's own address, with the way there (LO11). */
import { me } from '../state/mesh.ts'

export function AtTheHub({ what, path }: { what: string; path: string }) {
  const machine = me.value?.machine
  if (!machine) return null
  if (machine.hub === null)
    return (
      <p class="at-the-hub muted">
        {what} at a hub, and {machine.name} has none yet. Join one with <code>meshbook up --hub URL</code>; everything
        here goes along.
      </p>
    )
  return (
    <p class="at-the-hub muted">
      This is the page of {machine.name} itself. {what} at the hub:{' '}
      <a href={`${machine.hub}${path}`} target="_blank" rel="noreferrer">
        {new URL(machine.hub).host}
        {path}
      </a>
    </p>
  )
}
