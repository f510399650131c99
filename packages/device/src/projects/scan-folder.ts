/** What stands in a project folder now: its notebooks with their stamps, and its folders, for the watcher. Follows no link. */
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DocumentId } from '@meshbook/core/ids.ts'
import { normalPath } from '@meshbook/core/tree.ts'
import { isAssetPath, isNotebookPath } from './asset-entry.ts'
import type { Disk, FileStamp } from './disk.ts'
import { DiskNames, type FoundFile, nameFiles } from './disk-names.ts'
import { IgnoreRules } from './ignore-rules.ts'
import { type Arrival, type Leftover, parseArrival, parseLeftover } from './leftovers.ts'
import { sideBySide } from './side-by-side.ts'

export interface Scan {
  /** By path of the tree. */
  notebooks: Map<string, FileStamp>
  /** How the disk spells the paths of the tree, also of folders that it spells otherwise. */
  spelled: Map<string, string>
  /** Absolute paths of the root and every folder below it that is not ignored. */
  folders: string[]
  /** The same for files that are no notebooks and may be shared. */
  files: Map<string, FileStamp>
  /** There are more of them than may be looked at. */
  hasMoreFiles: boolean
  /** What a crash left of files that were on their way in. */
  arrivals: Arrival[]
  /** Paths that look like notebooks but cannot be taken, and why. */
  refused: Map<string, MeshError>
  /** What a crash left of writes, by document. */
  leftovers: Map<DocumentId, Leftover[]>
}

export interface ScanCaps {
  documents: number
  folders: number
  /** Files that are no notebooks; none are looked at where this is 0. */
  files: number
}

const looksAtOnce = 16

interface Collected extends Scan {
  found: FoundFile[]
}

/** `known`: files that have a document, with their inodes; `names`: how they were spelled when last seen. */
export async function scanFolder(
  disk: Disk,
  root: string,
  caps: ScanCaps,
  known: ReadonlyMap<string, string | null> = new Map(),
  names = new DiskNames(),
): Promise<Scan> {
  const scan = await collect(disk, root, caps)
  const { files, refused } = nameFiles(scan.found, known, names)
  for (const [path, { name, stamp }] of files) {
    scan.notebooks.set(path, stamp)
    scan.spelled.set(path, name)
  }
  for (const [path, error] of refused) scan.refused.set(path, error)
  return scan
}

async function collect(disk: Disk, root: string, caps: ScanCaps): Promise<Collected> {
  const scan: Collected = {
    notebooks: new Map(),
    spelled: new Map(),
    folders: [],
    refused: new Map(),
    leftovers: new Map(),
    found: [],
    ...noFiles(),
  }
  const waiting = [{ path: '', rules: await IgnoreRules.atRoot(disk, root) }]
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { path, rules } = next
    const entries = await disk.list(join(root, path))
    if (!entries) continue
    addFolder(scan, root, path)
    const others: string[] = []
    for (const entry of entries) {
      const inner = path === '' ? entry.name : `${path}/${entry.name}`
      const isFolder = entry.kind === 'folder'
      if (isFolder && !rules.ignores(`${inner}/`)) {
        if (scan.folders.length + waiting.length >= caps.folders)
          throw new MeshError('TOO_MANY', {
            detail: `${root} has more than ${caps.folders} folders; list some in .gitignore`,
          })
        waiting.push({ path: inner, rules: await rules.within(root, inner) })
      } else if (!isFolder && isNotebookPath(entry.name) && !rules.ignores(inner))
        await addNotebook(disk, scan, root, inner, caps)
      else if (entry.name.startsWith('.meshbook-')) addLeftover(scan, join(root, path), entry.name)
      else if (entry.kind === 'file' && caps.files > 0 && !rules.ignores(inner)) others.push(inner)
    }
    await sideBySide(others, looksAtOnce, inner => addFile(disk, scan, root, inner, caps))
  }
  return scan
}

const noFiles = (): Pick<Scan, 'files' | 'hasMoreFiles' | 'arrivals'> => ({
  files: new Map(),
  hasMoreFiles: false,
  arrivals: [],
})

/** A name that not every device can have stays local. */
async function addFile(disk: Disk, scan: Scan, root: string, path: string, caps: ScanCaps): Promise<void> {
  const normal = normalPath(path)
  if (normal === undefined || (normal !== path && process.platform !== 'darwin') || !isAssetPath(normal, 0)) return
  if (scan.hasMoreFiles) return
  const found = await disk.look(join(root, path)).catch(() => undefined)
  if (found?.kind !== 'file') return
  if (scan.files.size >= caps.files) scan.hasMoreFiles = true
  else scan.files.set(normal, found.stamp)
}

/** Of two spellings of one folder the one in NFC gets what is new; the files of both are known by their own. */
function addFolder(scan: Scan, root: string, path: string): void {
  scan.folders.push(join(root, path))
  const normal = path.normalize('NFC')
  if (path === normal) scan.spelled.set(path, path)
  else if (!scan.spelled.has(normal)) scan.spelled.set(normal, path)
}

function addLeftover(scan: Scan, folder: string, name: string): void {
  const found = parseLeftover(folder, name)
  const arrival = parseArrival(folder, name)
  if (arrival) scan.arrivals.push(arrival)
  if (!found) return
  const known = scan.leftovers.get(found.document)
  if (known) known.push(found.leftover)
  else scan.leftovers.set(found.document, [found.leftover])
}

async function addNotebook(disk: Disk, scan: Collected, root: string, path: string, caps: ScanCaps): Promise<void> {
  const found = await disk.look(join(root, path)).catch(() => undefined)
  if (!found) return
  if (found.kind !== 'file')
    scan.refused.set(path, new MeshError('BAD_PATH', { detail: `${path} is a link or not a regular file` }))
  else if (scan.found.length >= caps.documents)
    throw new MeshError('TOO_MANY', { detail: `${root} has more than ${caps.documents} notebooks` })
  else scan.found.push({ name: path, stamp: found.stamp })
}
