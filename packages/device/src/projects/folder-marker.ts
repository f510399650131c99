/** The mark that tells a project's folder from the empty place where its disk is not mounted. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { ProjectId } from '@meshbook/core/ids.ts'
import { orStorageError } from './notebook-file.ts'
import { codeOf } from './safe-join.ts'

const fileOf = (root: string) => join(root, '.meshbook', 'project.json')

/** Makes the folder if it is not there. */
export async function writeMarker(root: string, project: ProjectId): Promise<void> {
  await orStorageError(root, async () => {
    await mkdir(join(root, '.meshbook'), { recursive: true })
    await writeFile(fileOf(root), `${JSON.stringify({ project })}\n`)
  })
}

/** Throws NOT_FOUND when the folder is not there or not the one that was attached. */
export async function checkMarker(root: string, project: ProjectId): Promise<void> {
  if (await isMarked(root, project)) return
  throw new MeshError('NOT_FOUND', {
    detail: `${root} is not there, or is not the folder that was attached; nothing is deleted. If you moved it, attach it again`,
  })
}

export async function removeMarker(root: string): Promise<void> {
  await rm(fileOf(root), { force: true })
}

export async function isMarked(root: string, project: ProjectId): Promise<boolean> {
  try {
    return (await readFile(fileOf(root), 'utf8')).includes(project)
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT' || codeOf(thrown) === 'ENOTDIR') return false
    throw thrown
  }
}
