/**
 * What a restored session is to see in the place of what is here: files of its closure that are others here, or missing,
 * and its project's folder where that is elsewhere. Made in its own mount namespace, so nobody else sees them. The only
 * things made outside of it are empty folders that something is mounted on.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, copyFile, mkdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ListedFile } from './image-plan.ts'
import { isFolder, type MadePaths, replace } from './made-paths.ts'

export type Mount =
  | { kind: 'bind'; from: string; to: string }
  | { kind: 'memory'; at: string }
  | { kind: 'layer'; with: string; at: string }
  | { kind: 'folder'; path: string }
  | { kind: 'file'; path: string }
  | { kind: 'last'; pid: number }

/** For `restore-init.pl`: fields end with a zero byte, mounts with two. */
export function mountList(mounts: readonly Mount[]): string {
  return mounts.map(mount => `${fieldsOf(mount).join('\0')}\0\0`).join('')
}

function fieldsOf(mount: Mount): string[] {
  switch (mount.kind) {
    case 'bind':
      return ['bind', mount.from, mount.to]
    case 'memory':
      return ['memory', mount.at]
    case 'layer':
      return ['layer', mount.with, mount.at]
    case 'folder':
    case 'file':
      return [mount.kind, mount.path]
    case 'last':
      return ['last', String(mount.pid)]
  }
}

/** Folders of the system, in which no session writes. */
const systemFolders = ['/usr', '/lib', '/lib64', '/lib32', '/bin', '/sbin', '/opt', '/etc', '/nix', '/snap']

export function isOfSystem(path: string): boolean {
  return systemFolders.some(folder => path.startsWith(`${folder}/`)) && !path.startsWith('/usr/local/share/meshbook')
}

export interface MountOptions {
  closureStore: string
  /** Of this restore alone. */
  work: string
  made: MadePaths
}

/** Names and modes of closure files: CRIU compares the mode too. */
export function closurePath(store: string, { sha256, mode }: Pick<ListedFile, 'sha256' | 'mode'>): string {
  return join(store, `${sha256}-${(mode & 0o7777).toString(8)}`)
}

/** Ahead of a start, which then finds what it compares compared already (SN21). */
export async function compareHere(closure: readonly ListedFile[]): Promise<void> {
  for (const file of closure) {
    const here = await stat(file.path).catch(() => undefined)
    if (here?.isFile() && here.size === file.bytes) await isSame(file)
  }
}

export async function closureMounts(closure: readonly ListedFile[], options: MountOptions): Promise<Mount[]> {
  const { closureStore, work, made } = options
  const others: ListedFile[] = []
  const missing: ListedFile[] = []
  for (const file of closure) {
    const here = await stat(file.path).catch(() => undefined)
    if (!here) missing.push(file)
    else if (!here.isFile() || here.size !== file.bytes || !(await isSame(file))) others.push(file)
  }
  const mounts = await missingMounts(missing, { closureStore, work, made })
  const binds = others.map(file => ({ kind: 'bind', from: closurePath(closureStore, file), to: file.path }) as const)
  return [...mounts, ...binds]
}

/**
 * Where a whole folder is missing an empty one is made and filled in memory; single files are laid over their folder. What
 * is mounted on a folder comes before what is mounted below it: a layer shows nothing of what lay there before.
 */
async function missingMounts(missing: readonly ListedFile[], options: MountOptions): Promise<Mount[]> {
  const { closureStore, made } = options
  const memories = new Map<string, ListedFile[]>()
  const layers = new Map<string, ListedFile[]>()
  const found = new Map<string, boolean>()
  for (const file of missing) {
    const first = await firstMissing(file.path, found)
    if (first !== file.path) addTo(memories, first, file)
    else if (isOfSystem(file.path)) addTo(layers, dirname(file.path), file)
    else await made.file(file.path, () => replace(file.path, closurePath(closureStore, file), file.mode))
  }
  for (const folder of [...memories.keys(), ...layers.keys()]) await made.folder(folder, 0o755)
  const covered = [...memories].map(([folder, files]): Mount[] => [
    { kind: 'memory', at: folder },
    ...files.flatMap(file => inMemory(folder, file, closureStore)),
  ])
  for (const [folder, files] of layers) covered.push([await layerOf(folder, files, options)])
  return fromAbove(covered)
}

/** Each begins with what covers a folder. */
export function fromAbove(covered: readonly (readonly Mount[])[]): Mount[] {
  const folderOf = ([first]: readonly Mount[]) => (first && 'at' in first ? first.at : '')
  return [...covered].sort((a, b) => (folderOf(a) < folderOf(b) ? -1 : 1)).flat()
}

function addTo(files: Map<string, ListedFile[]>, folder: string, file: ListedFile): void {
  files.set(folder, [...(files.get(folder) ?? []), file])
}

async function layerOf(folder: string, files: readonly ListedFile[], options: MountOptions): Promise<Mount> {
  const layer = join(options.work, 'layers', createHash('sha256').update(folder).digest('hex').slice(0, 16))
  await mkdir(layer, { recursive: true, mode: 0o755 })
  for (const file of files) {
    await copyFile(closurePath(options.closureStore, file), join(layer, basename(file.path)))
    await chmod(join(layer, basename(file.path)), file.mode & 0o7777)
  }
  return { kind: 'layer', with: layer, at: folder }
}

function inMemory(first: string, file: ListedFile, store: string): Mount[] {
  const mounts: Mount[] = []
  const names = dirname(file.path).slice(first.length).split('/').filter(Boolean)
  for (let depth = 1; depth <= names.length; depth++)
    mounts.push({ kind: 'folder', path: join(first, ...names.slice(0, depth)) })
  return [...mounts, { kind: 'file', path: file.path }, { kind: 'bind', from: closurePath(store, file), to: file.path }]
}

/**
 * The uppermost part of a path that is not there. `found` is what was seen of the folders so far: another session that is
 * restored at the same time may make one of them meanwhile, and what was decided of one file holds for the next.
 */
async function firstMissing(path: string, found: Map<string, boolean>): Promise<string> {
  const names = dirname(path).split('/').filter(Boolean)
  for (let depth = 1; depth <= names.length; depth++) {
    const folder = `/${names.slice(0, depth).join('/')}`
    const isThere = found.get(folder) ?? (await isFolder(folder))
    found.set(folder, isThere)
    if (!isThere) return folder
  }
  return path
}

/** By path and what changes with the content, for the life of this process. */
const known = new Map<string, string>()
const mostKnown = 20_000

async function isSame({ path, sha256, mode }: ListedFile): Promise<boolean> {
  const info = await stat(path, { bigint: true })
  if ((Number(info.mode) & 0o7777) !== (mode & 0o7777)) return false
  const key = [path, info.dev, info.ino, info.size, info.mtimeNs, info.ctimeNs].join('|')
  const hash = known.get(key) ?? (await hashOf(path))
  if (known.size >= mostKnown) known.clear()
  known.set(key, hash)
  return hash === sha256
}

export async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
