/** How the cell of a queued run stands in its document (PH23). Pure over Yjs. */
import { sharedNames } from '@meshbook/core/executions.ts'
import { type CellBlock, cellsOf, parseNotebook } from '@meshbook/core/notebook/cells.ts'
import * as Y from 'yjs'
import type { QueuedRun, Standing } from './queued-run.ts'

type Asked = Pick<QueuedRun, 'anchor' | 'code' | 'language'>

export function standingIn(doc: Y.Doc, run: Asked): Standing {
  const content = doc.getText(sharedNames.content)
  const place = placeOf(doc, content, run.anchor)
  const cell = place && cellFrom(cellsOf(parseNotebook(content.toString())), place.at)
  if (!cell) return { is: 'gone' }
  if (cell.code === run.code && cell.language === run.language) return { is: 'same' }
  // Where the cell was, another one begins now.
  return place.isDeleted ? { is: 'gone' } : { is: 'changed', code: cell.code }
}

const cellFrom = (cells: readonly CellBlock[], at: number): CellBlock | undefined =>
  cells.find(({ from, to }) => from <= at && at < to)

function placeOf(doc: Y.Doc, content: Y.Text, anchor: unknown): { at: number; isDeleted: boolean } | undefined {
  try {
    const relative = Y.createRelativePositionFromJSON(anchor)
    const absolute = Y.createAbsolutePositionFromRelativePosition(relative, doc)
    if (absolute?.type !== content) return undefined
    const item = relative.item && Y.getItem(doc.store, relative.item)
    return { at: absolute.index, isDeleted: item instanceof Y.Item && item.deleted }
  } catch {
    // What is not here, or no position at all, is nowhere.
    return undefined
  }
}
