/** Which files belong to an image: those that its processes have mapped or open, as CRIU's images name them. */
import { constants } from 'node:fs'
import { copyFile, lstat, mkdir, readdir, readFile, rm, stat, truncate } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { ghostsOf, isWritable, mappedFilesOf, type NamedFile, namedFilesOf, openIdsOf } from './criu-images.ts'
import type { EncodeOrder } from './encode-image.ts'
import { isOfSystem } from './restore-mounts.ts'

const kindMask = 0o170000
const kinds = { folder: 0o040000, file: 0o100000, fifo: 0o010000 } as const
/** Devices, and files of the kernel, are there on every machine. */
const everywhere = /^\/(dev\/(?!shm\/)|proc\/|sys\/)/
const mostScratchBytes = 64 * 1024 * 1024

export interface SavedFiles {
  closure: EncodeOrder['closure']
  open: EncodeOrder['open']
  fifos: string[]
  folders: string[]
  /** Made by CRIU for files without a name; nobody needs them afterwards. */
  remaps: string[]
}

/** Pure: what is to be done with each file. */
export function sortFiles(images: ReadonlyMap<string, Buffer>): {
  closure: NamedFile[]
  open: NamedFile[]
  fifos: string[]
  folders: string[]
} {
  const all = (start: string) => [...images].filter(([name]) => name.startsWith(start)).map(([, bytes]) => bytes)
  const ghosts = new Set(all('remap-fpath').flatMap(bytes => [...ghostsOf(bytes)]))
  const memories = all('mm-').map(mappedFilesOf)
  const shared = new Set(memories.flatMap(each => [...each.shared]))
  const mapped = new Set(memories.flatMap(each => [...each.mapped]))
  const opened = new Set(all('fdinfo-').flatMap(openIdsOf))
  const closure = new Map<string, NamedFile>()
  const written = new Map<string, NamedFile>()
  const read = new Map<string, NamedFile>()
  const fifos = new Set<string>()
  const folders = new Set<string>()
  for (const file of all('files.img').flatMap(namedFilesOf)) {
    if (ghosts.has(file.id) || everywhere.test(file.path)) continue
    const kind = file.mode & kindMask
    if (kind === kinds.folder) folders.add(file.path)
    else if (kind === kinds.fifo) fifos.add(file.path)
    else if (kind === kinds.file) {
      const isOfMachine = isOfSystem(file.path)
      const isWritten = !isOfMachine && (shared.has(file.id) || (opened.has(file.id) && isWritable(file.flags)))
      const isShown = mapped.has(file.id) || isOfMachine
      ;(isWritten ? written : isShown ? closure : read).set(file.path, file)
    }
  }
  // One file may be there several times: mapped, and by a descriptor.
  for (const path of written.keys()) closure.delete(path)
  for (const path of closure.keys()) read.delete(path)
  const open = new Map([...read, ...written])
  return { closure: [...closure.values()], open: [...open.values()], fifos: [...fifos], folders: [...folders] }
}

/**
 * While the processes stand still: copies what they may write to when they go on. Files of the closure are read later.
 * Throws SNAPSHOT_FAILED if a file is no more what the image says.
 */
export async function copyWhileStill(
  images: string,
  { root, copies, scratch }: { root: string; copies: string; scratch: string },
): Promise<SavedFiles> {
  const sorted = sortFiles(await readImages(images))
  await mkdir(copies, { mode: 0o700, recursive: true })
  const open: SavedFiles['open'] = []
  const copy = async (path: string, wanted: number | undefined, mode: number, ofSession: boolean) => {
    const to = join(copies, String(open.length))
    await copyFile(`${root}${path}`, to, constants.COPYFILE_FICLONE)
    const { size } = await stat(to)
    const bytes = wanted ?? size
    if (size < bytes) throw new MeshError('SNAPSHOT_FAILED', { detail: `${path} became shorter while it was saved` })
    if (size > bytes) await truncate(to, bytes)
    open.push({ path, from: to, bytes, mode, ofSession })
  }
  for (const { path, size, mode } of sorted.open) await copy(path, size, mode, isBelow(path, scratch))
  const named = new Set([...sorted.open, ...sorted.closure].map(({ path }) => path))
  const beside = await scratchFiles(`${root}${scratch}`, scratch)
  for (const { path, bytes, mode } of beside.files) if (!named.has(path)) await copy(path, bytes, mode, true)
  return {
    closure: sorted.closure.map(({ path, mode }) => ({ path, mode, from: `${root}${path}` })),
    open,
    fifos: [...new Set([...sorted.fifos, ...beside.fifos])],
    folders: [...new Set([...sorted.folders, ...beside.folders, ...sorted.fifos.map(dirname)])],
    remaps: sorted.open.map(({ path }) => path).filter(path => /\/link_remap\.\d+$/.test(path)),
  }
}

function isBelow(path: string, folder: string): boolean {
  return folder !== '' && path.startsWith(`${folder}/`)
}

async function readImages(folder: string): Promise<Map<string, Buffer>> {
  const names = (await readdir(folder)).filter(name => /^(files|mm-\d+|fdinfo-\d+|remap-fpath)\.img$/.test(name))
  const images = await Promise.all(names.map(async name => [name, await readFile(join(folder, name))] as const))
  return new Map(images)
}

interface ScratchFiles {
  files: { path: string; bytes: number; mode: number }[]
  fifos: string[]
  folders: string[]
}

/** What lies in the session's own folder belongs to it, also where no process has it open just now. */
async function scratchFiles(folder: string, name: string): Promise<ScratchFiles> {
  const found: ScratchFiles = { files: [], fifos: [], folders: [] }
  if (name === '') return found
  let total = 0
  const entries = await readdir(folder, { recursive: true }).catch(() => [])
  found.folders.push(name)
  for (const entry of entries) {
    const info = await lstat(join(folder, entry)).catch(() => undefined)
    const path = join(name, entry)
    if (info?.isDirectory()) found.folders.push(path)
    else if (info?.isFIFO()) found.fifos.push(path)
    else if (info?.isFile() && total + info.size <= mostScratchBytes) {
      total += info.size
      found.files.push({ path, bytes: info.size, mode: info.mode })
    }
  }
  return found
}

export async function removeRemaps({ remaps }: SavedFiles, root: string): Promise<void> {
  for (const path of remaps) await rm(`${root}${path}`, { force: true })
}
