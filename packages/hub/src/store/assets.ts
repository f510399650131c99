/** Procedures over which org has which blob. The bytes are files. */
import type { AssetId, OrgId } from '@meshbook/core/ids.ts'
import type { Tx } from './tx.ts'

export interface AssetRow {
  bytes: number
  mimeType: string
}

export function addAsset(tx: Tx, a: AssetRow & { org: OrgId; id: AssetId; now: number }): void {
  tx.run('INSERT INTO assets (org_id, asset_id, bytes, mime_type, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (org_id, asset_id) DO NOTHING', [a.org, a.id, a.bytes, a.mimeType, a.now])
}

export function findAsset(tx: Tx, a: { org: OrgId; id: AssetId }): AssetRow | null {
  return tx.get<AssetRow>('SELECT bytes, mime_type AS "mimeType" FROM assets WHERE org_id = ? AND asset_id = ?', [a.org, a.id]) ?? null
}
