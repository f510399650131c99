/** Entries of the tree that stand for files which are no documents: what they say, pure. */
import type { TreeEntry } from '@meshbook/core/executions.ts'
import type { AssetId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { assetIn } from '@meshbook/core/tree.ts'
import { isShared } from './ignore-rules.ts'

export interface AssetEntry {
  path: string
  asset: AssetId
  bytes: number
  /** The device that wrote the entry. */
  by: string
  at: number
  /** What the entry held before, newest last. */
  past: string[]
}

/** `wanted` is the path in the entry, `path` where the file belongs: several entries may want one path. */
export interface PlacedAsset extends AssetEntry {
  wanted: string
}

/** Former contents that an entry names. A conflict copy too many is all that comes of fewer. */
const mostPast = 16
/** Not the whole name, so that an entry keeps none of its former contents at the hub. */
const digestChars = 24

export const shortOf = (asset: AssetId): string => asset.slice('sha256-'.length, 'sha256-'.length + digestChars)

/** Undefined for anything that no device may make a file of. */
export function assetEntryOf(entry: TreeEntry): AssetEntry | undefined {
  const { path, past = [] } = entry
  const held = assetIn(entry)
  return held && { path, ...held, past: past.slice(-mostPast) }
}

/** Whether a file of this name and size is shared as an asset. */
export function isAssetPath(path: string, bytes: number | bigint): boolean {
  if (path.split('/').some(part => part.startsWith('.')) || !isShared(path)) return false
  return !isNotebookPath(path) || bytes > limits.fileBytes
}

export function isNotebookPath(path: string): boolean {
  return /\.(?:md|qmd)$/i.test(path)
}

/** The next content of an entry. */
export function pastOf(before: AssetEntry): string[] {
  return [...before.past, shortOf(before.asset)].slice(-mostPast)
}

/** Whether the entry holds this content or one that came after it. */
export function knows({ asset, past }: AssetEntry, content: AssetId): boolean {
  return asset === content || past.includes(shortOf(content))
}

const conflictMark = / \(conflict \d{4}-\d\d-\d\d [^/()]*\)/

/** `n` tells copies of one day from each other, from 2 on. */
export function conflictPath(path: string, at: number, device: string, n = 1): string {
  const dot = path.lastIndexOf('.')
  const split = dot > path.lastIndexOf('/') + 1 ? dot : path.length
  const day = new Date(Number.isFinite(at) && Math.abs(at) < 8e15 ? at : 0).toISOString().slice(0, 10)
  const name = device.replace(/[^\p{L}\p{N} _-]/gu, '').slice(0, 40) || 'device'
  const stem = path.slice(0, split).replace(conflictMark, '')
  return `${stem} (conflict ${day} ${name}${n > 1 ? ` ${n}` : ''})${path.slice(split)}`
}

/** Whether one path is that of a conflict copy of the other. */
export function isConflictOf(copy: string, path: string): boolean {
  return copy !== path && conflictMark.test(copy) && copy.replace(conflictMark, '') === path.replace(conflictMark, '')
}
