/** What this device knows of the files of its folders that are no notebooks, so that a restart reads none again. */
import type { AssetId, DocumentId, OrgId, ProjectId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import type { FileStamp } from '../projects/disk.ts'
import { decodeStamp, encodeStamp } from './projections.ts'

export interface AssetFileRow {
  /** The entry of the tree. */
  id: DocumentId
  path: string
  /** The file with this stamp has this content; both are null where the file is still to be fetched. */
  stamp: FileStamp | null
  asset: AssetId | null
  /** The content was made here, and may be known nowhere else. */
  own: boolean
}

export async function saveAssetFile(
  tx: Tx,
  { org, project, row }: { org: OrgId; project: ProjectId; row: AssetFileRow },
): Promise<void> {
  await tx.run(
    `INSERT INTO asset_files (org_id, entry_id, project_id, path, stamp, asset_id, own) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (entry_id) DO UPDATE SET project_id = excluded.project_id, path = excluded.path, stamp = excluded.stamp, asset_id = excluded.asset_id, own = excluded.own`,
    [org, row.id, project, row.path, row.stamp && encodeStamp(row.stamp), row.asset, row.own ? 1 : 0],
  )
}

export async function deleteAssetFile(tx: Tx, { org, id }: { org: OrgId; id: DocumentId }): Promise<void> {
  await tx.run('DELETE FROM asset_files WHERE org_id = ? AND entry_id = ?', [org, id])
}

export async function listAssetFiles(
  tx: Tx,
  { org, project }: { org: OrgId; project: ProjectId },
): Promise<AssetFileRow[]> {
  const rows = await tx.all<{
    entry_id: string
    path: string
    stamp: string | null
    asset_id: string | null
    own: number
  }>('SELECT entry_id, path, stamp, asset_id, own FROM asset_files WHERE org_id = ? AND project_id = ?', [org, project])
  return rows.map(row => ({
    id: row.entry_id as DocumentId,
    path: row.path,
    stamp: row.stamp === null ? null : decodeStamp(row.stamp),
    asset: row.asset_id as AssetId | null,
    own: row.own === 1,
  }))
}
