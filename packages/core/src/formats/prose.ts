/**
 * What stands between the cells of a document: Markdown cells, apart by marks, and cells that are held in a fence because
 * Markdown has no other form for them. A fence in a Markdown cell that a reader would take for one of ours gets a dot
 * before its info string, and loses it on the way back (FM12).
 */
import { cellKindOf } from '../notebook/cells.ts'
import { contentOf, isBlank, type Line, LineReader } from '../notebook/lines.ts'
import { closes, htmlEndOf, indentOf, isLazyText, listIndentOf, type Opening, openingOf } from '../notebook/markdown.ts'

/** Info strings of fences that hold a whole cell. */
export const heldKinds = ['markdown-cell', 'raw-cell', 'json-cell'] as const
export type HeldKind = (typeof heldKinds)[number]

/** Whether a fence with this info is a cell, an output or a held cell: what a Markdown cell must not hold as it is. */
function isTaken(info: string): boolean {
  if (/^output:|^\{code-cell\}/.test(info) || heldKinds.some(kind => info === kind || info.startsWith(`${kind} `)))
    return true
  return cellKindOf(info, undefined) !== undefined
}

export interface TopLine {
  line: Line
  content: string
  /** The fence that begins here, with where it ends. */
  fence?: Opening & { contentFrom: number; contentTo: number; to: number; closed: boolean }
}

/** The lines of Markdown that are neither inside a fence nor of an HTML block or list item; a fence is one line. */
export function* topLines(text: string): Generator<TopLine> {
  const lines = new LineReader(text)
  let htmlEnd: RegExp | undefined
  let listIndent: number | undefined
  let afterText = false
  for (let line = lines.next(); line; line = lines.next()) {
    const content = contentOf(text, line)
    if (htmlEnd) {
      if (htmlEnd.test(content)) htmlEnd = undefined
      continue
    }
    const blank = isBlank(content)
    if (listIndent !== undefined && (blank || goesOn(content, listIndent, afterText))) {
      afterText = !blank
      continue
    }
    const opening = openingOf(content)
    if (opening) {
      yield { line, content, fence: fenceFrom(lines, opening) }
      listIndent = undefined
      afterText = false
      continue
    }
    listIndent = listIndentOf(content)
    afterText = !blank
    const end = listIndent === undefined ? htmlEndOf(content) : undefined
    if (end && !end.test(content)) htmlEnd = end
    yield { line, content }
  }
}

function goesOn(content: string, listIndent: number, afterText: boolean): boolean {
  return indentOf(content) >= listIndent || (afterText && isLazyText(content) && listIndentOf(content) === undefined)
}

function fenceFrom(lines: LineReader, opening: Opening): NonNullable<TopLine['fence']> {
  const contentFrom = lines.at
  for (let line = lines.next(); line; line = lines.next())
    if (closes(contentOf(lines.text, line), opening))
      return { ...opening, contentFrom, contentTo: line.from, to: line.next, closed: true }
  const end = lines.text.length
  return { ...opening, contentFrom, contentTo: end, to: end, closed: false }
}

/** Markdown of a cell as it may stand in a document. */
export function withDots(source: string): string {
  return withInfos(source, info => (isTaken(info.replace(/^\.+/, '')) ? `.${info}` : info))
}

export function withoutDots(text: string): string {
  return withInfos(text, info => (info.startsWith('.') && isTaken(info.replace(/^\.+/, '')) ? info.slice(1) : info))
}

function withInfos(text: string, change: (info: string) => string): string {
  const parts: string[] = []
  let done = 0
  for (const { line, content, fence } of topLines(text)) {
    const changed = fence && change(fence.info)
    if (!fence || changed === undefined || changed === fence.info) continue
    const at = line.from + content.indexOf(fence.info, fence.indent + fence.length)
    parts.push(text.slice(done, at), changed)
    done = at + fence.info.length
  }
  parts.push(text.slice(done))
  return parts.join('')
}

export type ProsePart =
  /** Of a marked cell, `mark` is the text between `<!-- cell` and `-->`. */
  | { kind: 'text'; from: number; to: number; mark?: string; textFrom: number }
  | { kind: 'held'; from: number; to: number; held: HeldKind; note: string; content: string }

/** The cells of a stretch of prose. Each holds whole lines without blank ones around them; blank text is between them. */
export function prosePartsOf(text: string): ProsePart[] {
  const parts: ProsePart[] = []
  let open: { from: number; mark?: string; textFrom: number } = { from: 0, textFrom: 0 }
  const close = (to: number) => {
    const part = trimmed(text, open, to)
    if (part) parts.push(part)
  }
  for (const { line, content, fence } of topLines(text)) {
    const mark = /^<!-- cell(?: (\{.*\}))? -->$/.exec(content)
    const held = fence?.closed && fence.indent === 0 && heldOf(fence.info)
    if (mark) {
      close(line.from)
      open = { from: line.from, mark: mark[1] ?? '', textFrom: line.next }
    } else if (held) {
      close(line.from)
      const { contentFrom, contentTo, to } = fence
      const content = text.slice(contentFrom, contentTo).replace(/\n$/, '')
      parts.push({ kind: 'held', from: line.from, to, ...held, content })
      open = { from: to, textFrom: to }
    }
  }
  close(text.length)
  return parts
}

function heldOf(info: string): { held: HeldKind; note: string } | undefined {
  const held = heldKinds.find(kind => info === kind || info.startsWith(`${kind} `))
  return held && { held, note: info.slice(held.length).trim() }
}

/** A marked cell keeps the blank lines at its start; what has no mark and no text is no cell. */
function trimmed(
  text: string,
  open: { from: number; mark?: string; textFrom: number },
  end: number,
): ProsePart | undefined {
  let to = open.textFrom
  let from: number | undefined
  const lines = new LineReader(text, open.textFrom)
  for (let line = lines.next(); line && line.from < end; line = lines.next()) {
    if (isBlank(contentOf(text, line))) continue
    from ??= line.from
    to = line.next
  }
  if (open.mark !== undefined) return { kind: 'text', from: open.from, to, mark: open.mark, textFrom: open.textFrom }
  return from === undefined ? undefined : { kind: 'text', from, to, textFrom: from }
}
