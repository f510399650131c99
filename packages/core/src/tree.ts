/** The file tree as every peer reads it: pure, so that hub and devices give each document the same path. */

import { MeshError } from './errors.ts'
import type { TreeEntry } from './executions.ts'
import { type AssetId, type DocumentId, isAssetId, isId } from './ids.ts'
import { limits } from './limits.ts'

/**
 * A path inside a project: relative, `/` between segments, NFC, no `.`, `..`, empty or over-long segment, no control
 * character and none that Windows forbids. Returns undefined for anything else (S11).
 */
export function normalPath(text: unknown): string | undefined {
  if (typeof text !== 'string') return undefined
  const path = text.normalize('NFC')
  const bytes = new TextEncoder().encode(path).length
  if (bytes === 0 || bytes > limits.pathBytes) return undefined
  return path.split('/').every(isSegment) ? path : undefined
}

/** The path of a document as somebody asks for it; BAD_PATH for what is none. `.meshbook/` is the system's own. */
export function checkedPath(text: string): string {
  const path = normalPath(text)
  if (path === undefined || path.toLowerCase().startsWith('.meshbook/'))
    throw new MeshError('BAD_PATH', { detail: text.slice(0, 100) })
  return path
}

const forbidden = /[\u0000-\u001f\u007f\\:*?"<>|\u202a-\u202e\u2066-\u2069\ufeff]|[ .]$/
const windowsDevice = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i
const encoder = new TextEncoder()

function isSegment(segment: string): boolean {
  const length = encoder.encode(segment).length
  return (
    length > 0 &&
    length <= limits.pathSegmentBytes &&
    segment !== '.' &&
    segment !== '..' &&
    !forbidden.test(segment) &&
    !windowsDevice.test(segment) &&
    segment.isWellFormed()
  )
}

/**
 * Path of every live document of a tree. Two documents that want one path (also when they differ only in case, which
 * many file systems do not keep apart) both stay: the older id keeps it, the others get ` (2)`, ` (3)` … before the ending.
 */
export function resolveTree(entries: Iterable<[string, TreeEntry]>): Map<DocumentId, string> {
  const live: [DocumentId, string][] = []
  for (const [id, entry] of entries) {
    const path = normalPath(entry.path)
    if (isId('document', id) && path && entry.deletedAt === undefined) live.push([id, path])
  }
  live.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const taken = new Set<string>()
  const numbers = new Map<string, number>()
  const paths = new Map<DocumentId, string>()
  for (const [id, wanted] of live) {
    const path = freePath(wanted, taken, numbers)
    taken.add(path.toLowerCase())
    paths.set(id, path)
  }
  return paths
}

/** `numbers` keeps how far each name was counted, so that thousands that want one name need no more than one look each. */
function freePath(wanted: string, taken: Set<string>, numbers: Map<string, number>): string {
  const key = wanted.toLowerCase()
  if (!taken.has(key)) return wanted
  const dot = wanted.lastIndexOf('.')
  const split = dot > wanted.lastIndexOf('/') + 1 ? dot : wanted.length
  for (let n = numbers.get(key) ?? 2; ; n++) {
    const path = `${wanted.slice(0, split)} (${n})${wanted.slice(split)}`
    if (taken.has(path.toLowerCase())) continue
    numbers.set(key, n + 1)
    return path
  }
}

/** A live entry that stands for a file which is no document. */
export interface TreeAsset {
  asset: AssetId
  bytes: number
  /** The device that wrote the entry. */
  by: string
  at: number
}

/** Undefined for anything that no device may make a file of; who writes a tree may write anything into it. */
export function assetIn(entry: TreeEntry | undefined): TreeAsset | undefined {
  if (entry?.kind !== 'asset' || entry.deletedAt !== undefined || !isAssetId(entry.asset)) return undefined
  const { asset, bytes, by, at } = entry
  if (!Number.isSafeInteger(bytes) || bytes! < 0 || bytes! > limits.assetBytes) return undefined
  return {
    asset,
    bytes: bytes!,
    by: typeof by === 'string' ? by.slice(0, limits.nameChars) : '',
    at: Number.isSafeInteger(at) && at! >= 0 ? at! : 0,
  }
}
