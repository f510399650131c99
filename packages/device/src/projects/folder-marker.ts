/** The mark that tells a project's folder from the empty place where its disk is not mounted. */
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { ProjectId } from '@meshbook/core/ids.ts'
import type { Disk } from './disk.ts'

const mostBytes = 64 * 1024
const fileOf = (root: string) => join(root, '.meshbook', 'project.json')

/** Makes the folder if it is not there. Durably: a folder whose mark a power cut took away is a strange one. */
export async function writeMarker(disk: Disk, root: string, project: ProjectId): Promise<void> {
  await disk.makeFolders(join(root, '.meshbook'), false)
  const temporary = `${fileOf(root)}.tmp`
  await disk.remove(temporary)
  await disk.write(temporary, Buffer.from(`${JSON.stringify({ project })}\n`))
  await disk.move(temporary, fileOf(root))
  await disk.syncFolder(join(root, '.meshbook'))
  await disk.syncFolder(root)
}

/** Throws NOT_FOUND when the folder is not there or not the one that was attached. */
export async function checkMarker(disk: Disk, root: string, project: ProjectId): Promise<void> {
  if (await isMarked(disk, root, project)) return
  throw new MeshError('NOT_FOUND', {
    detail: `${root} is not there, or is not the folder that was attached; nothing is deleted. If you moved it, attach it again`,
  })
}

export function removeMarker(disk: Disk, root: string): Promise<void> {
  return disk.remove(fileOf(root))
}

/** Whether it carries the mark of any project. */
export async function hasMark(disk: Disk, root: string): Promise<boolean> {
  return (await disk.look(fileOf(root))) !== undefined
}

export async function isMarked(disk: Disk, root: string, project: ProjectId): Promise<boolean> {
  const content = await disk.read(fileOf(root), mostBytes)
  return content !== undefined && Buffer.from(content.bytes).toString('utf8').includes(project)
}
