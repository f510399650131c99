/**
 * The one way from a path inside a project to a path of the machine (S11). Nothing else joins them. It refuses every
 * path that is not normal and every folder on the way that is a symbolic link or leads out of the root.
 */
import { dirname, join, sep } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { normalPath } from '@meshbook/core/tree.ts'
import type { Disk } from './disk.ts'

/** The absolute path; its last part may be anything, also a link: `Disk` opens none. */
export async function safeJoin(disk: Disk, root: string, path: string): Promise<string> {
  const absolute = plainJoin(root, path)
  await checkFolder(disk, root, dirname(absolute))
  return absolute
}

/** The same, after making the folders on the way. */
export async function safeJoinNew(disk: Disk, root: string, path: string): Promise<string> {
  const segments = plainJoin(root, path)
    .slice(root.length + 1)
    .split(sep)
    .slice(0, -1)
  let folder = root
  for (const segment of segments) {
    folder = join(folder, segment)
    await disk.makeFolder(folder)
    await checkFolder(disk, root, folder)
  }
  return safeJoin(disk, root, path)
}

function plainJoin(root: string, path: string): string {
  if (normalPath(path) !== path) throw new MeshError('BAD_PATH', { detail: JSON.stringify(path) })
  return join(root, ...path.split('/'))
}

/** Of a folder that does not exist, those above it are looked at. */
async function checkFolder(disk: Disk, root: string, folder: string): Promise<void> {
  if (folder === root) return
  const [real, realRoot, entry] = await Promise.all([disk.realPath(folder), disk.realPath(root), disk.look(folder)])
  if (!entry) return checkFolder(disk, root, dirname(folder))
  if (entry.kind === 'folder' && realRoot !== undefined && real === join(realRoot, folder.slice(root.length))) return
  throw new MeshError('BAD_PATH', { detail: `${folder} is a link or not a folder` })
}
