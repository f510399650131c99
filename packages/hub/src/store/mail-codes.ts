/**
 * Procedures over codes that confirm mail addresses (NT31). A code is never stored: a way has the request whose code is
 * good, until when, and how often it was tried; how many were sent is counted beside it, whatever becomes of the way.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, UserId, WayId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import type { Asker } from './places.ts'

const dayMs = 86_400_000

interface Counted extends Asker {
  /** Stands for the address, without telling it. */
  mark: string
  now: number
}

/** One address counts for all users together, so that nobody is written to by many who do not know it. */
export async function refuseManyCodes(tx: Tx, a: Counted): Promise<void> {
  const since = a.now - dayMs
  const ofUser = await tx.get<{ count: number }>(
    'SELECT COUNT(*) AS count FROM mail_codes WHERE org_id = ? AND user_id = ? AND sent_at > ?',
    [a.org, a.user, since],
  )
  const ofAddress = await tx.get<{ count: number }>(
    'SELECT COUNT(*) AS count FROM mail_codes WHERE mark = ? AND sent_at > ?',
    [a.mark, since],
  )
  if (ofUser!.count >= limits.mailCodesPerDay || ofAddress!.count >= limits.mailCodesPerAddress)
    throw new MeshError('SLOW_DOWN', {
      detail: 'no more codes today; look for the mail among what was filtered out, or try again tomorrow',
    })
}

/** From now on the code of this request is the one that is good. False when the way awaits none. */
export async function beginCode(tx: Tx, a: Counted & { way: WayId; notice: string; until: number }): Promise<boolean> {
  const way = [a.org, a.user, a.way]
  const awaits = 'org_id = ? AND user_id = ? AND way_id = ? AND code_notice IS NOT NULL'
  if (!(await tx.get(`SELECT 1 AS one FROM ways WHERE ${awaits}`, way))) return false
  await refuseManyCodes(tx, a)
  await tx.run('INSERT INTO mail_codes (org_id, user_id, notice_id, mark, sent_at) VALUES (?, ?, ?, ?, ?)', [
    a.org,
    a.user,
    a.notice,
    a.mark,
    a.now,
  ])
  await tx.run(`UPDATE ways SET code_notice = ?, code_until = ?, code_tries = 0 WHERE ${awaits}`, [
    a.notice,
    a.until,
    ...way,
  ])
  return true
}

interface Place {
  org: OrgId
  user: UserId
  id: WayId
}

/** The request whose code is good, with one try less; null when there is none, it is too old, or was tried too often. */
export async function spendCodeTry(tx: Tx, a: Place & { now: number }): Promise<string | null> {
  const row = await tx.get<{ notice: string }>(
    "SELECT code_notice AS notice FROM ways WHERE org_id = ? AND user_id = ? AND way_id = ? AND code_notice <> '' AND code_until > ? AND code_tries < ?",
    [a.org, a.user, a.id, a.now, limits.mailCodeTries],
  )
  if (!row) return null
  await tx.run('UPDATE ways SET code_tries = code_tries + 1 WHERE org_id = ? AND way_id = ?', [a.org, a.id])
  return row.notice
}

/** Who typed the code of this request reads what is sent there. False when another one is good by now. */
export async function confirmWay(tx: Tx, a: Place & { notice: string }): Promise<boolean> {
  const { changes } = await tx.run(
    'UPDATE ways SET code_notice = NULL, code_until = NULL WHERE org_id = ? AND user_id = ? AND way_id = ? AND code_notice = ?',
    [a.org, a.user, a.id, a.notice],
  )
  return changes > 0
}

/** Ways whose address nobody confirmed for so long, which are to be dropped; old counts are. */
export async function forgetCodes(tx: Tx, a: { before: number }): Promise<{ org: OrgId; id: WayId }[]> {
  await tx.run('DELETE FROM mail_codes WHERE sent_at < ?', [a.before])
  return tx.all(
    'SELECT org_id AS org, way_id AS id FROM ways WHERE code_notice IS NOT NULL AND code_until < ? AND created_at < ?',
    [a.before, a.before],
  )
}
