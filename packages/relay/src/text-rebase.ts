/**
 * Brings a text that was edited without its document into the document as a difference (I2): its characters never get
 * into it as they were, because that would double the text. Browser-safe.
 */
import type { Edit } from '@meshbook/core/notebook/edits.ts'
import { mergeEdits } from '@meshbook/core/text/merge.ts'
import type * as Y from 'yjs'

/** Does to `text` what turned `base` into `mine`, in one transaction with the given origin. Returns whether that changed it. */
export function rebaseText(text: Y.Text, base: string, mine: string, origin?: unknown): boolean {
  const edits = mergeEdits(base, mine, text.toString())
  text.doc!.transact(() => applyToText(text, edits), origin)
  return edits.length > 0
}

/** Edits that do not overlap, made from the last to the first so that no offset moves. */
export function applyToText(text: Y.Text, edits: readonly Edit[]): void {
  for (const { at, remove, insert } of edits.toReversed()) {
    if (remove > 0) text.delete(at, remove)
    if (insert !== '') text.insert(at, insert)
  }
}
