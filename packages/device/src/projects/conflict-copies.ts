/**
 * What stood in the place of a document and cannot be merged with it: it gets a name beside it that says so, and never
 * takes one that is in use. Each content is kept once, also if a crash came between.
 */
import { basename, dirname, extname, join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { FileContent } from './disk.ts'
import type { FilePorts } from './folder-ports.ts'

const encoder = new TextEncoder()
/** So that a number still fits behind it. */
const mostNameBytes = 240
const mostDeviceChars = 40
const mark = / \(conflict \d{4}-\d\d-\d\d [^/()]*\)(?: \d+)?(?=\.\w+$)/

/** The name of the file that a conflict copy stood in the place of; undefined for any other name. */
export function conflictOf(path: string): string | undefined {
  return mark.test(path) ? path.replace(mark, '') : undefined
}

/** Why a file cannot be taken, and where it comes from if it stood in the place of another. */
export function conflictExplained(path: string, error: MeshError): MeshError {
  const original = conflictOf(path)
  if (original === undefined || (error.code !== 'BAD_NOTEBOOK' && error.code !== 'TOO_LARGE')) return error
  return new MeshError(error.code, {
    detail: `${path} stood in the place of ${original} and could not be merged with it, so it was kept beside it`,
    cause: error,
  })
}

type ConflictPorts = Pick<FilePorts, 'disk' | 'now' | 'trash' | 'limits' | 'deviceName'>

/** Names a file that was set aside; `file` is where its document stands. */
export async function keepConflict(ports: ConflictPorts, aside: string, file: string): Promise<void> {
  const { disk } = ports
  const folder = dirname(file)
  const known = await sameContent(ports, aside, file)
  // A name that a crash left to one file twice; anything else might differ by the time that it goes.
  if (known === 'file') return disk.remove(aside)
  if (known === 'content') {
    await ports.trash.move(aside, { path: basename(file) })
    return
  }
  for (let n = 1; !(await disk.place(aside, join(folder, conflictName(ports, basename(file), n)))); n++);
  await disk.syncFolder(folder)
}

function conflictName({ now, deviceName }: ConflictPorts, name: string, n: number): string {
  const ending = extname(name)
  const device = deviceName
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '-')
    .slice(0, mostDeviceChars)
    .trim()
  const date = new Date(now()).toISOString().slice(0, 10)
  const rest = ` (conflict ${date} ${device.toWellFormed()})${n === 1 ? '' : ` ${n}`}${ending}`
  return shortened(name.slice(0, name.length - ending.length), mostNameBytes - encoder.encode(rest).length) + rest
}

function shortened(text: string, mostBytes: number): string {
  const characters = [...text]
  while (characters.length > 1 && encoder.encode(characters.join('')).length > mostBytes) characters.pop()
  return characters.join('')
}

async function sameContent(ports: ConflictPorts, aside: string, file: string): Promise<'file' | 'content' | undefined> {
  const { disk, limits } = ports
  const found = await disk.look(aside)
  const read = (path: string) => disk.read(path, limits.fileBytes).catch(() => undefined)
  const content = await read(aside)
  const stem = shortened(basename(file, extname(file)), 1)
  for (const { name, kind } of (await disk.list(dirname(file))) ?? []) {
    if (kind !== 'file' || !name.startsWith(stem) || conflictOf(name) === undefined) continue
    const path = join(dirname(file), name)
    if ((await disk.look(path))?.stamp.inode === found?.stamp.inode) return 'file'
    if (conflictOf(name) === basename(file) && isSame(content, await read(path))) return 'content'
  }
  return undefined
}

function isSame(a: FileContent | undefined, b: FileContent | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a.bytes, b.bytes) === 0
}
