/** What an image does not carry over, and what keeps a session from having one. */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { LostItem } from '@meshbook/core/snapshot.ts'
import { connectionsOf } from './criu-images.ts'

const mostItems = 100
const devices = /\/dev\/(nvidia|kfd|dri\/|accel|fuse|kvm)/

/** Connections are closed; those of the kernel with its host come again by themselves. */
export async function lostIn(images: string, ownAddress: string): Promise<LostItem[]> {
  const found = connectionsOf(await readFile(join(images, 'files.img')))
  const names = new Set(
    found
      .filter(({ from, to }) => from !== ownAddress && to !== ownAddress)
      .map(({ to, port }) => `connection to ${to.includes(':') ? `[${to}]` : to}:${port}`),
  )
  return [...names].slice(0, mostItems).map(name => ({ name, reason: 'connections over the network are closed' }))
}

/** Why the processes of a session cannot be saved as an image, found before anything stands still. */
export async function unfitProcess(pid: number): Promise<string | undefined> {
  const maps = await readFile(`/proc/${pid}/maps`, 'latin1').catch(() => '')
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => [])
  const links = await Promise.all(descriptors.map(name => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')))
  const device = devices.exec(`${maps}\n${links.join('\n')}`)
  if (device) return `it uses ${device[0]}…, whose state is not in memory that can be saved`
  if (maps.includes('anon_inode:[io_uring]')) return 'it uses io_uring, which cannot be saved'
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1').catch(() => '')
  for (const child of children.split(/\s+/).filter(Boolean)) {
    const why = await unfitProcess(Number(child))
    if (why !== undefined) return why
  }
  return undefined
}
