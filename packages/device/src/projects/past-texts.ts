/**
 * What a file held before: the last few texts, each kept as the edits that lead back to it, and which of them an editor
 * started from that saved a buffer older than the file. Pure.
 *
 * The nearest text is the base of the merge: the one that needs the least removed and added to become what was saved,
 * where no line that came into the file after it stands in what was saved. A text that the file once had exactly is a
 * return to it (an undo, `git checkout`): then the newest text is the base, and all that came since goes.
 *
 * Of texts beyond the caps the newest are still known by their hashes: a file that was set aside may hold one of them.
 */
import { createHash } from 'node:crypto'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Edit } from '@meshbook/core/notebook/edits.ts'
import { editsBetween, linesOf } from '@meshbook/core/text/edits.ts'

export interface PastText {
  /** When the file stopped having it: milliseconds since 1970. */
  until: number
  /** Edits, in ascending order, that turn the text that came after it into it; absent beyond the caps. */
  back?: Edit[]
  /** Of the text; rows of older versions have none. */
  hash?: string
  /** Somebody else saved the text that came after it: whoever did that had done with this one. */
  saved?: true
}

/** Newest first. */
export type PastTexts = readonly PastText[]

/** So many are known at least: more than are set aside at a time. */
const mostKnown = 16

type Caps = Pick<Limits, 'pastTexts' | 'pastTextBytes' | 'pastTextMs'>

/** The past of a file that had `older` and now has `newer`, which is ours or was saved by others. */
export function remember(
  past: PastTexts,
  older: string,
  newer: string,
  now: number,
  caps: Caps,
  isSaved = false,
): PastTexts {
  if (older === newer) return past
  const back = editsBetween(newer, older).map(({ at, remove, insert }) => ({ at, remove, insert }))
  const first = { until: now, back, hash: hashOf(older), ...(isSaved ? { saved: true as const } : {}) }
  const kept: PastText[] = []
  let bytes = 0
  let isWithin = true
  for (const text of [first, ...past]) {
    bytes += (text.back ?? []).reduce((sum, edit) => sum + 48 + 3 * edit.insert.length, 0)
    const isYoung = now - text.until <= caps.pastTextMs
    isWithin &&= text.back !== undefined && isYoung && bytes <= caps.pastTextBytes
    if (kept.length >= (isWithin ? caps.pastTexts : mostKnown)) break
    kept.push(isWithin ? text : knownOnly(text))
  }
  return kept
}

function knownOnly({ back, ...rest }: PastText): PastText {
  return rest
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}

/** Undoes the last `remember`, for a text that the file never got. */
export function unremember(past: PastTexts, older: string, newer: string): PastTexts {
  return past[0] && isOf(past[0], older, newer) ? past.slice(1) : past
}

function isOf({ hash, back }: PastText, text: string, newer: string): boolean {
  return hash === undefined ? back !== undefined && apply(newer, back) === text : hash === hashOf(text)
}

/** The past with one more text, which the file had before it had `base`. */
export function insertPast(past: PastTexts, base: string, text: string, now: number, caps: Caps): PastTexts {
  const [before] = textsBefore(base, past.slice(0, 1))
  const rest = before === undefined ? past : remember(past.slice(1), before, text, now, caps, true)
  return remember(rest, text, base, now, caps)
}

export function* textsBefore(text: string, past: PastTexts): Generator<string> {
  let current = text
  for (const { back } of past) {
    if (!back) return
    current = apply(current, back)
    yield current
  }
}

/** Whether the file had exactly this text. */
export function wasText(text: string, base: string, past: PastTexts): boolean {
  if (text === base) return true
  for (const before of textsBefore(base, past)) if (before === text) return true
  return false
}

/** The same, also of texts of which no more than that is known. */
export function isKnown(text: string, base: string, past: PastTexts): boolean {
  const hash = hashOf(text)
  return past.some(known => known.hash === hash) || wasText(text, base, past)
}

export function nearestText(saved: string, base: string, past: PastTexts): string {
  const has = countLines(saved)
  let nearest = base
  let least = distance(countLines(base), has)
  if (past.length === 0 || least.removed === 0 || wasText(saved, base, past)) return base
  const came = new Map<string, number>()
  let newer = countLines(base)
  for (const before of textsBefore(base, sinceLastSave(past))) {
    const lines = countLines(before)
    for (const [line, count] of added(lines, newer)) came.set(line, (came.get(line) ?? 0) + count)
    if (anySeen(came, lines, has)) break
    const far = distance(lines, has)
    if (far.removed + far.added < least.removed + least.added) {
      nearest = before
      least = far
    }
    newer = lines
  }
  return nearest
}

function sinceLastSave(past: PastTexts): PastTexts {
  const last = past.findIndex(({ saved }) => saved === true)
  return last < 0 ? past : past.slice(0, last)
}

/** Edits in ascending order that do not overlap. */
function apply(text: string, edits: readonly Edit[]): string {
  let result = ''
  let at = 0
  for (const edit of edits) {
    result += text.slice(at, edit.at) + edit.insert
    at = edit.at + edit.remove
  }
  return result + text.slice(at)
}

type Lines = ReadonlyMap<string, number>

function countLines(text: string): Lines {
  const lines = new Map<string, number>()
  for (const line of linesOf(text)) {
    const plain = line.trimEnd()
    lines.set(plain, (lines.get(plain) ?? 0) + 1)
  }
  return lines
}

function distance(from: Lines, to: Lines): { removed: number; added: number } {
  return { removed: surplus(from, to), added: surplus(to, from) }
}

function surplus(of: Lines, over: Lines): number {
  let characters = 0
  for (const [line, count] of of) characters += Math.max(0, count - (over.get(line) ?? 0)) * (line.length + 1)
  return characters
}

function* added(before: Lines, after: Lines): Generator<[string, number]> {
  for (const [line, count] of after) {
    const more = count - (before.get(line) ?? 0)
    if (more > 0) yield [line, more]
  }
}

/** Whether who saved has seen a line that came later; short ones and brackets say nothing, anybody may write them. */
function anySeen(came: Lines, before: Lines, saved: Lines): boolean {
  for (const line of came.keys())
    if (
      /[\p{L}\p{N}].*[\p{L}\p{N}]/u.test(line) &&
      line.trim().length > 3 &&
      (saved.get(line) ?? 0) > (before.get(line) ?? 0)
    )
      return true
  return false
}
