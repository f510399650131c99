/** What a device knows of the hub's epochs: the text that was last known to be at the hub, and documents on their way into another epoch. */
import type { DocumentId, Epoch, OrgId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { replaceDocument } from '@meshbook/relay/store/document-procedures.ts'

interface DocumentArgs {
  org: OrgId
  document: DocumentId
}

/**
 * A document that the hub has renewed: its local content is gone, except for its text `mine`, of which `base` is what the
 * hub is known to have had (null where that is not known). `carry` is the update that brings the difference into the
 * new document, once that was made.
 */
export interface EpochMove {
  document: DocumentId
  epoch: Epoch
  base: string | null
  mine: string
  carry: Uint8Array | null
}

interface MoveRow {
  document_id: string
  epoch: number
  base: string | null
  mine: string
  carry: Uint8Array | null
}

const where = 'org_id = ? AND document_id = ?'

export async function noteHubText(tx: Tx, args: DocumentArgs & { epoch: Epoch; text: string }): Promise<void> {
  await tx.run(
    `INSERT INTO hub_texts (org_id, document_id, epoch, text) VALUES (?, ?, ?, ?)
    ON CONFLICT (org_id, document_id) DO UPDATE SET epoch = excluded.epoch, text = excluded.text WHERE hub_texts.epoch <> excluded.epoch OR hub_texts.text <> excluded.text`,
    [args.org, args.document, args.epoch, args.text],
  )
}

export interface BeginMove extends DocumentArgs {
  /** Where the log stood when `mine` was read from it. */
  from: { epoch: Epoch; position: number }
  epoch: Epoch
  mine: string
  /** The merge of the file that is in `mine`. */
  merge: Uint8Array | null
  /** The client id under which the file is merged from now on; with it, nobody who has the old row can store it. */
  client: number
}

/**
 * Puts an empty document of the hub's epoch in the place of the local one, and keeps its text, in one step. A text that
 * still waits to be carried stays the one to carry: what stands in the document by then came from the hub. Returns null
 * if something was written since `mine` was read.
 */
export async function beginMove(tx: Tx, args: BeginMove): Promise<number | null> {
  const keys = [args.org, args.document]
  const row = await tx.get<{ merge: Uint8Array | null }>(
    `SELECT merge_update AS merge FROM projections WHERE ${where}`,
    keys,
  )
  if (!sameBytes(row?.merge ?? null, args.merge)) return null
  const { org, document, from, epoch } = args
  const updates = { bytes: new Uint8Array(), lengths: new Uint32Array() }
  const replaced = await replaceDocument(tx, { org, document, from, epoch, updates })
  if (replaced === null) return null
  const known = await tx.get<{ epoch: number; text: string }>(`SELECT epoch, text FROM hub_texts WHERE ${where}`, keys)
  const base = known?.epoch === from.epoch ? known.text : null
  await tx.run(
    `INSERT INTO epoch_moves (org_id, document_id, epoch, base, mine, carry) VALUES (?, ?, ?, ?, ?, NULL)
    ON CONFLICT (org_id, document_id) DO UPDATE SET epoch = excluded.epoch,
      base = CASE WHEN epoch_moves.carry IS NULL THEN epoch_moves.base ELSE excluded.base END,
      mine = CASE WHEN epoch_moves.carry IS NULL THEN epoch_moves.mine ELSE excluded.mine END, carry = NULL`,
    [...keys, epoch, base, args.mine],
  )
  await tx.run(`DELETE FROM hub_texts WHERE ${where}`, keys)
  await tx.run(
    `UPDATE projections SET client = ?, before_snapshot = NULL, base_snapshot = NULL, merge_update = NULL, past = '[]', position = 0 WHERE ${where}`,
    [args.client, ...keys],
  )
  return replaced
}

/** Keeps the update before it is applied, with the text that the hub has, so that a crash makes nothing of it twice. */
export async function keepCarry(
  tx: Tx,
  args: DocumentArgs & { epoch: Epoch; carry: Uint8Array; hubText: string },
): Promise<void> {
  await tx.run(`UPDATE epoch_moves SET carry = ? WHERE ${where} AND epoch = ?`, [
    args.carry,
    args.org,
    args.document,
    args.epoch,
  ])
  await noteHubText(tx, { org: args.org, document: args.document, epoch: args.epoch, text: args.hubText })
}

export async function endMove(tx: Tx, args: DocumentArgs & { epoch: Epoch }): Promise<void> {
  await tx.run(`DELETE FROM epoch_moves WHERE ${where} AND epoch = ?`, [args.org, args.document, args.epoch])
}

export async function findMove(tx: Tx, { org, document }: DocumentArgs): Promise<EpochMove | null> {
  const row = await tx.get<MoveRow>(`SELECT * FROM epoch_moves WHERE ${where}`, [org, document])
  if (!row) return null
  const { epoch, base, mine, carry } = row
  return { document, epoch: epoch as Epoch, base, mine, carry }
}

export async function listMoves(tx: Tx, { org }: { org: OrgId }): Promise<DocumentId[]> {
  const rows = await tx.all<{ document_id: string }>('SELECT document_id FROM epoch_moves WHERE org_id = ?', [org])
  return rows.map(row => row.document_id as DocumentId)
}

/** The merge of a document's file that may not be in the document yet. */
export async function pendingMerge(tx: Tx, { org, document }: DocumentArgs): Promise<Uint8Array | null> {
  const row = await tx.get<{ merge: Uint8Array | null }>(
    `SELECT merge_update AS merge FROM projections WHERE ${where}`,
    [org, document],
  )
  return row?.merge ?? null
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b
  return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i])
}
