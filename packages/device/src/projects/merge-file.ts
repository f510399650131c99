/**
 * Brings what somebody wrote into a file into the document (invariant I13). The edits from the base to the file are
 * made in a copy of the document, and handed back as one Yjs update that can be stored before it is applied and applied
 * twice without harm.
 */

import { sharedNames } from '@meshbook/core/executions.ts'
import type { Edit } from '@meshbook/core/notebook/edits.ts'
import * as Y from 'yjs'
import { type Base, type BaseMap, mapBase } from './base-map.ts'
import { editsBetween, editsOfUnion, type LineEdit } from './merge-edits.ts'

/**
 * `client` is the Yjs client id under which this device writes what it finds in the file of this document; it must be
 * used for nothing else. Without a base nothing is removed from either side.
 */
export function mergeFile(doc: Y.Doc, client: number, base: Base | undefined, file: string): Uint8Array {
  const copy = new Y.Doc()
  try {
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
    copy.clientID = client
    const text = copy.getText(sharedNames.content)
    const edits = base ? threeWayEdits(text, base, file) : editsOfUnion(text.toString(), file)
    copy.transact(() => applyToText(text, edits))
    return Y.encodeStateAsUpdate(copy, Y.encodeStateVector(doc))
  } finally {
    copy.destroy()
  }
}

/** Edits of the document as it is now that do to it what was done to the base. In ascending order. */
export function threeWayEdits(text: Y.Text, base: Base, file: string): Edit[] {
  const edits = editsBetween(base.text, file)
  if (edits.length === 0) return []
  const map = mapBase(text, base)
  const now = text.toString()
  return edits.flatMap(edit => carriedOver(edit, map, now)).sort((a, b) => a.at - b.at)
}

function carriedOver(edit: LineEdit, map: BaseMap, now: string): Edit[] {
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

/** Edits that do not overlap, made from the last to the first so that no offset moves. */
export function applyToText(text: Y.Text, edits: readonly Edit[]): void {
  for (const { at, remove, insert } of edits.toReversed()) {
    if (remove > 0) text.delete(at, remove)
    if (insert !== '') text.insert(at, insert)
  }
}
