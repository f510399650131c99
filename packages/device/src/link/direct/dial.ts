/** The way to the other device of a grant: its addresses one after the other, and the nonce as the first frame (LAN12). */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { SecureIdentity } from './certificate.ts'
import type { Grant } from './grants.ts'
import { secureDial } from './secure-sockets.ts'
import { DirectWire } from './wire.ts'

/** `connected` is called before anything that follows the nonce is read. Rejects with what the last address said. */
export async function dial(
  identity: SecureIdentity,
  grant: Grant,
  limits: Limits,
  connected: (wire: DirectWire) => void,
): Promise<void> {
  let failure = new MeshError('UNREACHABLE', { detail: 'the other device has no address' })
  for (const address of grant.addresses) {
    try {
      const socket = await secureDial(identity, grant, address, limits)
      return await greet(new DirectWire(socket, limits), grant, limits, connected)
    } catch (thrown) {
      failure = asMeshError(thrown)
    }
  }
  throw failure
}

/** The other side says the nonce back once it has taken it. */
function greet(
  wire: DirectWire,
  { nonce }: Grant,
  { lanDialMs }: Limits,
  connected: (wire: DirectWire) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => wire.close(new MeshError('TIMEOUT', { detail: 'the other device does not answer' })),
      lanDialMs,
    )
    wire.on({
      message: message => {
        if (message.type !== 'LAN_HELLO' || message.nonce !== nonce)
          return wire.close(new MeshError('BAD_MESSAGE', { detail: 'not the answer to a nonce' }))
        clearTimeout(timer)
        wire.trust()
        connected(wire)
        resolve()
      },
      sync: () => wire.close(new MeshError('BAD_MESSAGE', { detail: 'SYNC before the nonce' })),
      closed: error => {
        clearTimeout(timer)
        reject(error)
      },
    })
    wire.send({ type: 'LAN_HELLO', nonce })
  })
}
