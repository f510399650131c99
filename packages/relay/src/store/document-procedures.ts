/** The relay's tables and everything that is done to them. A removed document leaves its row, so that its epoch goes on. */
import { MeshError } from '@meshbook/core/errors.ts'
import { type Epoch, parseEpoch } from '@meshbook/core/ids.ts'
import { concatBytes } from '../bytes.ts'
import type { CallLock, Schema, SqlValue, Tx } from '../sql/tx.ts'

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
  return readSince(tx, { ...args, after: 0 })
}

/** What came after a position: the updates, or, where a compaction took some of them, the snapshot and the updates after it. */
export async function readSince(tx: Tx, args: DocumentArgs & { after: number }): Promise<ReadDocument> {
  const keys = [args.org, args.document]
  const head = (await headOf(tx, args)) ?? newDocument
  const snapshot = await tx.get<DataRow>(
    'SELECT position, data FROM relay_snapshots WHERE org_id = ? AND document_id = ? AND position > ?',
    [...keys, args.after],
  )
  const from = snapshot?.position ?? Math.min(args.after, head.position)
  const rows = await tx.all<DataRow>(
    'SELECT position, data FROM relay_updates WHERE org_id = ? AND document_id = ? AND position > ? ORDER BY position',
    [...keys, from],
  )
  checkGapless(from, rows, head.position)
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

export interface Append extends DocumentArgs {
  epoch: Epoch
  updates: PackedUpdates
}

/**
 * Appends to several documents, each named once, with three statements for all of them. The position of each one's last
 * update; null for one that has another epoch by now, to which nothing was added.
 */
export async function appendMany(tx: Tx, args: { appends: Append[] }): Promise<(number | null)[]> {
  const heads = await readHeads(tx, { documents: args.appends })
  const known = new Map(heads.map(head => [nameOf(head), head]))
  const updates: SqlValue[][] = []
  const rows: SqlValue[][] = []
  const positions = args.appends.map(append => {
    const head = known.get(nameOf(append)) ?? newDocument
    if (head.epoch !== append.epoch) return null
    let { position } = head
    for (const data of unpackUpdates(append.updates)) updates.push([append.org, append.document, ++position, data])
    rows.push([append.org, append.document, append.epoch, position])
    return position
  })
  await insertAll(tx, 'relay_updates (org_id, document_id, position, data)', updates)
  const replace = ' ON CONFLICT (org_id, document_id) DO UPDATE SET position = excluded.position'
  await insertAll(tx, 'relay_documents (org_id, document_id, epoch, position)', rows, replace)
  return positions
}

const rowsPerStatement = 500
const nameOf = ({ org, document }: DocumentArgs): string => `${org}/${document}`

async function insertAll(tx: Tx, columns: string, rows: SqlValue[][], onConflict = ''): Promise<void> {
  for (let i = 0; i < rows.length; i += rowsPerStatement) {
    const some = rows.slice(i, i + rowsPerStatement)
    const values = some.map(row => `(${row.map(() => '?').join(', ')})`).join(', ')
    await tx.run(`INSERT INTO ${columns} VALUES ${values}${onConflict}`, some.flat())
  }
}

export interface DocumentHead extends DocumentArgs, HeadRow {}

/** How far the log of each document goes; one that was never written to is left out. */
export async function readHeads(tx: Tx, args: { documents: DocumentArgs[] }): Promise<DocumentHead[]> {
  const heads: DocumentHead[] = []
  for (let i = 0; i < args.documents.length; i += rowsPerStatement) {
    const some = args.documents.slice(i, i + rowsPerStatement)
    const found = await tx.all<DocumentHead>(
      `SELECT org_id AS org, document_id AS document, epoch, position FROM relay_documents WHERE (org_id, document_id) IN (VALUES ${some.map(() => '(?, ?)').join(', ')})`,
      some.flatMap(({ org, document }) => [org, document]),
    )
    heads.push(...found)
  }
  return heads
}

/** A document's log is its own: what else happens in its org need not wait for it. */
export function locksOf(args: DocumentArgs | { appends: DocumentArgs[] }): CallLock[] {
  const documents = 'appends' in args ? args.appends : [args]
  return documents.map(document => ({ key: `document ${nameOf(document)}`, shared: false }))
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

export const procedures = {
  readDocument,
  readSince,
  readHeads,
  appendUpdates,
  appendMany,
  compactDocument,
  removeDocument,
}
export type DocumentProcedures = typeof procedures
