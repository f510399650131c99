/**
 * Where each character of the last projected text is in the document now. The base is kept as text and as a Yjs
 * snapshot (state vector and deletions), so the answer is exact: characters have identities. Where the snapshot does not
 * fit the text, the characters are matched by comparing the texts.
 */
import * as Y from 'yjs'
import { editsBetween } from './merge-edits.ts'

export interface Base {
  text: string
  /** `Y.encodeSnapshot` of the document when it had this text; null if it never had exactly this text. */
  snapshot: Uint8Array | null
}

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

export function mapBase(text: Y.Text, base: Base): BaseMap {
  return (base.snapshot && mapBySnapshot(text, base.text, base.snapshot)) ?? mapByText(text.toString(), base.text)
}

export function snapshotOf(doc: Y.Doc): Uint8Array {
  return Y.encodeSnapshot(Y.snapshot(doc))
}

function mapBySnapshot(text: Y.Text, baseText: string, encoded: Uint8Array): BaseMap | undefined {
  const snapshot = Y.decodeSnapshot(encoded)
  const places = new Int32Array(baseText.length)
  let index = 0
  let offset = 0
  for (let item = text._start; item; item = item.right) {
    if (!item.countable) continue
    const known = snapshot.sv.get(item.id.client) ?? 0
    for (let i = 0; i < item.length; i++) {
      const id = Y.createID(item.id.client, item.id.clock + i)
      if (id.clock < known && (!item.deleted || !Y.isDeleted(snapshot.ds, id))) {
        if (index >= places.length) return undefined
        places[index++] = item.deleted ? -1 : offset + i
      }
    }
    if (!item.deleted) offset += item.length
  }
  return index === baseText.length && fits(places, baseText, text.toString()) ? new BaseMap(places, offset) : undefined
}

/** Whether every character that is left is the one that the base had there. */
function fits(places: Int32Array, baseText: string, docText: string): boolean {
  return places.every((place, index) => place < 0 || docText.charCodeAt(place) === baseText.charCodeAt(index))
}

function mapByText(docText: string, baseText: string): BaseMap {
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
