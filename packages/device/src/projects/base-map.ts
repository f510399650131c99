/**
 * Where each character of the last projected text is in the document now. The base is kept as text and as a Yjs
 * snapshot (state vector and deletions), so the answer is exact: characters have identities. Where the snapshot does not
 * fit the text, the characters are matched by comparing the texts.
 */
import { BaseMap, mapByText } from '@meshbook/core/text/merge.ts'
import * as Y from 'yjs'

export interface Base {
  text: string
  /** `Y.encodeSnapshot` of the document when it had this text; null if it never had exactly this text. */
  snapshot: Uint8Array | null
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
