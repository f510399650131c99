/**
 * Three-way merging of texts: what was done to a base is done to a text that has the same base, and nothing that either
 * side wrote is lost. Pure: knows nothing of files, documents or how places were found.
 */
import type { Edit } from '../notebook/edits.ts'
import { editsBetween, type LineEdit } from './edits.ts'

/** Where each character of a base is in another text now. */
export class BaseMap {
  /** Offset in the document of each base character that is still there, else -1. */
  readonly #places: Int32Array
  readonly #docLength: number

  constructor(places: Int32Array, docLength: number) {
    this.#places = places
    this.#docLength = docLength
  }

  /** Offset of a base character in the document, or undefined if it has been deleted there. */
  placeOf(index: number): number | undefined {
    const place = this.#places[index]
    return place === undefined || place < 0 ? undefined : place
  }

  /** Directly behind what is left of the base before `index`. */
  behind(index: number): number {
    for (let i = index - 1; i >= 0; i--) if (this.#places[i]! >= 0) return this.#places[i]! + 1
    return 0
  }

  /** Directly in front of what is left of the base from `index` on. */
  inFrontOf(index: number): number {
    for (let i = index; i < this.#places.length; i++) if (this.#places[i]! >= 0) return this.#places[i]!
    return this.#docLength
  }
}

/** By comparing the texts, for a text whose characters have no identities. */
export function mapByText(docText: string, baseText: string): BaseMap {
  const places = new Int32Array(baseText.length).fill(-1)
  let index = 0
  let offset = 0
  for (const { at, remove, insert } of [
    ...editsBetween(baseText, docText),
    { at: baseText.length, remove: 0, insert: '' },
  ]) {
    while (index < at) places[index++] = offset++
    index += remove
    offset += insert.length
  }
  return new BaseMap(places, docText.length)
}

/** Edits of `theirs`, in ascending order, that do to it what turned `base` into `mine`. */
export function mergeEdits(base: string, mine: string, theirs: string): Edit[] {
  return carriedOver(editsBetween(base, mine), mapByText(theirs, base), theirs)
}

/** The edits of a base as edits of the text `now`, in ascending order. */
export function carriedOver(edits: readonly LineEdit[], map: BaseMap, now: string): Edit[] {
  return edits.flatMap(edit => carryOver(edit, map, now)).sort((a, b) => a.at - b.at)
}

function carryOver(edit: LineEdit, map: BaseMap, now: string): Edit[] {
  const edits: Edit[] = []
  for (let index = edit.at; index < edit.at + edit.remove; index++) {
    const place = map.placeOf(index)
    if (place === undefined) continue
    const last = edits.at(-1)
    if (last && last.at + last.remove === place) last.remove++
    else edits.push({ at: place, remove: 1, insert: '' })
  }
  if (edit.insert === '') return edits
  const at = placeOfInsert(edit, map)
  const first = edits.find(removal => removal.at === at)
  const insert = edit.insert + lineEndFor(edit, at, at + (first?.remove ?? 0), now)
  if (first) first.insert = insert
  else edits.push({ at, remove: 0, insert })
  return edits
}

/** A continuation of the line before goes behind what the other side typed at its end; all else goes in front of it. */
function placeOfInsert({ at, remove, insert }: Edit, map: BaseMap): number {
  const first = remove > 0 ? map.placeOf(at) : undefined
  if (first !== undefined) return first
  return insert.startsWith('\n') && !insert.endsWith('\n') ? map.inFrontOf(at + remove) : map.behind(at)
}

/** A last line without line ending that comes to stand before a line of the other side gets one. */
function lineEndFor({ insert, wholeLines }: LineEdit, from: number, to: number, now: string): string {
  const startsLine = from === 0 || now[from - 1] === '\n' || insert.startsWith('\n')
  const next = now[to]
  return wholeLines && startsLine && !insert.endsWith('\n') && next !== undefined && next !== '\n' ? '\n' : ''
}
