/** Sealed copies of each user's data key (OK1…). The hub can open none of them. */
import type { DeviceId, OrgId, UserId } from '@meshbook/core/ids.ts'
import type { KeyCopy } from '@meshbook/core/messages.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

export interface OwnerKeyState {
  version: number
  rotate: boolean
  copies: KeyCopy[]
  recovery: KeyCopy | null
  devices: { id: DeviceId; publicKey: string; sealKey: string; sealProof: string; lacks: number[] }[]
}

type StoredCopy = Omit<KeyCopy, 'sealKey'> & { sealKey: string | null }
const copyColumns = 'version, recipient, seal_key AS "sealKey", sealed, made_by AS by, by_key AS "byKey", signature'

function copyOf({ sealKey, version, ...copy }: StoredCopy): KeyCopy {
  return { ...copy, version: Number(version), ...(sealKey === null ? {} : { sealKey }) }
}

/** What one device is told: its own copies, and who lacks which version. */
export async function ownerKeysFor(tx: Tx, a: { org: OrgId; user: UserId; device: DeviceId }): Promise<OwnerKeyState> {
  const of = [a.org, a.user]
  const versions = await tx.all<{ version: number; rotate: number }>(
    'SELECT version, rotate FROM owner_keys WHERE org_id = ? AND user_id = ? ORDER BY version',
    of,
  )
  const mine = await tx.all<StoredCopy>(
    `SELECT ${copyColumns} FROM owner_key_copies WHERE org_id = ? AND user_id = ? AND recipient = ? ORDER BY version`,
    [...of, a.device],
  )
  const recovery = await tx.get<StoredCopy>(
    `SELECT ${copyColumns} FROM owner_key_copies WHERE org_id = ? AND user_id = ? AND recipient = 'recovery' ORDER BY version DESC LIMIT 1`,
    of,
  )
  const newest = versions.at(-1)
  return {
    version: Number(newest?.version ?? 0),
    rotate: Number(newest?.rotate ?? 0) === 1,
    copies: mine.map(copyOf),
    recovery: recovery ? copyOf(recovery) : null,
    devices: await sealable(
      tx,
      a,
      versions.map(({ version }) => Number(version)),
    ),
  }
}

async function sealable(
  tx: Tx,
  { org, user }: { org: OrgId; user: UserId },
  versions: number[],
): Promise<OwnerKeyState['devices']> {
  const devices = await tx.all<Omit<OwnerKeyState['devices'][number], 'lacks'>>(
    `SELECT device_id AS id, public_key AS "publicKey", seal_key AS "sealKey", seal_proof AS "sealProof" FROM devices WHERE org_id = ? AND user_id = ? AND revoked_at IS NULL AND seal_key IS NOT NULL AND kind <> 'worker' ORDER BY device_id`,
    [org, user],
  )
  const held = await tx.all<{ recipient: string; version: number }>(
    'SELECT recipient, version FROM owner_key_copies WHERE org_id = ? AND user_id = ?',
    [org, user],
  )
  const has = new Set(held.map(({ recipient, version }) => `${recipient} ${version}`))
  return devices.map(device => ({ ...device, lacks: versions.filter(version => !has.has(`${device.id} ${version}`)) }))
}

/**
 * Takes copies that a device made. A new version is taken once, when there is none or the newest is to be replaced;
 * whoever comes second is told what the first made. Only devices that are not shut out get copies. Returns whether anything changed.
 */
export async function putOwnerKey(
  tx: Tx,
  a: { org: OrgId; user: UserId; device: DeviceId; version: number; keyId: string; copies: KeyCopy[]; now: number },
): Promise<boolean> {
  const newest = await tx.get<{ version: number; rotate: number }>(
    'SELECT version, rotate FROM owner_keys WHERE org_id = ? AND user_id = ? ORDER BY version DESC LIMIT 1',
    [a.org, a.user],
  )
  const known = Number(newest?.version ?? 0)
  const isNew = a.version === known + 1 && (known === 0 || Number(newest?.rotate) === 1)
  if (!isNew && !(await isKnown(tx, a))) return false
  if (isNew && !a.copies.some(copy => copy.recipient === a.device)) return false
  if (isNew)
    await tx.run(
      'INSERT INTO owner_keys (org_id, user_id, version, key_id, made_by, created_at, rotate) VALUES (?, ?, ?, ?, ?, ?, 0)',
      [a.org, a.user, a.version, a.keyId, a.device, a.now],
    )
  let added = 0
  for (const copy of a.copies) if (copy.version === a.version) added += await addCopy(tx, a, copy)
  return isNew || added > 0
}

/** Copies of a key that lost against another one of the same version are of no use to anybody. */
async function isKnown(tx: Tx, a: { org: OrgId; user: UserId; version: number; keyId: string }): Promise<boolean> {
  const known = await tx.get<{ id: string }>(
    'SELECT key_id AS id FROM owner_keys WHERE org_id = ? AND user_id = ? AND version = ?',
    [a.org, a.user, a.version],
  )
  return known?.id === a.keyId
}

async function addCopy(tx: Tx, { org, user }: { org: OrgId; user: UserId }, copy: KeyCopy): Promise<number> {
  if (copy.recipient !== 'recovery') {
    const device = await tx.get(
      "SELECT device_id FROM devices WHERE org_id = ? AND user_id = ? AND device_id = ? AND revoked_at IS NULL AND kind <> 'worker'",
      [org, user, copy.recipient],
    )
    if (!device) return 0
  }
  const { changes } = await tx.run(
    'INSERT INTO owner_key_copies (org_id, user_id, version, recipient, seal_key, sealed, made_by, by_key, signature) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    [org, user, copy.version, copy.recipient, copy.sealKey ?? null, copy.sealed, copy.by, copy.byKey, copy.signature],
  )
  return changes
}

/** A device that is shut out loses its copies, and the key that it had is to be replaced. */
export async function lockOut(tx: Tx, a: { org: OrgId; id: DeviceId }): Promise<void> {
  await tx.run(
    'UPDATE owner_keys SET rotate = 1 WHERE org_id = ? AND EXISTS (SELECT 1 FROM owner_key_copies c WHERE c.org_id = owner_keys.org_id AND c.user_id = owner_keys.user_id AND c.version = owner_keys.version AND c.recipient = ?)',
    [a.org, a.id],
  )
  await tx.run('DELETE FROM owner_key_copies WHERE org_id = ? AND recipient = ?', [a.org, a.id])
}

/** Where secrets for a device are sealed to; whoever calls has checked that the device signed it. */
/** A device lacks a version: nothing is stored, but its user's devices at other hubs are asked too (CH1). */
export async function wantOwnerKeys(_: Tx, __: { org: OrgId; user: UserId }): Promise<true> {
  return true
}

export async function setSealKey(
  tx: Tx,
  a: { org: OrgId; id: DeviceId; sealKey: string; sealProof: string },
): Promise<boolean> {
  const { changes } = await tx.run(
    'UPDATE devices SET seal_key = ?, seal_proof = ? WHERE org_id = ? AND device_id = ? AND (seal_key IS NULL OR seal_key <> ?)',
    [a.sealKey, a.sealProof, a.org, a.id, a.sealKey],
  )
  // Copies that were sealed to another key are of no use any more.
  if (changes > 0) await tx.run('DELETE FROM owner_key_copies WHERE org_id = ? AND recipient = ?', [a.org, a.id])
  return changes > 0
}
