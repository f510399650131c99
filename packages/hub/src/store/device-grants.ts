/** Procedures of the device authorization grant and of the loopback redirect (DG1…, LR1…). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, OrgId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { type AuditNote, noteAudit } from './audit.ts'
import { addDevice } from './identity.ts'
import { setSealKey } from './owner-keys.ts'

export interface GrantRow {
  org: OrgId
  user: UserId
  codeHash: string
  state: 'pending' | 'approved' | 'denied'
  createdAt: number
  expiresAt: number
  intervalMs: number
  polledAt: number
  name: string
  kind: DeviceInfo['kind']
  publicKey: string
  sealKey: string
  sealProof: string
  redirectUri: string | null
  challenge: string | null
}

const columns =
  'org_id AS org, user_id AS user, code_hash AS "codeHash", state, created_at AS "createdAt", expires_at AS "expiresAt", interval_ms AS "intervalMs", polled_at AS "polledAt", name, kind, public_key AS "publicKey", seal_key AS "sealKey", seal_proof AS "sealProof", redirect_uri AS "redirectUri", challenge'

async function select(tx: Tx, where: string, value: string): Promise<GrantRow | undefined> {
  const row = await tx.get<GrantRow>(`SELECT ${columns} FROM device_grants WHERE ${where} = ?`, [value])
  return (
    row && {
      ...row,
      createdAt: Number(row.createdAt),
      expiresAt: Number(row.expiresAt),
      intervalMs: Number(row.intervalMs),
      polledAt: Number(row.polledAt),
    }
  )
}

export interface NewGrant {
  /** Empty until somebody approves it. */
  org: OrgId | ''
  user: UserId | ''
  codeHash: string
  userCodeHash: string | null
  state: 'pending' | 'approved'
  now: number
  expiresAt: number
  name: string
  kind: string
  publicKey: string
  sealKey: string
  sealProof: string
  redirectUri: string | null
  challenge: string | null
}

export async function newGrant(tx: Tx, a: NewGrant): Promise<void> {
  await tx.run('DELETE FROM device_grants WHERE expires_at <= ?', [a.now - limits.deviceGrantMs])
  const open = await tx.get<{ count: number }>('SELECT COUNT(*) AS count FROM device_grants WHERE expires_at > ?', [
    a.now,
  ])
  if (Number(open?.count ?? 0) >= limits.deviceGrantsPerHub) throw new MeshError('SLOW_DOWN')
  await tx.run(
    'INSERT INTO device_grants (org_id, user_id, code_hash, user_code_hash, state, created_at, expires_at, interval_ms, polled_at, name, kind, public_key, seal_key, seal_proof, redirect_uri, challenge) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?)',
    [
      a.org,
      a.user,
      a.codeHash,
      a.userCodeHash,
      a.state,
      a.now,
      a.expiresAt,
      limits.deviceGrantPollMs,
      a.name,
      a.kind,
      a.publicKey,
      a.sealKey,
      a.sealProof,
      a.redirectUri,
      a.challenge,
    ],
  )
}

/** What a person is asked about; null when nothing waits under this code. */
export async function findGrant(tx: Tx, a: { userCodeHash: string; now: number }): Promise<GrantRow | null> {
  const row = await select(tx, 'user_code_hash', a.userCodeHash)
  return row?.state === 'pending' && row.expiresAt > a.now ? row : null
}

/** Approving adds the device at once; the one that asked learns it when it asks next. */
export async function decideGrant(
  tx: Tx,
  a: { org: OrgId; user: UserId; userCodeHash: string; device: DeviceId | null; now: number },
): Promise<boolean> {
  const row = await findGrant(tx, a)
  if (!row) return false
  await tx.run('UPDATE device_grants SET org_id = ?, user_id = ?, state = ? WHERE code_hash = ?', [
    a.org,
    a.user,
    a.device === null ? 'denied' : 'approved',
    row.codeHash,
  ])
  if (a.device !== null) await admit(tx, { ...row, org: a.org, user: a.user }, a.device, a.now)
  return true
}

async function admit(tx: Tx, { org, user, ...device }: GrantRow, id: DeviceId, now: number): Promise<void> {
  await addDevice(tx, { org, user, id, publicKey: device.publicKey, name: device.name, kind: device.kind, now })
  await setSealKey(tx, { org, id, sealKey: device.sealKey, sealProof: device.sealProof })
}

export type Poll =
  | { answer: 'authorization_pending' | 'slow_down' | 'expired_token' | 'access_denied' | 'invalid_grant' }
  | { answer: 'approved'; grant: GrantRow }

/** One question of the device that waits. Who asks faster than told is slowed down by five seconds each time. An approval is taken once. */
export async function pollGrant(tx: Tx, a: { codeHash: string; now: number }): Promise<Poll> {
  const row = await select(tx, 'code_hash', a.codeHash)
  if (!row || row.redirectUri !== null) return { answer: 'invalid_grant' }
  if (row.expiresAt <= a.now) return { answer: 'expired_token' }
  if (row.state === 'denied') return { answer: 'access_denied' }
  if (row.state === 'approved') {
    await tx.run('DELETE FROM device_grants WHERE code_hash = ?', [a.codeHash])
    return { answer: 'approved', grant: row }
  }
  const tooFast = a.now - row.polledAt < row.intervalMs
  await tx.run('UPDATE device_grants SET polled_at = ?, interval_ms = ? WHERE code_hash = ?', [
    a.now,
    row.intervalMs + (tooFast ? limits.deviceGrantPollMs : 0),
    a.codeHash,
  ])
  return { answer: tooFast ? 'slow_down' : 'authorization_pending' }
}

/** The code of a redirect is used up by being shown, whatever is wrong with what is shown beside it. */
export async function takeRedirect(tx: Tx, a: { codeHash: string; now: number }): Promise<GrantRow | null> {
  const row = await select(tx, 'code_hash', a.codeHash)
  if (!row || row.redirectUri === null) return null
  await tx.run('DELETE FROM device_grants WHERE code_hash = ?', [a.codeHash])
  return row.expiresAt > a.now ? row : null
}

/** The device of a redirect is added once it has shown the verifier and that it has the key. `note` names no user yet. */
export async function admitGrant(
  tx: Tx,
  a: { grant: GrantRow; device: DeviceId; note: AuditNote; now: number },
): Promise<void> {
  const { org, user } = a.grant
  await admit(tx, a.grant, a.device, a.now)
  const known = await tx.get<{ name: string }>('SELECT name FROM users WHERE org_id = ? AND user_id = ?', [org, user])
  await noteAudit(tx, { org, note: { ...a.note, user, name: known?.name ?? null } })
}
