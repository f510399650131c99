/** Renamed files: telling them from deleted and new ones, and following a rename that was made elsewhere. */

import { linesOf } from '@meshbook/core/text/edits.ts'
import type { Disk } from './disk.ts'
import type { DiskNames } from './disk-names.ts'
import { moveFile } from './notebook-file.ts'
import { safeJoin, safeJoinNew } from './safe-join.ts'
import type { Scan } from './scan-folder.ts'
import type { TrackedFile } from './tracked-file.ts'
import type { Trash } from './trash.ts'

/**
 * Pairs vanished files with unknown ones: the same text is the same file, and so is the same inode with much of the
 * same text (inodes are used again for unrelated files).
 */
export async function matchMoves(
  missing: readonly TrackedFile[],
  unknown: readonly string[],
  scan: Scan,
  textAt: (path: string) => Promise<string | undefined>,
): Promise<[TrackedFile, string][]> {
  if (unknown.length === 0) return []
  const left = new Map<TrackedFile, string>()
  for (const file of missing) left.set(file, await file.baseText())
  const pairs: [TrackedFile, string][] = []
  for (const path of unknown) {
    const text = await textAt(path).catch(() => undefined)
    if (text === undefined) continue
    const inode = scan.notebooks.get(path)?.inode
    const found =
      [...left].find(([, base]) => base === text && text.trim() !== '') ??
      [...left].find(([file, base]) => file.inode === inode && isSimilar(base, text))
    if (!found) continue
    left.delete(found[0])
    pairs.push([found[0], path])
  }
  return pairs
}

export function isSimilar(before: string, after: string): boolean {
  const kept = new Set(linesOf(after))
  const lines = linesOf(before).filter(line => line.trim() !== '')
  return lines.filter(line => kept.has(line)).length * 2 >= lines.length
}

interface MoveContext {
  disk: Disk
  root: string
  names: DiskNames
  /** The other document whose file stands at the new path. */
  inTheWay: TrackedFile | undefined
  trash: Trash
}

/** Moves the file of a document. Whatever stands at the new path goes out of the way, and none of it is lost. */
export async function moveTo(file: TrackedFile, path: string, context: MoveContext): Promise<void> {
  const { names, inTheWay } = context
  if (inTheWay) await stepAside(inTheWay, context)
  else if (!names.areOne(file.path, path)) await clear(path, context)
  await carry(file, path, context)
}

/** A file whose move could not be made durable, or stored, stands at its new path all the same: what comes to the old one is another. */
async function carry(file: TrackedFile, path: string, { disk, root, names }: MoveContext): Promise<void> {
  let failure: unknown
  await file.exclusively(async () => {
    const source = await safeJoin(disk, root, file.path, names)
    names.moved(file.path, path)
    const target = await safeJoinNew(disk, root, path, names)
    if (!file.exists || !(await disk.look(source))) return
    await moveFile(disk, source, target).catch(async thrown => {
      if ((await disk.look(source)) || !(await disk.look(target))) throw thrown
      failure = thrown
    })
  })
  await file.carried(path)
  if (failure) throw failure
}

async function clear(path: string, { disk, root, names, trash }: MoveContext): Promise<void> {
  const target = await safeJoinNew(disk, root, path, names)
  if (await disk.look(target)) await trash.move(target, { path })
}

/** Two documents that swap their paths: one goes to a name of its own first, from where its own move takes it. */
async function stepAside(file: TrackedFile, context: MoveContext): Promise<void> {
  await carry(file, file.path.replace(/(\.\w+)$/, ` (${file.id})$1`), context)
}
