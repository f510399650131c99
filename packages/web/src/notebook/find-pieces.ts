/** What of a notebook is looked through, and what a replacement does to its text. Pure. */

import { applyChanges, type Change } from '@meshbook/core/text/text-delta.ts'
import type { Found } from './find-text.ts'
import type { Page } from './items.ts'
import { isContained } from './page-edits.ts'
import { proseSlice } from './prose-slice.ts'
import { cellTextChanges, plainOf, type Slice, toTextChanges } from './slice.ts'

export interface Piece {
  key: string
  part: 'code' | 'prose' | 'output'
  text: string
  slice: Slice
  /** Of an output. */
  run?: string
}

export function piecesOf(page: Page): Piece[] {
  return page.items.flatMap(item => {
    const piece = (part: Piece['part'], slice: Slice): Piece => ({
      key: item.key,
      part,
      text: plainOf(page.text, slice),
      slice,
    })
    const output = ({ runId, textFrom, textTo }: { runId: string; textFrom: number; textTo: number }) => ({
      ...piece('output', { from: textFrom, to: textTo }),
      run: runId,
    })
    if (item.kind === 'cell')
      return [piece('code', { from: item.cell.codeFrom, to: item.cell.codeTo }), ...item.outputs.map(output)]
    if (item.kind === 'output') return [output(item.output)]
    const slice = item.kind === 'prose' ? proseSlice(item, page.text) : undefined
    return slice ? [piece('prose', slice)] : []
  })
}

export interface Replacement {
  changes: Change[]
  /** How many places change, and how many of prose were left because they would swallow what follows (NB22). */
  replaced: number
  left: number
}

/** `found` are places of `pieces`, which are those of `page` as it is now. */
export function replacementOf(page: Page, pieces: readonly Piece[], found: readonly Found[]): Replacement {
  const all: Replacement = { changes: [], replaced: 0, left: 0 }
  for (const [at, piece] of pieces.entries()) {
    const edits = found.flatMap(({ piece: of, from, to, insert }) =>
      of === at && insert !== undefined ? [{ from, to, insert }] : [],
    )
    const changes = edits.length > 0 ? changesIn(page, piece, edits) : []
    if (changes === undefined) all.left += edits.length
    else if (piece.part !== 'output') {
      all.changes.push(...changes)
      all.replaced += edits.length
    }
  }
  return all
}

function changesIn(page: Page, piece: Piece, edits: Change[]): Change[] | undefined {
  const item = page.items.find(({ key }) => key === piece.key)
  if (piece.part === 'code' && item?.kind === 'cell') return cellTextChanges(page.text, item.cell, edits)
  if (piece.part === 'output') return []
  const after = applyChanges(piece.text, edits)
  if (!isContained(after)) return undefined
  const eol = page.text.includes('\r\n') ? '\r\n' : '\n'
  return toTextChanges(page.text, piece.slice, edits, eol)
}
