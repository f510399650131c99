/** The relay's tables and everything that is done to them. A removed document leaves its row, so that its epoch goes on. */
import { MeshError } from '@meshbook/core/errors.ts'
import { type Epoch, parseEpoch } from '@meshbook/core/ids.ts'
import { concatBytes } from '../bytes.ts'
import type { Schema, Tx } from '../sql/tx.ts'

export const schema: Schema = {
  name: 'relay',
  migrations: [
    `CREATE TABLE relay_documents (org_id TEXT NOT NULL, document_id TEXT NOT NULL, epoch BIGINT NOT NULL, position BIGINT NOT NULL, PRIMARY KEY (org_id, document_id));
    CREATE TABLE relay_snapshots (org_id TEXT NOT NULL, document_id TEXT NOT NULL, position BIGINT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (org_id, document_id));
    CREATE TABLE relay_updates (org_id TEXT NOT NULL, document_id TEXT NOT NULL, position BIGINT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (org_id, document_id, position)) WITHOUT ROWID;`,
  ],
}

interface DocumentArgs {
  org: string
  document: string
}
interface HeadRow {
  epoch: number
  position: number
}
interface DataRow {
  position: number
  data: Uint8Array
}
/** Many small blobs as two, because each one that crosses a thread has its price. */
export interface PackedUpdates {
  bytes: Uint8Array
  lengths: number[]
}
export interface ReadDocument extends HeadRow {
  snapshot: DataRow | undefined
  tail: PackedUpdates
}

export function packUpdates(updates: readonly Uint8Array[]): PackedUpdates {
  return { bytes: concatBytes(updates), lengths: updates.map(update => update.byteLength) }
}

export function unpackUpdates({ bytes, lengths }: PackedUpdates): Uint8Array[] {
  let offset = 0
  return lengths.map(length => {
    const start = offset
    offset += length
    return bytes.slice(start, offset)
  })
}

const newDocument: HeadRow = { epoch: 1, position: 0 }

async function headOf(tx: Tx, { org, document }: DocumentArgs): Promise<HeadRow | undefined> {
  return tx.get<HeadRow>('SELECT epoch, position FROM relay_documents WHERE org_id = ? AND document_id = ?', [
    org,
    document,
  ])
}

export async function readDocument(tx: Tx, args: DocumentArgs): Promise<ReadDocument> {
  const keys = [args.org, args.document]
  const head = (await headOf(tx, args)) ?? newDocument
  const snapshot = await tx.get<DataRow>(
    'SELECT position, data FROM relay_snapshots WHERE org_id = ? AND document_id = ?',
    keys,
  )
  const rows = await tx.all<DataRow>(
    'SELECT position, data FROM relay_updates WHERE org_id = ? AND document_id = ? ORDER BY position',
    keys,
  )
  checkGapless(snapshot?.position ?? 0, rows, head.position)
  return {
    ...head,
    snapshot: snapshot && { position: snapshot.position, data: snapshot.data },
    tail: packUpdates(rows.map(row => row.data)),
  }
}

function checkGapless(from: number, rows: DataRow[], to: number): void {
  const whole = rows.every((row, i) => row.position === from + 1 + i) && from + rows.length === to
  if (!whole)
    throw new MeshError('STORAGE_FAILED', {
      detail: `updates of a document are missing between positions ${from} and ${to}`,
    })
}

export async function appendUpdates(
  tx: Tx,
  args: DocumentArgs & { epoch: Epoch; updates: PackedUpdates },
): Promise<number> {
  const head = (await headOf(tx, args)) ?? newDocument
  if (head.epoch !== args.epoch) throw new MeshError('EPOCH')
  let { position } = head
  for (const data of unpackUpdates(args.updates)) {
    await tx.run('INSERT INTO relay_updates (org_id, document_id, position, data) VALUES (?, ?, ?, ?)', [
      args.org,
      args.document,
      ++position,
      data,
    ])
  }
  await tx.run(
    'INSERT INTO relay_documents (org_id, document_id, epoch, position) VALUES (?, ?, ?, ?) ON CONFLICT (org_id, document_id) DO UPDATE SET position = excluded.position',
    [args.org, args.document, args.epoch, position],
  )
  return position
}

export async function compactDocument(
  tx: Tx,
  args: DocumentArgs & { epoch: Epoch; position: number; data: Uint8Array },
): Promise<void> {
  const head = await headOf(tx, args)
  if (head?.epoch !== args.epoch || head.position < args.position) return
  const { changes } = await tx.run(
    `INSERT INTO relay_snapshots (org_id, document_id, position, data) VALUES (?, ?, ?, ?)
    ON CONFLICT (org_id, document_id) DO UPDATE SET position = excluded.position, data = excluded.data WHERE relay_snapshots.position < excluded.position`,
    [args.org, args.document, args.position, args.data],
  )
  if (changes === 0) return
  await tx.run('DELETE FROM relay_updates WHERE org_id = ? AND document_id = ? AND position <= ?', [
    args.org,
    args.document,
    args.position,
  ])
}

export async function removeDocument(tx: Tx, args: DocumentArgs): Promise<void> {
  const keys = [args.org, args.document]
  await tx.run('DELETE FROM relay_updates WHERE org_id = ? AND document_id = ?', keys)
  await tx.run('DELETE FROM relay_snapshots WHERE org_id = ? AND document_id = ?', keys)
  const epoch = parseEpoch(((await headOf(tx, args)) ?? newDocument).epoch)
  await tx.run(
    'INSERT INTO relay_documents (org_id, document_id, epoch, position) VALUES (?, ?, ?, 0) ON CONFLICT (org_id, document_id) DO UPDATE SET epoch = excluded.epoch, position = 0',
    [...keys, epoch + 1],
  )
}

/** In the order of their keys, from behind `after` on. */
export async function listStored(tx: Tx, a: { after: DocumentArgs; rows: number }): Promise<DocumentArgs[]> {
  return tx.all(
    'SELECT org_id AS org, document_id AS document FROM relay_documents WHERE org_id > ? OR (org_id = ? AND document_id > ?) ORDER BY org_id, document_id LIMIT ?',
    [a.after.org, a.after.org, a.after.document, a.rows],
  )
}

export const procedures = { readDocument, appendUpdates, compactDocument, removeDocument, listStored }
export type DocumentProcedures = typeof procedures
