/** What a guest of the device's own web app is in the room of a document, and what that says of what it writes there. */
import type { Peer } from '@meshbook/relay/peer.ts'
import type { Guest } from './doorkeeper.ts'

interface GuestTag {
  isPage: boolean
}

/** A page shows what it asks for and sends its request beside that; any other client asks by what it writes alone. */
export function guestOf({ session }: Guest, access: Peer['access']): Pick<Peer, 'name' | 'access' | 'canRun' | 'tag'> {
  const isPage = session !== undefined
  const tag: GuestTag = { isPage }
  return { name: isPage ? 'a page' : 'a command', access, canRun: access === 'write', tag }
}

/** Whether a request in a document that came over this connection is one, and not only the sight of one (RT32, LO8). */
export function mayVouch(peer: Pick<Peer, 'canRun' | 'tag'> | undefined): boolean {
  return peer?.canRun === true && (peer.tag as Partial<GuestTag> | undefined)?.isPage === false
}
