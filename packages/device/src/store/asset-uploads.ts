/** Assets made on this device that the hub does not have yet; their bytes are in the device's asset folder. */
import type { AssetId, OrgId, ProjectId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

export interface AssetUpload {
  asset: AssetId
  mimeType: string
  /** For which it is. */
  project?: ProjectId | undefined
}

export async function queueUpload(tx: Tx, args: AssetUpload & { org: OrgId; now: number }): Promise<void> {
  await tx.run(
    'INSERT INTO asset_uploads (org_id, asset_id, mime_type, queued_at, project_id) VALUES (?, ?, ?, ?, ?) ON CONFLICT (asset_id) DO NOTHING',
    [args.org, args.asset, args.mimeType, args.now, args.project ?? null],
  )
}

export async function uploaded(tx: Tx, { org, asset }: { org: OrgId; asset: AssetId }): Promise<void> {
  await tx.run('DELETE FROM asset_uploads WHERE org_id = ? AND asset_id = ?', [org, asset])
}

export async function listUploads(tx: Tx, { org }: { org: OrgId }): Promise<AssetUpload[]> {
  const rows = await tx.all<{ asset_id: string; mime_type: string; project_id: ProjectId | null }>(
    'SELECT asset_id, mime_type, project_id FROM asset_uploads WHERE org_id = ? ORDER BY queued_at',
    [org],
  )
  return rows.map(row => ({
    asset: row.asset_id as AssetId,
    mimeType: row.mime_type,
    ...(row.project_id === null ? {} : { project: row.project_id }),
  }))
}
