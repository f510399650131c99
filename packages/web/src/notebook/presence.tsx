/** Who else has the notebook open. */
import { useNotebook } from './open-notebook.ts'

const mostShown = 4

export function Presence() {
  const peers = useNotebook().link.peers.value
  if (peers.length === 0) return null
  return (
    <div class="presence">
      <span class="visually-hidden">Also here:</span>
      {peers.slice(0, mostShown).map(({ client, name, hue }) => (
        <span key={client} class="avatar" title={name} style={{ background: `hsl(${hue} 55% 45%)` }}>
          {name.slice(0, 1).toUpperCase()}
        </span>
      ))}
      {peers.length > mostShown && <span class="avatar more">+{peers.length - mostShown}</span>}
    </div>
  )
}
