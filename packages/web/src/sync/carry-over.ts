/**
 * What the hub had not acknowledged of a document that was put aside is brought into the one that took its place, as a
 * difference of texts (I2). Pure; the caller makes it one transaction.
 */
import { applyEdits, type Edit } from '@meshbook/core/notebook/edits.ts'
import { editsBetween } from '@meshbook/core/text/edits.ts'
import { rebaseText } from '@meshbook/relay/text-rebase.ts'
import * as Y from 'yjs'
import { joined } from './edit-vector.ts'
import type { OldDocument, StoredDocument, StoredRow } from './link-ports.ts'
import { isDue, withCarried } from './put-aside.ts'
import { splitRows, textOfRows } from './stored-rows.ts'

/** Brings all that is due into the document, as one row with the given name; undefined if nothing is due. */
export function carryOver(
  stored: StoredDocument,
  current: Uint8Array,
  edit: string,
): { next: StoredDocument; row: StoredRow } | undefined {
  const due = stored.old.filter(isDue)
  if (due.length === 0) return undefined
  const doc = new Y.Doc()
  Y.applyUpdate(doc, current)
  const before = Y.encodeStateVector(doc)
  for (const old of due) rebaseOnce(doc.getText('content'), old)
  const row = { update: Y.encodeStateAsUpdate(doc, before), edits: { [edit]: 1 } }
  doc.destroy()
  const old = stored.old.map(each => (due.includes(each) ? { ...each, applied: textOfRows(each.rows) } : each))
  const head = { ...stored.head, made: joined(stored.head.made, row.edits) }
  return { next: withCarried({ head, rows: [...stored.rows, row], old }), row }
}

function rebaseOnce(text: Y.Text, old: OldDocument): void {
  const base = old.applied ?? likelyBase(old, text.toString())
  rebaseText(text, base, withoutSame(base, textOfRows(old.rows), text.toString()))
}

/**
 * The hub may have got further than it could acknowledge: of the texts between the acknowledged one and mine, the last
 * whose every change the new document has. A text that is merely near to it is none: taking it would lose what is mine.
 */
function likelyBase(old: OldDocument, theirs: string): string {
  const { durable, unsent } = splitRows(old.rows, old.acked)
  const order = unsent.toSorted((a, b) => lastEdit(a) - lastEdit(b))
  let found = { count: 0, text: textOfRows(durable) }
  const acked = found.text
  let to = order.length
  for (;;) {
    const step = Math.max(1, Math.ceil((to - found.count) / basesPerPass))
    found = lastWithin({ durable, order, acked, theirs }, found, step, to)
    if (step === 1) return found.text
    to = Math.min(order.length, found.count + step)
  }
}

const basesPerPass = 16
/** So few characters are in many texts by chance. */
const leastEvidence = 4
const lastEdit = ({ edits }: StoredRow): number => Math.max(0, ...Object.values(edits))

interface Bases {
  durable: readonly StoredRow[]
  order: readonly StoredRow[]
  acked: string
  theirs: string
}

function lastWithin(
  { durable, order, acked, theirs }: Bases,
  found: { count: number; text: string },
  step: number,
  to: number,
): { count: number; text: string } {
  const doc = new Y.Doc()
  for (const { update } of [...durable, ...order.slice(0, found.count)]) Y.applyUpdate(doc, update)
  const far = distanceOf(acked, theirs)
  let last = found
  for (let count = found.count + step; count <= to; count += step) {
    for (const { update } of order.slice(count - step, count)) Y.applyUpdate(doc, update)
    const text = doc.getText('content').toString()
    const near = distanceOf(acked, text)
    if (near >= leastEvidence && distanceOf(text, theirs) === far - near) last = { count, text }
  }
  doc.destroy()
  return last
}

const distanceOf = (a: string, b: string): number =>
  editsBetween(a, b).reduce((sum, { remove, insert }) => sum + remove + insert.length, 0)

/**
 * Mine without the changes that theirs has already: an edit whose acknowledgement was lost may be in the new document,
 * and must not be in it twice.
 */
export function withoutSame(base: string, mine: string, theirs: string): string {
  const name = ({ at, remove, insert }: Edit) => `${at} ${remove} ${insert}`
  const done = new Set(editsBetween(base, theirs).map(name))
  return applyEdits(
    base,
    editsBetween(base, mine).filter(edit => !done.has(name(edit))),
  )
}
