/** Two texts side by side as rows of lines, with the words that differ marked. Pure; for pages and terminals alike. */
import diff from 'fast-diff'
import { changedLines } from '../text/changed-lines.ts'
import { type Hunk, hunksBetween, linesOf } from '../text/edits.ts'

/** From and to, in UTF-16 units of the row's text. */
export type Mark = readonly [from: number, to: number]

export interface DiffRow {
  kind: 'same' | 'removed' | 'added'
  /** Without its line ending. */
  text: string
  /** Line numbers from 1; 0 where the line is not in that text. */
  before: number
  after: number
  /** What differs from the line it stands against; empty where the whole line is new or gone. */
  marks: readonly Mark[]
}

export interface DiffSize {
  added: number
  removed: number
}

export function diffRows(before: string, after: string): DiffRow[] {
  const [old, now] = [linesOf(before), linesOf(after)]
  const rows: DiffRow[] = []
  let at = 0
  let shift = 0
  const sameUpTo = (to: number): void => {
    for (; at < to; at++) rows.push(row('same', old[at]!, at + 1, at + 1 + shift))
  }
  for (const hunk of hunksBetween(old, now)) {
    sameUpTo(hunk.from)
    rows.push(...rowsOfHunk(hunk, old, shift))
    at = hunk.to
    shift += hunk.lines.length - (hunk.to - hunk.from)
  }
  sameUpTo(old.length)
  return rows
}

/** How many lines the second text has that the first has not, and the other way round. */
export function diffSize(before: string, after: string): DiffSize {
  const size = { added: 0, removed: 0 }
  const changed = changedLines(before, after)
  for (const { from, to, lines } of hunksBetween(linesOf(changed.before), linesOf(changed.after))) {
    size.added += lines.length
    size.removed += to - from
  }
  return size
}

function rowsOfHunk({ from, to, lines }: Hunk, old: readonly string[], shift: number): DiffRow[] {
  const removed = old.slice(from, to).map((text, i) => row('removed', text, from + i + 1, 0))
  const added = lines.map((text, i) => row('added', text, 0, from + shift + i + 1))
  for (let i = 0; i < Math.min(removed.length, added.length); i++) markWords(removed[i]!, added[i]!)
  return [...removed, ...added]
}

function row(kind: DiffRow['kind'], line: string, before: number, after: number): DiffRow {
  return { kind, text: line.replace(/\r?\n$/, ''), before, after, marks: [] }
}

/** A pair that has little in common stays unmarked: every word of it differs. */
function markWords(removed: DiffRow, added: DiffRow): void {
  const [old, now] = [wordsOf(removed.text), wordsOf(added.text)]
  const coded = encodeWords(old, now)
  if (!coded) return
  const marks: [Mark[], Mark[]] = [[], []]
  let [atOld, atNow, kept] = [0, 0, 0]
  let [word, wordNow] = [0, 0]
  for (const [kind, codes] of diff(coded[0], coded[1])) {
    const oldLength = kind === diff.INSERT ? 0 : lengthOf(old, word, codes.length)
    const nowLength = kind === diff.DELETE ? 0 : lengthOf(now, wordNow, codes.length)
    if (kind === diff.DELETE) marks[0].push([atOld, atOld + oldLength])
    else if (kind === diff.INSERT) marks[1].push([atNow, atNow + nowLength])
    else kept += removed.text.slice(atOld, atOld + oldLength).trim().length
    if (kind !== diff.INSERT) word += codes.length
    if (kind !== diff.DELETE) wordNow += codes.length
    atOld += oldLength
    atNow += nowLength
  }
  if (kept * 3 < Math.max(removed.text.trim().length, added.text.trim().length)) return
  removed.marks = marks[0]
  added.marks = marks[1]
}

function wordsOf(line: string): string[] {
  return line.match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) ?? []
}

function lengthOf(words: readonly string[], from: number, count: number): number {
  return words.slice(from, from + count).reduce((sum, word) => sum + word.length, 0)
}

/** Each distinct word as one code unit; undefined for lines with too many, which are data rather than writing. */
function encodeWords(old: readonly string[], now: readonly string[]): [string, string] | undefined {
  if (old.length + now.length > mostWords) return undefined
  const codes = new Map<string, string>()
  const encode = (words: readonly string[]): string =>
    words
      .map(word => {
        const code = codes.get(word) ?? String.fromCharCode(codes.size + 1)
        codes.set(word, code)
        return code
      })
      .join('')
  return [encode(old), encode(now)]
}
const mostWords = 4_000
