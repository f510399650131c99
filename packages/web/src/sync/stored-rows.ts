/** What rows of updates amount to: a document, its text, fewer rows. Pure over Yjs; knows no database. */
import * as Y from 'yjs'
import { covers, type EditVector, joined, noEdits } from './edit-vector.ts'
import type { StoredDocument, StoredRow } from './link-ports.ts'

export function isReadable({ update }: StoredRow): boolean {
  try {
    Y.decodeUpdate(update)
    return true
  } catch {
    return false
  }
}

export const editsOf = (rows: readonly StoredRow[]): EditVector =>
  rows.reduce((all, row) => joined(all, row.edits), noEdits)

export const mergedUpdate = (rows: readonly StoredRow[]): Uint8Array => Y.mergeUpdates(rows.map(row => row.update))

export function textOfRows(rows: readonly StoredRow[]): string {
  const doc = new Y.Doc()
  if (rows.length > 0) Y.applyUpdate(doc, mergedUpdate(rows))
  const text = doc.getText('content').toString()
  doc.destroy()
  return text
}

/** The rows whose every edit the hub acknowledged, and the others. */
export function splitRows(
  rows: readonly StoredRow[],
  acked: EditVector,
): { durable: StoredRow[]; unsent: StoredRow[] } {
  const durable: StoredRow[] = []
  const unsent: StoredRow[] = []
  for (const row of rows) (covers(acked, row.edits) ? durable : unsent).push(row)
  return { durable, unsent }
}

function mergedRow(rows: readonly StoredRow[]): StoredRow[] {
  return rows.length < 2 ? [...rows] : [{ update: mergedUpdate(rows), edits: editsOf(rows) }]
}

/** Unsent rows stay single, because the hub may have the first of them; but not without end. */
const mostUnsentRows = 500

/** The same content in few rows: what the hub has stays apart from what it has not (W4). */
export function compacted({ head, rows, old }: StoredDocument): StoredDocument {
  const { durable, unsent } = splitRows(rows, head.acked)
  const settled = Object.entries(head.made).filter(([tab, last]) => last > (head.acked[tab] ?? 0))
  const made = Object.fromEntries(settled)
  const acked = Object.fromEntries(settled.map(([tab]) => [tab, head.acked[tab] ?? 0]))
  const base = mergedRow(durable).map(({ update }) => ({ update, edits: noEdits }))
  return {
    head: { ...head, made, acked },
    rows: [...base, ...(unsent.length > mostUnsentRows ? mergedRow(unsent) : unsent)],
    old,
  }
}
