/**
 * The one way from a path inside a project to a path of the machine (S11). Nothing else joins them. It refuses every
 * path that is not normal and every folder on the way that is a symbolic link or leads out of the root.
 */
import { lstat, mkdir, realpath } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { normalPath } from '@meshbook/core/tree.ts'

/** The absolute path; its last part may be anything, also a link: open it with O_NOFOLLOW. */
export async function safeJoin(root: string, path: string): Promise<string> {
  const absolute = plainJoin(root, path)
  await checkFolder(root, dirname(absolute))
  return absolute
}

/** The same, after making the folders on the way. */
export async function safeJoinNew(root: string, path: string): Promise<string> {
  const segments = plainJoin(root, path)
    .slice(root.length + 1)
    .split(sep)
    .slice(0, -1)
  let folder = root
  for (const segment of segments) {
    folder = join(folder, segment)
    await mkdir(folder).catch(ifNotThere)
    await checkFolder(root, folder)
  }
  return safeJoin(root, path)
}

function plainJoin(root: string, path: string): string {
  if (normalPath(path) !== path) throw new MeshError('BAD_PATH', { detail: JSON.stringify(path) })
  return join(root, ...path.split('/'))
}

/** Of a folder that does not exist, those above it are looked at. */
async function checkFolder(root: string, folder: string): Promise<void> {
  if (folder === root) return
  try {
    const [real, realRoot, entry] = await Promise.all([realpath(folder), realpath(root), lstat(folder)])
    if (entry.isDirectory() && real === join(realRoot, folder.slice(root.length))) return
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return checkFolder(root, dirname(folder))
    throw thrown
  }
  throw new MeshError('BAD_PATH', { detail: `${folder} is a link or not a folder` })
}

function ifNotThere(thrown: unknown): void {
  if (codeOf(thrown) !== 'EEXIST') throw thrown
}

export function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined
}
