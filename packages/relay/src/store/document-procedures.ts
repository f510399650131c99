/** The relay's tables and everything that is done to them. A removed document leaves its row, so that its epoch goes on. */
import { MeshError } from '@meshbook/core/errors.ts'
import { type Epoch, parseEpoch } from '@meshbook/core/ids.ts'
import type { CallLock, Schema, SqlValue, Tx } from '../sql/tx.ts'
import { type PackedUpdates, packUpdates, rowOfUpdates, updatesOfRow, viewUpdates } from './packed-updates.ts'

export const schema: Schema = {
  name: 'relay',
  migrations: [
    `CREATE TABLE relay_documents (org_id TEXT NOT NULL, document_id TEXT NOT NULL, epoch BIGINT NOT NULL, position BIGINT NOT NULL, PRIMARY KEY (org_id, document_id));
    CREATE TABLE relay_snapshots (org_id TEXT NOT NULL, document_id TEXT NOT NULL, position BIGINT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (org_id, document_id));
    CREATE TABLE relay_updates (org_id TEXT NOT NULL, document_id TEXT NOT NULL, position BIGINT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (org_id, document_id, position)) WITHOUT ROWID;`,
    // A row holds what one append brought: `updates` of them up to `position`; a single one as it is, several packed.
    'ALTER TABLE relay_updates ADD COLUMN updates BIGINT NOT NULL DEFAULT 1;',
    'ALTER TABLE relay_snapshots ADD COLUMN facts BLOB;',
    'ALTER TABLE relay_documents ADD COLUMN retired BLOB;',
  ],
  guarded: ['relay_documents', 'relay_snapshots', 'relay_updates'],
}

/** They name the org of each document. */
export const withoutOrg: ReadonlySet<string> = new Set(['readHeads', 'appendUpdates', 'appendMany', 'listStored'])

interface DocumentArgs {
  org: string
  document: string
}
interface HeadRow {
  epoch: number
  position: number
}
interface FullHeadRow extends HeadRow {
  retired: Uint8Array | null
}
interface DataRow {
  position: number
  data: Uint8Array
}
interface SnapshotRow extends DataRow {
  facts: Uint8Array | null
}
interface UpdatesRow extends DataRow {
  updates: number
}
export interface ReadDocument extends FullHeadRow {
  snapshot: SnapshotRow | undefined
  tail: PackedUpdates
}
/** What one append brings to one document: of the packed updates the next `updates`. */
export interface AppendedDocument extends DocumentArgs {
  epoch: Epoch
  updates: number
}

const newDocument: FullHeadRow = { epoch: 1, position: 0, retired: null }

async function headOf(tx: Tx, { org, document }: DocumentArgs): Promise<FullHeadRow | undefined> {
  return tx.get<FullHeadRow>(
    'SELECT epoch, position, retired FROM relay_documents WHERE org_id = ? AND document_id = ?',
    [org, document],
  )
}

export async function readDocument(tx: Tx, args: DocumentArgs): Promise<ReadDocument> {
  return readSince(tx, { ...args, after: 0 })
}

/** What came after a position: the updates, or, where a compaction took some of them, the snapshot and the updates after it. */
export async function readSince(tx: Tx, args: DocumentArgs & { after: number }): Promise<ReadDocument> {
  const keys = [args.org, args.document]
  const head = (await headOf(tx, args)) ?? newDocument
  const snapshot = await tx.get<SnapshotRow>(
    'SELECT position, data, facts FROM relay_snapshots WHERE org_id = ? AND document_id = ? AND position > ?',
    [...keys, args.after],
  )
  const from = snapshot?.position ?? Math.min(args.after, head.position)
  const rows = await tx.all<UpdatesRow>(
    'SELECT position, updates, data FROM relay_updates WHERE org_id = ? AND document_id = ? AND position > ? ORDER BY position',
    [...keys, from],
  )
  checkGapless(from, rows, head.position)
  const updates = rows.flatMap(updatesIn)
  return {
    ...head,
    snapshot: snapshot && { ...snapshot },
    tail: packUpdates(updates.slice(updates.length - (head.position - from))),
  }
}

function updatesIn(row: UpdatesRow): Uint8Array[] {
  return row.updates === 1 ? [row.data] : updatesOfRow(row.data)
}

/** The first row may begin before `from`: a snapshot may stand for a part of it. */
function checkGapless(from: number, rows: readonly UpdatesRow[], to: number): void {
  let position = from
  for (const [i, row] of rows.entries()) {
    const start = row.position - row.updates
    if (i === 0 ? start > position : start !== position) break
    position = row.position
  }
  if (position !== to)
    throw new MeshError('STORAGE_FAILED', {
      detail: `updates of a document are missing between positions ${position} and ${to}`,
    })
}

/**
 * Appends to each document and returns their positions, null for a document that has another epoch. Nothing is written
 * for that one, so that the others need not be taken back.
 */
export async function appendUpdates(
  tx: Tx,
  { documents, packed }: { documents: readonly AppendedDocument[]; packed: PackedUpdates },
): Promise<(number | null)[]> {
  const updates = viewUpdates(packed)
  const positions: (number | null)[] = []
  let next = 0
  for (const document of documents) {
    positions.push(await appendOne(tx, document, updates.slice(next, next + document.updates)))
    next += document.updates
  }
  return positions
}

async function appendOne(tx: Tx, args: AppendedDocument, updates: readonly Uint8Array[]): Promise<number | null> {
  const head = (await headOf(tx, args)) ?? newDocument
  if (head.epoch !== args.epoch) return null
  if (updates.length === 0) return head.position
  const position = head.position + updates.length
  await tx.run('INSERT INTO relay_updates (org_id, document_id, position, updates, data) VALUES (?, ?, ?, ?, ?)', [
    args.org,
    args.document,
    position,
    updates.length,
    dataOf(updates),
  ])
  await tx.run(
    'INSERT INTO relay_documents (org_id, document_id, epoch, position) VALUES (?, ?, ?, ?) ON CONFLICT (org_id, document_id) DO UPDATE SET position = excluded.position',
    [args.org, args.document, args.epoch, position],
  )
  return position
}

function dataOf(updates: readonly Uint8Array[]): Uint8Array {
  return updates.length === 1 ? updates[0]! : rowOfUpdates(updates)
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
    const added = viewUpdates(append.updates)
    if (added.length === 0) return head.position
    const position = head.position + added.length
    updates.push([append.org, append.document, position, added.length, dataOf(added)])
    rows.push([append.org, append.document, append.epoch, position])
    return position
  })
  await insertAll(tx, 'relay_updates (org_id, document_id, position, updates, data)', updates)
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
export function locksOf(args: DocumentArgs | { appends: DocumentArgs[] } | { documents: DocumentArgs[] }): CallLock[] {
  const documents = 'appends' in args ? args.appends : 'documents' in args ? args.documents : [args]
  return documents.map(document => ({ key: `document ${nameOf(document)}`, shared: false }))
}

export async function compactDocument(
  tx: Tx,
  args: DocumentArgs & { epoch: Epoch; position: number; data: Uint8Array; facts?: Uint8Array | undefined },
): Promise<void> {
  const head = await headOf(tx, args)
  if (head?.epoch !== args.epoch || head.position < args.position) return
  const { changes } = await tx.run(
    `INSERT INTO relay_snapshots (org_id, document_id, position, data, facts) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (org_id, document_id) DO UPDATE SET position = excluded.position, data = excluded.data, facts = excluded.facts WHERE relay_snapshots.position < excluded.position`,
    [args.org, args.document, args.position, args.data, args.facts ?? null],
  )
  if (changes === 0) return
  await tx.run('DELETE FROM relay_updates WHERE org_id = ? AND document_id = ? AND position <= ?', [
    args.org,
    args.document,
    args.position,
  ])
}

/** Of `epoch` and `least` one is given. `from` is where the log must stand. */
export interface ReplaceArgs extends DocumentArgs {
  from?: HeadRow | undefined
  epoch?: number | undefined
  least?: number | undefined
  retired?: Uint8Array | undefined
  updates: PackedUpdates
}

/** Returns the new epoch, null if nothing was changed. */
export async function replaceDocument(tx: Tx, args: ReplaceArgs): Promise<number | null> {
  const head = (await headOf(tx, args)) ?? newDocument
  const { from } = args
  if (from && (from.epoch !== head.epoch || from.position !== head.position)) return null
  const epoch = parseEpoch(args.epoch ?? Math.max(head.epoch + 1, args.least ?? 1))
  if (epoch === head.epoch) return null
  const keys = [args.org, args.document]
  await tx.run('DELETE FROM relay_updates WHERE org_id = ? AND document_id = ?', keys)
  await tx.run('DELETE FROM relay_snapshots WHERE org_id = ? AND document_id = ?', keys)
  await tx.run(
    'INSERT INTO relay_documents (org_id, document_id, epoch, position, retired) VALUES (?, ?, ?, 0, ?) ON CONFLICT (org_id, document_id) DO UPDATE SET epoch = excluded.epoch, position = 0, retired = excluded.retired',
    [...keys, epoch, args.retired ?? null],
  )
  await appendOne(tx, { ...args, epoch, updates: args.updates.lengths.length }, viewUpdates(args.updates))
  return epoch
}

/** In the order of their keys, from behind `after` on. */
export async function listStored(tx: Tx, a: { after: DocumentArgs; rows: number }): Promise<DocumentArgs[]> {
  return tx.all(
    'SELECT org_id AS org, document_id AS document FROM relay_documents WHERE org_id > ? OR (org_id = ? AND document_id > ?) ORDER BY org_id, document_id LIMIT ?',
    [a.after.org, a.after.org, a.after.document, a.rows],
  )
}

export const procedures = {
  readDocument,
  readSince,
  readHeads,
  appendUpdates,
  appendMany,
  compactDocument,
  replaceDocument,
  listStored,
}
export type DocumentProcedures = typeof procedures
