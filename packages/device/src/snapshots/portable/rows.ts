/** How the files of a saved session are put together and cut, by their names and lengths alone. */
import type { SavedFile } from '@meshbook/kernels/wire/saved-folder.ts'
import { type Cutter, contentCutter, fixedCutter, type PieceSizes } from './cut.ts'
import { mostPieceBytes } from './listing.ts'

const KiB = 1024
const MiB = KiB * KiB
const GiB = KiB * MiB
/** Smaller files stand together. */
const ownRowBytes = 256 * KiB

export interface RowOfFiles {
  files: SavedFile[]
  /** How it is cut; with the hashes of its files that says which parts it has. */
  cut: string
  cutter(): Cutter
}

/** Pieces are larger where there is so much that there would be too many of them. */
export function pieceBytes(total: number): number {
  if (total <= 2 * GiB) return 256 * KiB
  if (total <= 8 * GiB) return MiB
  return total <= 32 * GiB ? 4 * MiB : mostPieceBytes
}

export const listingSizes: PieceSizes = { leastBytes: 4 * KiB, usualBytes: 16 * KiB, mostBytes: 64 * KiB }
const smallSizes: PieceSizes = { leastBytes: 8 * KiB, usualBytes: 32 * KiB, mostBytes: 256 * KiB }

/** Arrays (`.raw`) change in place; pickles, texts and what else there is may shift. */
export function rowsOf(files: readonly SavedFile[]): RowOfFiles[] {
  const usualBytes = pieceBytes(files.reduce((sum, { bytes }) => sum + bytes, 0))
  const contentSizes = { leastBytes: usualBytes / 4, usualBytes, mostBytes: Math.min(usualBytes * 4, mostPieceBytes) }
  const large = files.filter(({ bytes }) => bytes >= ownRowBytes)
  const small = files.filter(({ bytes }) => bytes < ownRowBytes)
  const rows = large.map(file =>
    file.name.endsWith('.raw')
      ? { files: [file], cut: `fixed ${usualBytes}`, cutter: () => fixedCutter(usualBytes) }
      : { files: [file], cut: `content ${usualBytes}`, cutter: () => contentCutter(contentSizes) },
  )
  return small.length === 0 ? rows : [...rows, { files: small, cut: 'small', cutter: () => contentCutter(smallSizes) }]
}
