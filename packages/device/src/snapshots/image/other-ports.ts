/**
 * Where a restored session is to listen when somebody else does at that place here. A program may listen on any port that
 * was free where it began (ipykernel does so for what its children print), and here another may have it (SN29).
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type BoundPlace, boundPlacesOf, placeKey, withPorts } from './criu-images.ts'

const filesImage = 'files.img'

export interface StartImages {
  /** The folder that CRIU is given. */
  folder: string
  /** For the user: who listens elsewhere now. */
  notes: string[]
}

/** The images as they are, or, where a port is taken, beside them a folder with other ones. Never changes what is given. */
export async function imagesWithFreePorts(images: string, own: string, work: string): Promise<StartImages> {
  const files = await readFile(join(images, filesImage))
  const others = new Map<string, number>()
  const notes: string[] = []
  for (const place of boundPlacesOf(files)) {
    // The kernel itself is known to be there.
    if (place.address === own || !(await isTaken(place))) continue
    const port = await bound({ ...place, port: 0 })
    if (typeof port !== 'number') continue
    others.set(placeKey(place), port)
    notes.push(`Port ${place.port} of ${place.address} is taken here: what listened there is on port ${port} now.`)
  }
  if (others.size === 0) return { folder: images, notes }
  const folder = join(work, 'images')
  await mkdir(folder, { mode: 0o700 })
  for (const name of await readdir(images))
    if (name !== filesImage) await symlink(join(images, name), join(folder, name))
  await writeFile(join(folder, filesImage), withPorts(files, others), { mode: 0o600 })
  return { folder, notes }
}

/** An address that is not this machine's is nobody's here. */
const isTaken = async (place: BoundPlace): Promise<boolean> => (await bound(place)) === 'EADDRINUSE'

/** The port, which is free again afterwards, or why there is none. */
async function bound({ address, port, isTcp }: BoundPlace): Promise<number | string> {
  try {
    if (!isTcp) {
      const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
      socket.bind({ address, port, exclusive: true })
      await once(socket, 'listening')
      const found = socket.address().port
      await new Promise<void>(resolve => socket.close(resolve))
      return found
    }
    const server = createServer().listen({ host: address, port, exclusive: true })
    await once(server, 'listening')
    const found = (server.address() as { port: number }).port
    await new Promise(resolve => server.close(resolve))
    return found
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'EINVAL'
  }
}
