/**
 * Brings what somebody wrote into a file into the document (invariant I13). The edits from the base to the file are
 * made in a copy of the document, and handed back as one Yjs update that can be stored before it is applied and applied
 * twice without harm.
 */

import { sharedNames } from '@meshbook/core/executions.ts'
import type { Edit } from '@meshbook/core/notebook/edits.ts'
import { editsBetween, editsOfUnion } from '@meshbook/core/text/edits.ts'
import { carriedOver } from '@meshbook/core/text/merge.ts'
import { applyToText } from '@meshbook/relay/text-rebase.ts'
import * as Y from 'yjs'
import { type Base, mapBase } from './base-map.ts'

/**
 * `client` is the Yjs client id under which this device writes what it finds in the file of this document; it must be
 * used for nothing else. Without a base nothing is removed from either side. What the document got `since` that state is part
 * of the update, so that it stands on nothing that a crash could take away.
 */
export function mergeFile(
  doc: Y.Doc,
  client: number,
  base: Base | undefined,
  file: string,
  since = Y.encodeStateVector(doc),
): Uint8Array {
  const copy = new Y.Doc()
  try {
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
    copy.clientID = client
    const text = copy.getText(sharedNames.content)
    const edits = base ? threeWayEdits(text, base, file) : editsOfUnion(text.toString(), file)
    copy.transact(() => applyToText(text, edits))
    return Y.encodeStateAsUpdate(copy, since)
  } finally {
    copy.destroy()
  }
}

/** Edits of the document as it is now that do to it what was done to the base. In ascending order. */
export function threeWayEdits(text: Y.Text, base: Base, file: string): Edit[] {
  const edits = editsBetween(base.text, file)
  if (edits.length === 0) return []
  return carriedOver(edits, mapBase(text, base), text.toString())
}
