/**
 * The output block of one run in a document's text: found by its relative position and run id, made after its cell,
 * filled as output comes. Cells are found by anchor, never by searching for text. Must be called inside a transaction.
 */
import type { RunId } from '@meshbook/core/ids.ts'
import type { CellRef } from '@meshbook/core/messages.ts'
import { type CellBlock, cellAt, cellsOf, type Notebook, type OutputBlock } from '@meshbook/core/notebook/cells.ts'
import { type ImageRef, planOutputInsert, planOutputUpdate } from '@meshbook/core/notebook/output.ts'
import { applyToText } from '@meshbook/relay/text-rebase.ts'
import * as Y from 'yjs'
import { contentOf, readingOf } from './notebook-reading.ts'

/** The block of this run. Where the text holds several of the same id (somebody copied one), the position decides. */
export function findOutput(doc: Y.Doc, run: RunId, position: unknown): OutputBlock | undefined {
  return findIn(doc, readingOf(doc).notebook, run, position)
}

function findIn(doc: Y.Doc, notebook: Notebook, run: RunId, position: unknown): OutputBlock | undefined {
  const blocks = notebook.blocks.filter(block => block.kind === 'output' && block.runId === run) as OutputBlock[]
  const at = offsetOf(doc, position)
  return blocks.find(block => at !== undefined && block.from <= at && at <= block.fenceTo) ?? blocks[0]
}

/** Whether the text holds several blocks of this run. */
export function hasTwins(doc: Y.Doc, run: RunId): boolean {
  return readingOf(doc).notebook.blocks.filter(it => it.kind === 'output' && it.runId === run).length > 1
}

/** Requester and monitor may both have made the block: of several the empty ones go (HM4). */
export function dropEmptyTwins(doc: Y.Doc, run: RunId): void {
  const { blocks: all } = readingOf(doc).notebook
  const blocks = all.filter(it => it.kind === 'output' && it.runId === run) as OutputBlock[]
  if (blocks.length < 2) return
  const empty = blocks.filter(({ text, images }) => text === '' && images.length === 0)
  const twins = empty.length === blocks.length ? empty.slice(1) : empty
  for (const { from, to } of twins.reverse()) applyToText(contentOf(doc), [{ at: from, remove: to - from, insert: '' }])
}

/** Makes an empty block after the cell, in the place of the cell's old output. Returns its position, if there is such a cell. */
export function makeOutput(
  doc: Y.Doc,
  run: RunId,
  cell: CellRef | undefined,
  code: string,
): Record<string, unknown> | undefined {
  const content = contentOf(doc)
  const { text, notebook } = readingOf(doc)
  const block = cell && findCell(doc, notebook, cell, code)
  if (!block) return undefined
  const { at, remove, insert, textOffset } = planOutputInsert(text, block, run)
  applyToText(content, [{ at, remove, insert }])
  return positionAt(content, textOffset)
}

export function positionAt(text: Y.Text, offset: number): Record<string, unknown> {
  return Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(text, offset)) as Record<string, unknown>
}

/** Makes text and images the content of the block, with as little change as possible. False if the block is gone. */
export function updateOutput(
  doc: Y.Doc,
  run: RunId,
  position: unknown,
  text: string,
  images: readonly ImageRef[],
): boolean {
  const { text: current, notebook } = readingOf(doc)
  const block = findIn(doc, notebook, run, position)
  if (!block) return false
  applyToText(contentOf(doc), planOutputUpdate(current, block, text, images))
  return true
}

/** The cell that is meant, also if the notebook has changed since the request; never one with other code at an anchor that is gone. */
export function findCell(doc: Y.Doc, notebook: Notebook, ref: CellRef, code: string): CellBlock | undefined {
  if (ref.by === 'index') {
    const cells = cellsOf(notebook)
    const meant = cells[ref.index]
    if (meant?.code === code) return meant
    return (
      cells
        .filter(cell => cell.code === code)
        .sort((a, b) => Math.abs(a.index - ref.index) - Math.abs(b.index - ref.index))[0] ?? meant
    )
  }
  const at = offsetOf(doc, ref.anchor)
  const cell = at === undefined ? undefined : cellAt(notebook, at)
  return cell && (cell.from === at || cell.code === code) ? cell : undefined
}

/** For a request that does not say which cell it is: the first with its code, if any. */
export function anchorByCode(doc: Y.Doc, code: string): Record<string, unknown> | undefined {
  const cell = cellsOf(readingOf(doc).notebook).find(each => each.code.trimEnd() === code.trimEnd())
  return cell && positionAt(contentOf(doc), cell.from)
}

export function hasCell(doc: Y.Doc, ref: CellRef, code: string): boolean {
  return findCell(doc, readingOf(doc).notebook, ref, code) !== undefined
}

/** What people call the cell, for tracebacks: `cell 3`, or just `cell` where it is not known. */
export function cellNameOf(doc: Y.Doc, ref: CellRef | undefined, code: string): string {
  const cell = ref && findCell(doc, readingOf(doc).notebook, ref, code)
  return cell ? `cell ${cell.index + 1}` : 'cell'
}

export function anchorOf(doc: Y.Doc, ref: CellRef | undefined, code: string): Record<string, unknown> | undefined {
  if (ref?.by === 'anchor') return ref.anchor
  const cell = ref && findCell(doc, readingOf(doc).notebook, ref, code)
  return cell && positionAt(contentOf(doc), cell.from)
}

/** Where a relative position from a stranger is now; undefined for one that is none or belongs elsewhere. */
function offsetOf(doc: Y.Doc, json: unknown): number | undefined {
  if (typeof json !== 'object' || json === null) return undefined
  try {
    const position = Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(json), doc)
    return position?.type === contentOf(doc) ? position.index : undefined
  } catch {
    return undefined
  }
}
