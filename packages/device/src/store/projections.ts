/** What the file of each document held when it was last written or read, so that edits made meanwhile can be told apart. */

import { MeshError } from '@meshbook/core/errors.ts'
import type { DocumentId, OrgId, ProjectId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import type { Base } from '../projects/base-map.ts'
import type { FileStamp } from '../projects/disk.ts'
import type { PastTexts } from '../projects/past-texts.ts'

/**
 * `base` is what the file holds once the write numbered `version` has happened, `before` what it holds as long as that
 * write's temporary file still exists. `merge` is an update that must be in the document because `base` says so.
 */
export interface Projection {
  document: DocumentId
  project: ProjectId
  path: string
  /** The Yjs client id under which edits found in the file are written; used for nothing else. */
  client: number
  version: number
  before: Base | null
  base: Base
  /** What the file held before `base`, for editors that save an older buffer. */
  past: PastTexts
  merge: Uint8Array | null
  inode: string | null
  /** The file as it was last read or written, where that is certain. */
  stamp: FileStamp | null
  /** The file has what the store has up to this position; 0 where that is not known. */
  position: number
  /** The file was deleted here, and the document with it. */
  gone: boolean
}

export type ProjectionHead = Pick<Projection, 'document' | 'path' | 'inode' | 'stamp' | 'gone'> & {
  /** The file was there, or was about to be. */
  isMade: boolean
  /** The file may lack something that the document has. */
  isDue: boolean
}

export function headOf({ document, path, base, inode, stamp, gone }: Projection): Omit<ProjectionHead, 'isDue'> {
  return { document, path, inode, stamp, gone, isMade: inode !== null || base.text !== '' }
}

interface Row {
  document_id: string
  project_id: string
  path: string
  client: number
  version: number
  before_text: string | null
  before_snapshot: Uint8Array | null
  base_text: string
  base_snapshot: Uint8Array | null
  past: string
  merge_update: Uint8Array | null
  inode: string | null
  stamp: string | null
  position: number
  gone: number
}

/** EPOCH when the document was renewed since the row was read: what it says of the document is of another one. */
export async function saveProjection(
  tx: Tx,
  { org, projection }: { org: OrgId; projection: Projection },
): Promise<void> {
  const { document, project, path, client, version, before, base, past, merge, inode, stamp, position, gone } =
    projection
  const { changes } = await tx.run(
    `INSERT INTO projections (org_id, document_id, project_id, path, client, version, before_text, before_snapshot, base_text, base_snapshot, past, merge_update, inode, stamp, position, gone)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (document_id) DO UPDATE SET path = excluded.path, client = excluded.client, version = excluded.version,
      before_text = excluded.before_text, before_snapshot = excluded.before_snapshot, base_text = excluded.base_text,
      base_snapshot = excluded.base_snapshot, past = excluded.past, merge_update = excluded.merge_update, inode = excluded.inode, stamp = excluded.stamp, position = excluded.position, gone = excluded.gone
      WHERE projections.client = excluded.client OR projections.gone = 1`,
    [
      org,
      document,
      project,
      path,
      client,
      version,
      before?.text ?? null,
      before?.snapshot ?? null,
      base.text,
      base.snapshot,
      JSON.stringify(past),
      merge,
      inode,
      stamp && encodeStamp(stamp),
      position,
      gone ? 1 : 0,
    ],
  )
  if (changes === 0) throw new MeshError('EPOCH')
}

export async function deleteProjection(tx: Tx, { org, document }: { org: OrgId; document: DocumentId }): Promise<void> {
  await tx.run('DELETE FROM projections WHERE org_id = ? AND document_id = ?', [org, document])
}

export async function listProjections(
  tx: Tx,
  { org, project }: { org: OrgId; project: ProjectId },
): Promise<ProjectionHead[]> {
  const rows = await tx.all<
    Pick<Row, 'document_id' | 'path' | 'inode' | 'stamp' | 'gone'> & { made: number; due: number }
  >(
    `SELECT p.document_id, p.path, p.inode, p.stamp, p.gone,
      CASE WHEN p.inode IS NULL AND p.base_text = '' THEN 0 ELSE 1 END AS made,
      CASE WHEN p.merge_update IS NULL AND p.position = d.position AND p.position > 0 THEN 0 ELSE 1 END AS due
    FROM projections p LEFT JOIN relay_documents d ON d.org_id = p.org_id AND d.document_id = p.document_id
    WHERE p.org_id = ? AND p.project_id = ?`,
    [org, project],
  )
  return rows.map(row => ({
    document: row.document_id as DocumentId,
    path: row.path,
    inode: row.inode,
    stamp: row.stamp === null ? null : decodeStamp(row.stamp),
    gone: row.gone === 1,
    isMade: row.made === 1,
    isDue: row.due === 1,
  }))
}

export async function loadProjection(
  tx: Tx,
  { org, document }: { org: OrgId; document: DocumentId },
): Promise<Projection> {
  const row = await tx.get<Row>('SELECT * FROM projections WHERE org_id = ? AND document_id = ?', [org, document])
  if (!row) throw new MeshError('NOT_FOUND', { detail: `the file of ${document}` })
  return {
    document: row.document_id as DocumentId,
    project: row.project_id as ProjectId,
    path: row.path,
    client: row.client,
    version: row.version,
    before: row.before_text === null ? null : { text: row.before_text, snapshot: row.before_snapshot },
    base: { text: row.base_text, snapshot: row.base_snapshot },
    past: JSON.parse(row.past) as PastTexts,
    merge: row.merge_update,
    inode: row.inode,
    stamp: row.stamp === null ? null : decodeStamp(row.stamp),
    position: row.position,
    gone: row.gone === 1,
  }
}

/** How many updates the relay has stored of a document. */
export async function storedPosition(tx: Tx, args: { org: OrgId; document: DocumentId }): Promise<number> {
  const row = await tx.get<{ position: number }>(
    'SELECT position FROM relay_documents WHERE org_id = ? AND document_id = ?',
    [args.org, args.document],
  )
  return row?.position ?? 0
}

export function encodeStamp({ inode, size, modified, changed }: FileStamp): string {
  return [inode, size, modified, changed].join(' ')
}

export function decodeStamp(text: string): FileStamp {
  const [inode = '', size = '0', modified = '0', changed = '0'] = text.split(' ')
  return { inode, size: BigInt(size), modified: BigInt(modified), changed: BigInt(changed) }
}
