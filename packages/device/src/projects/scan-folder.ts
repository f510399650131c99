/** What stands in a project folder now: its notebooks with their stamps, and its folders, for the watcher. Follows no link. */

import type { Dirent } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { normalPath } from '@meshbook/core/tree.ts'
import { IgnoreRules } from './ignore-rules.ts'
import { type FileStamp, stampOf } from './notebook-file.ts'
import { codeOf } from './safe-join.ts'

export interface Scan {
  /** By path relative to the root. */
  notebooks: Map<string, FileStamp>
  /** Absolute paths of the root and every folder below it that is not ignored. */
  folders: string[]
  /** Paths that look like notebooks but cannot be taken, and why. */
  refused: Map<string, MeshError>
}

export interface ScanCaps {
  documents: number
  folders: number
}

export function isNotebookPath(path: string): boolean {
  return /\.(?:md|qmd)$/i.test(path)
}

export async function scanFolder(root: string, caps: ScanCaps): Promise<Scan> {
  const scan: Scan = { notebooks: new Map(), folders: [], refused: new Map() }
  const waiting = [{ path: '', rules: await IgnoreRules.atRoot(root) }]
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { path, rules } = next
    const entries = await entriesOf(join(root, path))
    if (!entries) continue
    scan.folders.push(join(root, path))
    for (const entry of entries) {
      const inner = path === '' ? entry.name : `${path}/${entry.name}`
      if (entry.isDirectory() && !rules.ignores(`${inner}/`)) {
        if (scan.folders.length + waiting.length >= caps.folders)
          throw new MeshError('TOO_MANY', {
            detail: `${root} has more than ${caps.folders} folders; list some in .gitignore`,
          })
        waiting.push({ path: inner, rules: await rules.within(root, inner) })
      } else if (!entry.isDirectory() && isNotebookPath(entry.name) && !rules.ignores(inner))
        await addNotebook(scan, root, inner, caps)
    }
  }
  return scan
}

/** Undefined for a folder that has just vanished or may not be read. */
async function entriesOf(folder: string): Promise<Dirent[] | undefined> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (thrown) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes(codeOf(thrown) ?? '')) return undefined
    throw thrown
  }
}

async function addNotebook(scan: Scan, root: string, path: string, caps: ScanCaps): Promise<void> {
  const normal = normalPath(path)
  // macOS finds a file by either form of an accent, so there the name that all devices agree on is good enough.
  if (normal === undefined || (normal !== path && process.platform !== 'darwin'))
    scan.refused.set(path, new MeshError('BAD_PATH', { detail: JSON.stringify(path) }))
  else {
    const stat = await lstat(join(root, path), { bigint: true }).catch(() => undefined)
    if (!stat) return
    if (!stat.isFile())
      scan.refused.set(path, new MeshError('BAD_PATH', { detail: `${path} is a link or not a regular file` }))
    else if (scan.notebooks.size >= caps.documents)
      throw new MeshError('TOO_MANY', { detail: `${root} has more than ${caps.documents} notebooks` })
    else scan.notebooks.set(normal, stampOf(stat))
  }
}
