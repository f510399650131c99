/** Edits of a text as data, so that the same plan works on a string and on a Y.Text. */

/** At offset `at` (UTF-16, in the text before any edit of its list) remove `remove` units and put `insert` there. */
export interface Edit {
  at: number
  remove: number
  insert: string
}

/**
 * Applies edits that do not overlap and stand in ascending order. A Y.Text takes them from the last to the first, so
 * that no edit moves the place of one that is still to come.
 */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const parts: string[] = []
  let done = 0
  for (const { at, remove, insert } of edits) {
    parts.push(text.slice(done, at), insert)
    done = at + remove
  }
  parts.push(text.slice(done))
  return parts.join('')
}
