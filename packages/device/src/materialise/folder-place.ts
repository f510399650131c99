/** Where the folder of a project is to be: only a place where nobody's files are, unless they are the project's (DV102). */
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceProject } from '@meshbook/core/messages.ts'
import type { Disk } from '../projects/disk.ts'
import { foldedName } from '../projects/disk-names.ts'
import { hasMark, isMarked } from '../projects/folder-marker.ts'
import { folderNames } from './folder-name.ts'

export interface PlacePorts {
  disk: Disk
  /** Where such folders are. */
  root: string
  /** Folders of other projects. */
  taken: readonly string[]
  /** All of the account. */
  projects: readonly DeviceProject[]
}

/** Throws FOLDER_TAKEN where something is in the way that is not the project's. */
export async function placeOf(project: DeviceProject, ports: PlacePorts): Promise<string> {
  const before = await markedFolder(project, ports)
  if (before !== undefined) return before
  const taken = new Set(ports.taken.map(folder => foldedName(folder)))
  for (const name of folderNames(project, ports.projects)) {
    const folder = join(ports.root, name)
    if (taken.has(foldedName(folder))) continue
    const found = await stateOf(ports.disk, folder)
    if (found === 'free') return folder
    if (found === 'foreign') throw inTheWay(project, folder)
  }
  throw new MeshError('CONFLICT', { detail: `every name for a folder of ${project.name} in ${ports.root} is taken` })
}

/** What a crash left between its mark and the store, or a store that was lost. */
async function markedFolder(project: DeviceProject, { disk, root, taken }: PlacePorts): Promise<string | undefined> {
  for (const { name, kind } of (await disk.list(root)) ?? []) {
    const folder = join(root, name)
    if (kind === 'folder' && !taken.includes(folder) && (await isMarked(disk, folder, project.id))) return folder
  }
  return undefined
}

async function stateOf(disk: Disk, folder: string): Promise<'free' | 'foreign' | 'other project'> {
  const found = await disk.look(folder)
  if (!found) return 'free'
  if (found.kind !== 'folder') return 'foreign'
  if (await hasMark(disk, folder)) return 'other project'
  const entries = await disk.list(folder)
  return entries?.every(({ name }) => leftByNobody.has(name)) ? 'free' : 'foreign'
}

/** What systems and a detached project leave in a folder that is empty for its user. */
const leftByNobody: ReadonlySet<string> = new Set(['.meshbook', '.DS_Store', 'desktop.ini', '.directory'])

function inTheWay({ name }: DeviceProject, folder: string): MeshError {
  return new MeshError('FOLDER_TAKEN', {
    detail: `${folder} is not of the project ${name}; nothing in it was touched, and \`meshbook attach ${quoted(folder)} --project ${quoted(name)}\` merges it`,
  })
}

function quoted(text: string): string {
  return /^[\w./~-]+$/.test(text) ? text : `"${text.replaceAll(/["\\$`]/g, '')}"`
}
