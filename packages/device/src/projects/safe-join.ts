/**
 * The one way from a path inside a project to a path of the machine (S11). Nothing else joins them. It refuses every
 * path that is not normal and every folder on the way that is a symbolic link or leads out of the root.
 */
import { dirname, join, sep } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { normalPath } from '@meshbook/core/tree.ts'
import type { Disk } from './disk.ts'
import { DiskNames } from './disk-names.ts'

const plainNames = new DiskNames()

/** The absolute path; its last part may be anything, also a link: `Disk` opens none. */
export async function safeJoin(disk: Disk, root: string, path: string, names = plainNames): Promise<string> {
  const absolute = plainJoin(root, path, names)
  await checkFolder(disk, root, dirname(absolute))
  return absolute
}

/** The same, after making the folders on the way. */
export async function safeJoinNew(disk: Disk, root: string, path: string, names = plainNames): Promise<string> {
  const segments = plainJoin(root, path, names)
    .slice(root.length + 1)
    .split(sep)
    .slice(0, -1)
  let folder = root
  for (const segment of segments) {
    folder = join(folder, segment)
    await disk.makeFolder(folder)
    await checkFolder(disk, root, folder)
  }
  return safeJoin(disk, root, path, names)
}

function plainJoin(root: string, path: string, names: DiskNames): string {
  const onDisk = names.onDisk(path)
  // The disk may spell it otherwise, but what that means is checked as well.
  if (normalPath(path) !== path || normalPath(onDisk) === undefined)
    throw new MeshError('BAD_PATH', { detail: JSON.stringify(path) })
  return join(root, ...onDisk.split('/'))
}

/** Each folder on the way, from the top: of one that does not exist nothing below can be a link. */
async function checkFolder(disk: Disk, root: string, folder: string): Promise<void> {
  let current = root
  for (const segment of folder.slice(root.length + 1).split(sep)) {
    if (segment === '') return
    current = join(current, segment)
    const entry = await disk.look(current)
    if (!entry) return
    if (entry.kind !== 'folder') throw new MeshError('BAD_PATH', { detail: `${current} is a link or not a folder` })
  }
}
