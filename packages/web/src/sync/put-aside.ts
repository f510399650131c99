/**
 * Room for the hub's document of another epoch: the stored one is put aside, and what the hub had not acknowledged of it
 * is due. Pure; the caller makes it one transaction.
 */
import { countBeyond, type EditVector, joined, noEdits } from './edit-vector.ts'
import type { OldDocument, StoredDocument, StoredRow } from './link-ports.ts'
import { compacted, editsOf, textOfRows } from './stored-rows.ts'

/** What a tab has of a document beyond what is stored. */
export interface Unstored {
  epoch: number
  rows: readonly StoredRow[]
  acked: EditVector
}

/** Old documents are kept to be looked at, but not without end. */
const mostOld = 3

/** Makes room for the document of another epoch. Done again by a second tab, it only adds what that one still had. */
export function putAside(stored: StoredDocument | undefined, mine: Unstored, epoch: number): StoredDocument {
  const known = stored ?? { head: { epoch: mine.epoch, made: noEdits, acked: noEdits, carried: 0 }, rows: [], old: [] }
  const moved = known.head.epoch === mine.epoch
  const before = moved ? undefined : known.old.find(other => other.epoch === mine.epoch)
  const rows = [...(moved ? known.rows : (before?.rows ?? [])), ...mine.rows]
  const acked = joined(moved ? known.head.acked : (before?.acked ?? noEdits), mine.acked)
  const aside = oldDocument(mine.epoch, rows, acked, before?.applied)
  const old = [...known.old.filter(other => other !== before), aside].slice(-mostOld)
  const head = moved ? { epoch, made: noEdits, acked: noEdits } : known.head
  return withCarried({ head: { ...head, carried: 0 }, rows: moved ? [] : known.rows, old })
}

function oldDocument(
  epoch: number,
  rows: readonly StoredRow[],
  acked: EditVector,
  applied: string | undefined,
): OldDocument {
  const made = editsOf(rows)
  const head = { epoch, made, acked, carried: 0 }
  const fewer = compacted({ head, rows: [...rows], old: [] }).rows
  return { epoch, rows: fewer, made, acked, unsent: countBeyond(made, acked), applied }
}

/** Whether something of it is still to be brought into the document that took its place. */
export function isDue(old: OldDocument): boolean {
  return old.unsent > 0 && old.applied !== textOfRows(old.rows)
}

export function withCarried(stored: StoredDocument): StoredDocument {
  const carried = stored.old.filter(isDue).reduce((sum, { unsent }) => sum + unsent, 0)
  return { ...stored, head: { ...stored.head, carried } }
}
