/**
 * Three-way and two-way merging of texts as plain edits. Whole lines are compared first, so that a line that one side
 * wrote stays a line whatever the other side did; only within a changed line are single characters compared.
 * Pure: knows nothing of files or documents.
 */

import diff from 'fast-diff'
import type { Edit } from '../notebook/edits.ts'
import { changedLines } from './changed-lines.ts'

/** Middles with more pairs of lines than this are taken as replaced as a whole, so that no diff runs for seconds. */
const mostLinePairs = 40_000_000
/** A shorter line may begin like another by chance. */
const leastOwnChars = 8
/** In larger hunks lines are paired in order. */
const mostPairsInHunk = 10_000
/** Code units that can stand for a line: all below the surrogates. */
const mostDistinctLines = 0xd7ff

/** `wholeLines`: what is inserted was written as lines, not within one. */
export type LineEdit = Edit & { wholeLines: boolean }

export interface Hunk {
  /** Lines `from` to `to` of the old text are replaced by the `lines`. */
  from: number
  to: number
  lines: string[]
}

/** The lines of a text, each with its line ending. */
export function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}

/** Edits, in ascending order, that turn `before` into `after` and keep as much of `before` as is sensible. */
export function editsBetween(before: string, after: string): LineEdit[] {
  const changed = changedLines(before, after)
  const old = linesOf(changed.before)
  const starts = startsOf(old)
  return hunksBetween(old, linesOf(changed.after)).flatMap(hunk =>
    editsOfHunk(changed.from + starts[hunk.from]!, old.slice(hunk.from, hunk.to), hunk.lines),
  )
}

/** Of edits as they are done to a text one by one: from the end, so that what comes before stays where it was. */
export function fromTheEnd(edits: readonly Edit[], text: TextLike): void {
  for (const { at, remove, insert } of edits.toReversed()) {
    if (remove > 0) text.delete(at, remove)
    if (insert !== '') text.insert(at, insert)
  }
}
interface TextLike {
  insert(at: number, text: string): void
  delete(at: number, chars: number): void
}

/**
 * Edits that bring every line of `other` that `text` lacks into `text`, and remove nothing: for two texts without a
 * common ancestor. Doing it twice changes nothing the second time.
 */
export function editsOfUnion(text: string, other: string): Edit[] {
  const lines = linesOf(text)
  const starts = startsOf(lines)
  const old = lines.map(closed)
  const wanted = linesOf(other).map(closed)
  if (isWithin(wanted, old)) return []
  return hunksBetween(old, wanted)
    .filter(hunk => hunk.lines.length > 0)
    .map(({ to, lines }) => ({ at: starts[to]!, remove: 0, insert: asLines(text, starts[to]!, lines.join('')) }))
}

function closed(line: string): string {
  return line.endsWith('\n') ? line : `${line}\n`
}

/** Whether all lines stand in `within`, in this order. */
function isWithin(lines: readonly string[], within: readonly string[]): boolean {
  let found = 0
  for (const line of within) if (line === lines[found]) found++
  return found === lines.length
}

function asLines(text: string, at: number, insert: string): string {
  return at > 0 && text[at - 1] !== '\n' ? `\n${insert}` : insert
}

function startsOf(lines: readonly string[]): number[] {
  const starts = [0]
  for (const line of lines) starts.push(starts.at(-1)! + line.length)
  return starts
}

export function hunksBetween(old: readonly string[], now: readonly string[]): Hunk[] {
  let head = 0
  while (head < old.length && head < now.length && old[head] === now[head]) head++
  let tail = 0
  while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail) === now.at(-1 - tail)) tail++
  const oldMiddle = old.slice(head, old.length - tail)
  const nowMiddle = now.slice(head, now.length - tail)
  if (oldMiddle.length === 0 && nowMiddle.length === 0) return []
  return middleHunks(oldMiddle, nowMiddle).map(({ from, to, lines }) => ({ from: from + head, to: to + head, lines }))
}

function middleHunks(old: readonly string[], now: readonly string[]): Hunk[] {
  const coded = old.length * now.length > mostLinePairs ? undefined : encodeLines(old, now)
  if (!coded) return [{ from: 0, to: old.length, lines: [...now] }]
  const hunks: Hunk[] = []
  let at = 0
  let atNow = 0
  let open: Hunk | undefined
  for (const [kind, codes] of diff(coded.old, coded.now)) {
    if (kind === diff.EQUAL) {
      at += codes.length
      atNow += codes.length
      open = undefined
      continue
    }
    if (!open) {
      open = { from: at, to: at, lines: [] }
      hunks.push(open)
    }
    if (kind === diff.DELETE) at += codes.length
    else {
      for (const line of now.slice(atNow, atNow + codes.length)) open.lines.push(line)
      atNow += codes.length
    }
    open.to = at
  }
  return hunks
}

/** Each distinct line as one code unit, so that a character diff compares lines. */
function encodeLines(old: readonly string[], now: readonly string[]): { old: string; now: string } | undefined {
  const codes = new Map<string, string>()
  const encode = (lines: readonly string[]) => {
    let text = ''
    for (const line of lines) {
      const code = codes.get(line) ?? String.fromCharCode(codes.size + 1)
      codes.set(line, code)
      text += code
    }
    return text
  }
  const result = { old: encode(old), now: encode(now) }
  return codes.size < mostDistinctLines ? result : undefined
}

/** Paired lines are compared; a pair that has little in common is replaced as a whole. */
function editsOfHunk(start: number, old: readonly string[], now: readonly string[]): LineEdit[] {
  const edits: LineEdit[] = []
  let at = start
  for (const [from, to] of pairsOf(old, now)) {
    const pair = from !== '' && to !== '' ? editsInLine(at, from, to) : undefined
    edits.push(...(pair ?? [{ at, remove: from.length, insert: to, wholeLines: true }]))
    at += from.length
  }
  return joined(edits)
}

/** A line that was continued, or cut short, is paired with itself, and what is left between such lines in order. */
function pairsOf(old: readonly string[], now: readonly string[]): [from: string, to: string][] {
  if (old.length * now.length > mostPairsInHunk) return inOrder(old, now)
  const pairs: [string, string][] = []
  let [from, to] = [0, 0]
  for (const [i, line] of old.entries()) {
    const found = now.findIndex((other, j) => j >= to && isContinued(line, other))
    if (found < 0) continue
    pairs.push(...inOrder(old.slice(from, i), now.slice(to, found)), [line, now[found]!])
    ;[from, to] = [i + 1, found + 1]
  }
  return [...pairs, ...inOrder(old.slice(from), now.slice(to))]
}

function inOrder(old: readonly string[], now: readonly string[]): [from: string, to: string][] {
  return Array.from({ length: Math.max(old.length, now.length) }, (_, i) => [old[i] ?? '', now[i] ?? ''])
}

/** Whether one of them is the other with more behind it or before it, and not by chance. */
function isContinued(line: string, other: string): boolean {
  const [short, long] = [line.trim(), other.trim()].sort((a, b) => a.length - b.length) as [string, string]
  if (short === '' || !long.includes(short)) return false
  return short.length * 2 >= long.length || (short.length >= leastOwnChars && isEndOf(short, long))
}

function isEndOf(short: string, long: string): boolean {
  return long.startsWith(short) || long.endsWith(short)
}

function editsInLine(at: number, from: string, to: string): LineEdit[] | undefined {
  const edits: LineEdit[] = []
  let kept = 0
  let offset = at
  let last: LineEdit | undefined
  for (const [kind, text] of diff(from, to)) {
    if (kind === diff.EQUAL) {
      kept += text.trim().length
      offset += text.length
      last = undefined
      continue
    }
    if (!last) {
      last = { at: offset, remove: 0, insert: '', wholeLines: false }
      edits.push(last)
    }
    if (kind === diff.DELETE) {
      last.remove += text.length
      offset += text.length
    } else last.insert += text
  }
  const isSame = kept * 2 >= Math.max(1, from.trim().length, to.trim().length)
  return isSame || isContinued(from, to) ? edits : undefined
}

/** Neighbouring edits as one, so that lines that follow each other are inserted together. */
function joined(edits: readonly LineEdit[]): LineEdit[] {
  const result: LineEdit[] = []
  for (const { at, remove, insert, wholeLines } of edits) {
    const last = result.at(-1)
    if (last && last.at + last.remove === at) {
      last.remove += remove
      last.insert += insert
      last.wholeLines = wholeLines
    } else result.push({ at, remove, insert, wholeLines })
  }
  return result
}
