/** Procedures of pairing by a code (PR1…). A state changes in one transaction with what it brings. */
import { createHash } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, OrgId, PairingId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { digitsOf, transcriptText } from '@meshbook/core/pairing.ts'
import type { Pairing } from '@meshbook/core/pairing-api.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { type AuditNote, noteAudit } from './audit.ts'
import { type NewBrowserSession, openBrowserSession, type SignedIn } from './browser-sessions.ts'
import { addDevice } from './identity.ts'
import { setSealKey } from './owner-keys.ts'

export interface PairingRow {
  org: OrgId
  user: UserId
  userName: string
  id: PairingId
  state: Exclude<Pairing['state'], 'expired'> | 'taken'
  digitTries: number
  expiresAt: number
  name: string | null
  kind: DeviceInfo['kind'] | 'browser' | null
  publicKey: string | null
  sealKey: string | null
  sealProof: string | null
  digits: string | null
  device: DeviceId | null
}

const columns =
  'p.org_id AS org, p.user_id AS user, u.name AS "userName", p.pairing_id AS id, p.state AS state, p.digit_tries AS "digitTries", p.expires_at AS "expiresAt", p.name AS name, p.kind AS kind, p.public_key AS "publicKey", p.seal_key AS "sealKey", p.seal_proof AS "sealProof", p.digits AS digits, p.device_id AS device'
const withUser = 'pairings p JOIN users u ON u.org_id = p.org_id AND u.user_id = p.user_id'

async function select(tx: Tx, where: string, values: string[]): Promise<PairingRow | undefined> {
  const row = await tx.get<PairingRow>(`SELECT ${columns} FROM ${withUser} WHERE ${where}`, values)
  return row && { ...row, expiresAt: Number(row.expiresAt), digitTries: Number(row.digitTries) }
}

export async function newPairing(
  tx: Tx,
  a: { org: OrgId; user: UserId; id: PairingId; codeHash: string; issuer: string; now: number; expiresAt: number },
): Promise<void> {
  await tx.run('DELETE FROM pairings WHERE org_id = ? AND expires_at <= ?', [a.org, a.now - limits.pairingMs])
  const open = await tx.get<{ count: number }>(
    'SELECT COUNT(*) AS count FROM pairings WHERE org_id = ? AND user_id = ? AND expires_at > ?',
    [a.org, a.user, a.now],
  )
  if (Number(open?.count ?? 0) >= limits.pairingsPerUser)
    throw new MeshError('TOO_MANY', { detail: `${limits.pairingsPerUser} pairing codes at a time` })
  await tx.run(
    "INSERT INTO pairings (org_id, user_id, pairing_id, code_hash, issuer, state, digit_tries, created_at, expires_at) VALUES (?, ?, ?, ?, ?, 'waiting', 0, ?, ?)",
    [a.org, a.user, a.id, a.codeHash, a.issuer, a.now, a.expiresAt],
  )
}

export interface Claim {
  code: string
  codeHash: string
  claimHash: string
  name: string
  kind: string
  publicKey: string
  sealKey: string | null
  sealProof: string | null
  now: number
}

/** The first who shows the code has it; null when there is no such code (any more). */
export async function claimPairing(tx: Tx, a: Claim): Promise<PairingRow | null> {
  const row = await select(tx, 'p.code_hash = ?', [a.codeHash])
  if (row?.state !== 'waiting' || row.expiresAt <= a.now) return null
  const transcript = { pairing: row.id, code: a.code, publicKey: a.publicKey, sealKey: a.sealKey ?? '' }
  const digits = digitsOf(createHash('sha256').update(transcriptText(transcript)).digest())
  await tx.run(
    "UPDATE pairings SET state = 'claimed', claim_hash = ?, name = ?, kind = ?, public_key = ?, seal_key = ?, seal_proof = ?, digits = ? WHERE org_id = ? AND pairing_id = ?",
    [a.claimHash, a.name, a.kind, a.publicKey, a.sealKey, a.sealProof, digits, row.org, row.id],
  )
  return (await select(tx, 'p.code_hash = ?', [a.codeHash])) ?? null
}

export async function findPairing(tx: Tx, a: { org: OrgId; user: UserId; id: string }): Promise<PairingRow | null> {
  return (await select(tx, 'p.org_id = ? AND p.user_id = ? AND p.pairing_id = ?', [a.org, a.user, a.id])) ?? null
}

export async function findClaim(tx: Tx, a: { claimHash: string }): Promise<PairingRow | null> {
  return (await select(tx, 'p.claim_hash = ?', [a.claimHash])) ?? null
}

/** Right digits add the device; the last wrong ones refuse it. Either is noted with it, by the note of its name. */
export async function confirmPairing(
  tx: Tx,
  a: {
    org: OrgId
    user: UserId
    id: string
    digits: string
    device: DeviceId | null
    notes: { added: AuditNote; denied: AuditNote }
    now: number
  },
): Promise<PairingRow | null> {
  const row = await findPairing(tx, a)
  if (!row) return null
  if (row.state !== 'claimed' || row.expiresAt <= a.now) return row
  if (row.digits !== a.digits) {
    const tries = row.digitTries + 1
    const state = tries >= limits.pairingDigitTries ? 'denied' : 'claimed'
    await tx.run('UPDATE pairings SET digit_tries = ?, state = ? WHERE org_id = ? AND pairing_id = ?', [
      tries,
      state,
      a.org,
      row.id,
    ])
    if (state === 'denied') await noteAudit(tx, { org: a.org, note: a.notes.denied })
    return { ...row, digitTries: tries, state }
  }
  if (a.device !== null && (await admit(tx, row, a.device, a.now)))
    await noteAudit(tx, { org: a.org, note: a.notes.added })
  await tx.run("UPDATE pairings SET state = 'done', device_id = ? WHERE org_id = ? AND pairing_id = ?", [
    a.device,
    a.org,
    row.id,
  ])
  return { ...row, state: 'done', device: a.device }
}

async function admit(tx: Tx, row: PairingRow, id: DeviceId, now: number): Promise<boolean> {
  const { org, user, publicKey, name, kind, sealKey, sealProof } = row
  const isNew = await addDevice(tx, { org, user, id, publicKey: publicKey!, name: name!, kind: kind!, now })
  await setSealKey(tx, { org, id, sealKey: sealKey!, sealProof: sealProof! })
  return isNew
}

export async function cancelPairing(
  tx: Tx,
  a: { org: OrgId; user: UserId; id: string; as: 'cancelled' | 'denied' },
): Promise<boolean> {
  const { changes } = await tx.run(
    "UPDATE pairings SET state = ? WHERE org_id = ? AND user_id = ? AND pairing_id = ? AND state IN ('waiting', 'claimed')",
    [a.as, a.org, a.user, a.id],
  )
  return changes > 0
}

/** A browser that was confirmed is signed in, once. */
export async function takePairedSession(
  tx: Tx,
  a: { claimHash: string; session: NewBrowserSession },
): Promise<SignedIn | null> {
  const row = await findClaim(tx, a)
  if (row?.state !== 'done' || row.kind !== 'browser' || row.expiresAt <= a.session.now) return null
  await tx.run("UPDATE pairings SET state = 'taken' WHERE org_id = ? AND pairing_id = ?", [row.org, row.id])
  return openBrowserSession(tx, { org: row.org, user: row.user, name: row.userName }, a.session)
}
