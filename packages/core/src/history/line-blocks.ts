/** What each line of a notebook belongs to, so that a difference can be shown with its cells. Pure. */
import { parseNotebook } from '../notebook/cells.ts'

export interface LineBlock {
  kind: 'prose' | 'cell' | 'output' | 'front-matter'
  /** Number of the cell, from 1; 0 outside of cells. */
  cell: number
  language: string
}

/** One entry for each line; lines of one block share theirs. */
export function lineBlocks(text: string): LineBlock[] {
  const result: LineBlock[] = []
  for (const block of parseNotebook(text).blocks) {
    const shared: LineBlock =
      block.kind === 'cell'
        ? { kind: 'cell', cell: block.index + 1, language: block.language }
        : { kind: block.kind, cell: 0, language: '' }
    for (let lines = countLines(text, block.from, block.to); lines > 0; lines--) result.push(shared)
  }
  return result
}

function countLines(text: string, from: number, to: number): number {
  let count = to > from && text[to - 1] !== '\n' ? 1 : 0
  for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) count++
  return count
}
