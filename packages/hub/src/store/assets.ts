/** Procedures over which org has which blob. The bytes are files. */
import type { AssetId, OrgId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

export interface AssetRow {
  bytes: number
  mimeType: string
}

export async function addAsset(tx: Tx, a: AssetRow & { org: OrgId; id: AssetId; now: number }): Promise<void> {
  await tx.run(
    'INSERT INTO assets (org_id, asset_id, bytes, mime_type, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (org_id, asset_id) DO NOTHING',
    [a.org, a.id, a.bytes, a.mimeType, a.now],
  )
}

export async function findAsset(tx: Tx, a: { org: OrgId; id: AssetId }): Promise<AssetRow | null> {
  const row = await tx.get<AssetRow>(
    'SELECT bytes, mime_type AS "mimeType" FROM assets WHERE org_id = ? AND asset_id = ?',
    [a.org, a.id],
  )
  return row ?? null
}
