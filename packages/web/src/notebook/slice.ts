/**
 * An editor over one slice of a longer text. Editors count a line ending as one unit; the text may use CRLF, and its
 * fences must stay longer than what the code holds. Pure: turns edits of the editor into edits of the text, and
 * changes of the text into changes of the editor.
 */
import type { CellBlock } from '@meshbook/core/notebook/cells.ts'
import { closes } from '@meshbook/core/notebook/markdown.ts'
import type { TextReader } from '@meshbook/core/text/long-text.ts'
import { applyChanges, type Change, diffOf } from '@meshbook/core/text/text-delta.ts'

export interface Slice {
  from: number
  to: number
}

/** What the editor shows of a slice. */
export function plainOf(text: TextReader, slice: Slice): string {
  const raw = text.slice(slice.from, slice.to)
  return raw.includes('\r') ? raw.replace(/\r\n?/g, '\n') : raw
}

/** Changes of the text for changes of an editor that shows `slice`, in ascending order, none overlapping. */
export function toTextChanges(text: TextReader, slice: Slice, changes: readonly Change[], eol: string): Change[] {
  const raw = text.slice(slice.from, slice.to)
  const place = raw.includes('\r') ? placesOf(raw) : undefined
  return changes.map(({ from, to, insert }) => ({
    from: slice.from + (place ? place[from]! : from),
    to: slice.from + (place ? place[to]! : to),
    insert: eol === '\n' ? insert : insert.replaceAll('\n', eol),
  }))
}

/** For each offset of the shown text, the offset in the raw slice. */
function placesOf(raw: string): number[] {
  const places: number[] = []
  for (let at = 0; at < raw.length; at++) {
    places.push(at)
    if (raw[at] === '\r' && raw[at + 1] === '\n') at++
  }
  places.push(raw.length)
  return places
}

/** The changes for an edit of a cell's code: with a line ending where there was no line, and longer fences if needed. */
export function cellTextChanges(text: TextReader, cell: CellBlock, changes: readonly Change[]): Change[] {
  const slice = { from: cell.codeFrom, to: cell.codeTo }
  const eol = cell.fence.eol || '\n'
  const inside = toTextChanges(text, slice, changes, eol)
  if (needsLine(text, cell)) appendTo(inside, cell.codeTo, eol)
  const code = applyChanges(plainOf(text, slice), changes)
  const length = fenceLength(code, cell)
  return length > cell.fence.length ? withFences(text, cell, inside, length) : inside
}

/** A cell without any line: its closing fence begins where the code is to stand. */
function needsLine(text: TextReader, cell: CellBlock): boolean {
  return cell.fence.closed && cell.codeFrom === cell.codeTo && !/[\r\n]/.test(text.slice(cell.codeTo, cell.codeTo + 1))
}

function appendTo(changes: Change[], at: number, insert: string): void {
  const last = changes.at(-1)
  if (last) last.insert += insert
  else changes.push({ from: at, to: at, insert })
}

/** How long the fence must be so that no line of the code closes it (S1 for code). */
function fenceLength(code: string, { fence }: CellBlock): number {
  const closing = code.split('\n').filter(line => closes(line, fence))
  return Math.max(fence.length, ...closing.map(line => line.trim().length + 1))
}

function withFences(text: TextReader, cell: CellBlock, inside: Change[], length: number): Change[] {
  const { fence, from, to, codeTo } = cell
  const more = fence.char.repeat(length - fence.length)
  const open = from + fence.indent
  const outside: Change[] = [{ from: open, to: open, insert: more }, ...inside]
  if (!fence.closed) return outside
  const found = text.slice(codeTo, to).indexOf(fence.char.repeat(fence.length))
  const close = codeTo + found
  return found >= 0 ? [...outside, { from: close, to: close, insert: more }] : outside
}

/**
 * Changes for an editor that shows `before` and is to show `after`. Changes of the text that lie wholly inside its
 * slice are passed on one by one, which keeps cursors between them in place; anything else becomes one difference.
 */
export function toEditorChanges(before: string, after: string, slice: Slice, changes: readonly Change[]): Change[] {
  if (before === after) return []
  const inside = changes.filter(change => change.to >= slice.from && change.from <= slice.to)
  const whole = inside.every(change => change.from >= slice.from && change.to <= slice.to)
  if (whole) {
    const own = inside.map(({ from, to, insert }) => ({ from: from - slice.from, to: to - slice.from, insert }))
    if (applyChanges(before, own) === after) return own
  }
  const change = diffOf(before, after)
  return change ? [change] : []
}
