/** Procedures over which org has which blob, and over uploads that are under way. The bytes are objects. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { AssetId, OrgId, UserId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

export interface AssetRow {
  bytes: number
  mimeType: string
  object: string
  unreferencedAt: number | null
}

export interface UploadRow {
  org: OrgId
  user: UserId
  asset: AssetId
  /** Names the local file. */
  upload: string
  /** What the object will be called. */
  object: string
  /** Null where it was not announced. */
  total: number | null
  /** Durable so far. */
  received: number
}

type UploadKey = Pick<UploadRow, 'org' | 'user' | 'asset'>

const uploadColumns =
  'org_id AS org, user_id AS "user", asset_id AS asset, upload_id AS upload, object, total, received FROM asset_uploads'

export async function findAsset(tx: Tx, a: { org: OrgId; id: AssetId }): Promise<AssetRow | null> {
  const row = await tx.get<AssetRow>(
    'SELECT bytes, mime_type AS "mimeType", object, unreferenced_at AS "unreferencedAt" FROM assets WHERE org_id = ? AND asset_id = ?',
    [a.org, a.id],
  )
  return row ?? null
}

/** The asset, and its grace begins anew: somebody counts on it (AG2). */
export async function claimAsset(tx: Tx, a: { org: OrgId; id: AssetId }): Promise<AssetRow | null> {
  await tx.run('UPDATE assets SET unreferenced_at = NULL WHERE org_id = ? AND asset_id = ?', [a.org, a.id])
  return findAsset(tx, a)
}

export interface UploadCaps {
  perUser: number
  perOrgBytes: number
}

/** The upload of this user for this asset, begun now if there is none. A new announcement of the size replaces the old one. */
export async function beginUpload(
  tx: Tx,
  a: UploadKey & { upload: string; object: string; total: number | null; caps: UploadCaps; now: number },
): Promise<UploadRow> {
  const known = await findUpload(tx, a)
  if (!known) await checkUploads(tx, a)
  const other = known && a.total !== null && known.total !== a.total
  if (!known || other) await checkBytes(tx, a, a.total ?? 0)
  await tx.run(
    `INSERT INTO asset_uploads (org_id, user_id, asset_id, upload_id, object, total, received, touched_at) VALUES (?, ?, ?, ?, ?, ?, 0, ?)
    ON CONFLICT (org_id, user_id, asset_id) DO UPDATE SET touched_at = excluded.touched_at, total = COALESCE(excluded.total, asset_uploads.total)`,
    [a.org, a.user, a.asset, a.upload, a.object, a.total, a.now],
  )
  return (await findUpload(tx, a))!
}

async function checkUploads(tx: Tx, { org, user, caps }: UploadKey & { caps: UploadCaps }): Promise<void> {
  const { count } = (await tx.get<{ count: number }>(
    'SELECT COUNT(*) AS count FROM asset_uploads WHERE org_id = ? AND user_id = ?',
    [org, user],
  ))!
  if (count >= caps.perUser)
    throw new MeshError('TOO_MANY', { detail: `${count} uploads are under way, as many as a user may have` })
}

/** What is there, and what others have announced or sent, and this. */
async function checkBytes(tx: Tx, a: UploadKey & { caps: UploadCaps }, wanted: number): Promise<void> {
  const stored = await tx.get<{ bytes: number }>('SELECT bytes FROM asset_totals WHERE org_id = ?', [a.org])
  const { coming } = (await tx.get<{ coming: number }>(
    `SELECT COALESCE(SUM(CASE WHEN COALESCE(total, 0) > received THEN total ELSE received END), 0) AS coming
    FROM asset_uploads WHERE org_id = ? AND NOT (user_id = ? AND asset_id = ?)`,
    [a.org, a.user, a.asset],
  ))!
  if (Number(stored?.bytes ?? 0) + Number(coming) + wanted > a.caps.perOrgBytes)
    throw new MeshError('QUOTA_USED', { detail: `all assets together may have ${a.caps.perOrgBytes} bytes` })
}

export async function findUpload(tx: Tx, a: UploadKey): Promise<UploadRow | null> {
  const row = await tx.get<UploadRow>(`SELECT ${uploadColumns} WHERE org_id = ? AND user_id = ? AND asset_id = ?`, [
    a.org,
    a.user,
    a.asset,
  ])
  return row ?? null
}

/** So much of it is on the disk. What was not announced counts as it comes. */
export async function saveUpload(tx: Tx, a: UploadRow & { caps: UploadCaps; now: number }): Promise<void> {
  if (a.total === null) await checkBytes(tx, a, a.received)
  await tx.run('UPDATE asset_uploads SET received = ?, touched_at = ? WHERE org_id = ? AND upload_id = ?', [
    a.received,
    a.now,
    a.org,
    a.upload,
  ])
}

/** The object is durable. If somebody else was first, this object is one too many. */
export async function finishUpload(
  tx: Tx,
  a: UploadRow & { bytes: number; mimeType: string; now: number },
): Promise<void> {
  const { changes } = await tx.run('DELETE FROM asset_uploads WHERE org_id = ? AND upload_id = ?', [a.org, a.upload])
  if (changes === 0) throw new MeshError('CONFLICT', { detail: 'the upload was dropped meanwhile' })
  const added = await tx.run(
    'INSERT INTO assets (org_id, asset_id, bytes, mime_type, created_at, object) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (org_id, asset_id) DO NOTHING',
    [a.org, a.asset, a.bytes, a.mimeType, a.now, a.object],
  )
  if (added.changes > 0) return countBytes(tx, { org: a.org, bytes: a.bytes })
  await removeLater(tx, a)
  await claimAsset(tx, { org: a.org, id: a.asset })
}

/** The sum is kept, because adding up all assets for each upload would take longer with each. */
export async function countBytes(tx: Tx, a: { org: OrgId; bytes: number }): Promise<void> {
  await tx.run(
    'INSERT INTO asset_totals (org_id, bytes) VALUES (?, ?) ON CONFLICT (org_id) DO UPDATE SET bytes = asset_totals.bytes + excluded.bytes',
    [a.org, a.bytes],
  )
}

/** Whatever was written under its name goes too. */
export async function dropUpload(
  tx: Tx,
  a: Pick<UploadRow, 'org' | 'upload' | 'object'> & { now: number },
): Promise<boolean> {
  const { changes } = await tx.run('DELETE FROM asset_uploads WHERE org_id = ? AND upload_id = ?', [a.org, a.upload])
  if (changes > 0) await removeLater(tx, a)
  return changes > 0
}

export async function listUploads(tx: Tx, a: { touchedBefore: number }): Promise<UploadRow[]> {
  return tx.all<UploadRow>(`SELECT ${uploadColumns} WHERE touched_at <= ? ORDER BY touched_at`, [a.touchedBefore])
}

export async function removeLater(tx: Tx, a: { org: string; object: string; now: number }): Promise<void> {
  await tx.run(
    'INSERT INTO asset_removals (org_id, object, removed_at) VALUES (?, ?, ?) ON CONFLICT (org_id, object) DO NOTHING',
    [a.org, a.object, a.now],
  )
}

/** Objects to delete. One that another org's asset still has, as the first version stored them, is left out. */
export async function listRemovals(
  tx: Tx,
  a: { most: number },
): Promise<{ org: OrgId; object: string; used: number }[]> {
  return tx.all(
    'SELECT org_id AS org, object, (SELECT COUNT(*) FROM assets WHERE assets.object = asset_removals.object) AS used FROM asset_removals ORDER BY removed_at LIMIT ?',
    [a.most],
  )
}

export async function removed(tx: Tx, a: { objects: { org: string; object: string }[] }): Promise<void> {
  for (const { org, object } of a.objects)
    await tx.run('DELETE FROM asset_removals WHERE org_id = ? AND object = ?', [org, object])
}
