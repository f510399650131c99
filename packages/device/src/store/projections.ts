/** What the file of each document held when it was last written or read, so that edits made meanwhile can be told apart. */
import type { DocumentId, OrgId, ProjectId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import type { Base } from '../projects/base-map.ts'
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
  /** The file was deleted here, and the document with it. */
  gone: boolean
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
  gone: number
}

export async function saveProjection(
  tx: Tx,
  { org, projection }: { org: OrgId; projection: Projection },
): Promise<void> {
  const { document, project, path, client, version, before, base, past, merge, inode, gone } = projection
  await tx.run(
    `INSERT INTO projections (org_id, document_id, project_id, path, client, version, before_text, before_snapshot, base_text, base_snapshot, past, merge_update, inode, gone)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (document_id) DO UPDATE SET path = excluded.path, client = excluded.client, version = excluded.version,
      before_text = excluded.before_text, before_snapshot = excluded.before_snapshot, base_text = excluded.base_text,
      base_snapshot = excluded.base_snapshot, past = excluded.past, merge_update = excluded.merge_update, inode = excluded.inode, gone = excluded.gone`,
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
      gone ? 1 : 0,
    ],
  )
}

export async function deleteProjection(tx: Tx, { org, document }: { org: OrgId; document: DocumentId }): Promise<void> {
  await tx.run('DELETE FROM projections WHERE org_id = ? AND document_id = ?', [org, document])
}

export async function listProjections(
  tx: Tx,
  { org, project }: { org: OrgId; project: ProjectId },
): Promise<Projection[]> {
  const rows = await tx.all<Row>('SELECT * FROM projections WHERE org_id = ? AND project_id = ?', [org, project])
  return rows.map(row => ({
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
    gone: row.gone === 1,
  }))
}
