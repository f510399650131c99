/** The text of a document at several points of its log. Runs on either side of a thread. */
import { sharedNames } from '@meshbook/core/executions.ts'
import * as Y from 'yjs'

export interface TextsAsked {
  pieces: readonly Uint8Array[]
  ends: readonly number[]
}

export function textsAt({ pieces, ends }: TextsAsked): string[] {
  const doc = new Y.Doc()
  const text = doc.getText(sharedNames.content)
  let applied = 0
  const texts = ends.map(end => {
    const next = pieces.slice(applied, end)
    applied = Math.max(applied, end)
    doc.transact(() => {
      for (const piece of next) Y.applyUpdate(doc, piece)
    })
    return text.toString()
  })
  doc.destroy()
  return texts
}
