/** A difference as it is shown: changed lines with their surroundings, long unchanged parts folded, cells by name. Pure. */
import { type LineBlock, lineBlocks } from '@meshbook/core/history/line-blocks.ts'
import { type DiffRow, diffRows } from '@meshbook/core/history/line-diff.ts'

export interface ShownRow extends DiffRow {
  block: LineBlock['kind']
  /** What the row is part of: a cell by its number, its output, or text. */
  title: string
  /** Said above the row where such a part begins, or goes on after a fold. */
  heading: string
}
export type Part = { kind: 'rows'; rows: ShownRow[] } | { kind: 'fold'; at: number; rows: ShownRow[] }

const context = 3
/** Fewer unchanged lines than this are shown rather than folded. */
const leastFolded = 4

export function shownRows(before: string, after: string): ShownRow[] {
  const [old, now] = [lineBlocks(before), lineBlocks(after)]
  let last: LineBlock | undefined
  return diffRows(before, after).map(row => {
    const block = row.after > 0 ? now[row.after - 1]! : old[row.before - 1]!
    const title = headingOf(block)
    const heading = sameCell(block, last) ? '' : title
    last = block
    return { ...row, block: block.kind, title, heading }
  })
}

function sameCell(a: LineBlock, b: LineBlock | undefined): boolean {
  return a.kind === b?.kind && a.cell === b.cell && a.language === b.language
}

function headingOf({ kind, cell, language }: LineBlock): string {
  if (kind === 'cell') return `Cell ${cell} · ${language}`
  if (kind === 'output') return 'Output'
  return kind === 'front-matter' ? 'Front matter' : 'Text'
}

export function foldRows(rows: readonly ShownRow[]): Part[] {
  const near = new Uint8Array(rows.length)
  for (const [i, row] of rows.entries())
    if (row.kind !== 'same') near.fill(1, Math.max(0, i - context), Math.min(rows.length, i + context + 1))
  const parts: Part[] = []
  for (let from = 0; from < rows.length; ) {
    let to = from + 1
    while (to < rows.length && near[to] === near[from]) to++
    const slice = rows.slice(from, to)
    const last = parts.at(-1)
    if (near[from] === 0 && slice.length >= leastFolded) parts.push({ kind: 'fold', at: from, rows: slice })
    else if (last?.kind === 'rows') last.rows.push(...slice)
    else parts.push({ kind: 'rows', rows: [{ ...slice[0]!, heading: slice[0]!.title }, ...slice.slice(1)] })
    from = to
  }
  return parts
}
