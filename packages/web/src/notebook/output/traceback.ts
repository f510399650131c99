/**
 * A traceback as frames (OU9): those of cells of this notebook, which are shown, and those of libraries, which are
 * folded. Reads what Python, IPython and JavaScript write; other text is one piece. Pure.
 */

export interface TraceFrame {
  /** The lines of it, with their colours. */
  text: string
  /** The cell that it is in, counted from 1 where that is known, its line there, and what stands there. */
  cell: { number: number | undefined; line: number; code: string } | undefined
}

export type TracePart =
  | { kind: 'text'; text: string }
  | { kind: 'cell'; frame: TraceFrame }
  | { kind: 'library'; frames: TraceFrame[] }

const colours = /\u001b\[[0-9;:]*m/g
const bare = (line: string): string => line.replace(colours, '')

const heads = [
  /^\s*File "(?<place>.+?)", line (?<line>\d+)/,
  /^\s*(?:File|Cell|Input) (?<place>.+?)(?:, line |:)(?<line>\d+)/,
  /^\s+at (?:.*\()?(?<place>[^()]+?):(?<line>\d+)(?::\d+)?\)?$/,
]
const ownCell = /^<?cell (\d+)(?:, version \d+)?>?$/
/** IPython counts executions, not cells. */
const countedCell = /^In ?\[\d+\]$/

export function partsOfTraceback(lines: readonly string[]): TracePart[] {
  const all = lines.flatMap(line => line.split('\n'))
  const parts: TracePart[] = []
  for (let at = 0; at < all.length; ) {
    const end = endOf(all, at)
    if (headOf(all[at]!)) addFrame(parts, frameOf(all.slice(at, end)))
    else addText(parts, all.slice(at, end).join('\n'))
    at = end
  }
  return parts
}

function headOf(line: string): { place: string; line: number } | undefined {
  const text = bare(line)
  for (const head of heads) {
    const groups = head.exec(text)?.groups
    if (groups) return { place: groups.place!, line: Number(groups.line) }
  }
  return undefined
}

/** A frame goes on over the lines that are set in, as far as the next frame; IPython's over lines of code as well. */
function endOf(lines: readonly string[], from: number): number {
  const isFrame = headOf(lines[from]!) !== undefined
  let at = from + 1
  while (at < lines.length && headOf(lines[at]!) === undefined) {
    const text = bare(lines[at]!)
    if (isFrame && text.trim() !== '' && !/^\s|^-+>/.test(text)) break
    at++
  }
  return at
}

function frameOf(lines: readonly string[]): TraceFrame {
  const head = headOf(lines[0]!)!
  const number = ownCell.exec(head.place)?.[1]
  const text = lines.join('\n').replace(/\n+$/, '')
  if (number === undefined && !countedCell.test(head.place)) return { text, cell: undefined }
  const cell = { number: number === undefined ? undefined : Number(number), line: head.line, code: codeIn(lines) }
  return { text, cell }
}

/** The line of code that a frame shows: the one with an arrow, or the first. */
function codeIn(lines: readonly string[]): string {
  const rest = lines.slice(1).map(bare)
  const arrow = rest.flatMap(line => /^-+>\s*\d+\s(.*)$/.exec(line)?.[1] ?? [])[0]
  return (arrow ?? rest[0] ?? '').trim()
}

function addFrame(parts: TracePart[], frame: TraceFrame): void {
  const last = parts.at(-1)
  if (frame.cell) parts.push({ kind: 'cell', frame })
  else if (last?.kind === 'library') last.frames.push(frame)
  else parts.push({ kind: 'library', frames: [frame] })
}

function addText(parts: TracePart[], text: string): void {
  const trimmed = text.replace(/^\n+|\n+$/g, '')
  if (trimmed !== '' && !/^Traceback \(most recent call last\):$|^-{20,}$/.test(bare(trimmed)))
    parts.push({ kind: 'text', text: trimmed })
}

export const framesIn = (parts: readonly TracePart[]): number =>
  parts.reduce(
    (count, part) => count + (part.kind === 'library' ? part.frames.length : part.kind === 'cell' ? 1 : 0),
    0,
  )

/** Where in the text of which cell the line stands now: cells move and change, so the code decides before the number. */
export function placeOf(
  cells: readonly { key: string; code: string }[],
  { number, line, code }: NonNullable<TraceFrame['cell']>,
): { key: string; offset: number } | undefined {
  const named = number === undefined ? undefined : cells[number - 1]
  const among = named ? [named, ...cells.filter(cell => cell !== named)] : cells
  for (const { key, code: text } of among) {
    const lines = text.split('\n')
    const at =
      lines[line - 1]?.trim() === code && code !== '' ? line - 1 : lines.findIndex(other => other.trim() === code)
    if (code !== '' && at >= 0) return { key, offset: offsetOf(lines, at) }
  }
  const lines = named?.code.split('\n') ?? []
  return named && line <= lines.length ? { key: named.key, offset: offsetOf(lines, line - 1) } : undefined
}

const offsetOf = (lines: readonly string[], at: number): number =>
  lines.slice(0, at).reduce((sum, line) => sum + line.length + 1, 0)
