/** Procedures over the log of what was done. Nothing changes an entry, and only its age deletes it (AD2, AD6). */
import type { AuditEntry } from '@meshbook/core/api.ts'
import type { AuditAction } from '@meshbook/core/audit.ts'
import { type AuditId, type Now, newId, type OrgId, type RandomBytes, type UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

export interface AuditNote {
  /** Whose log it stands in; null: that of the user whom the noted call found. */
  org: OrgId | null
  id: AuditId
  at: number
  user: UserId | null
  name: string | null
  credential: string | null
  action: string
  target: string | null
  detail: Record<string, unknown>
  address: string | null
  request: string | null
}

/** Of what the hub itself did, or its keeper at the machine. */
export function hubNote(
  action: AuditAction,
  { now, random }: { now: Now; random: RandomBytes },
  detail: Record<string, unknown> = {},
): AuditNote {
  const nobody = { org: null, user: null, name: null, credential: null, address: null, request: null }
  return { ...nobody, id: newId('audit', now(), random), at: now(), action, target: null, detail }
}

/** Nobody's doing, such as a failed sign-in, stands in the log of the first user, who keeps the hub. */
async function keeperOf(tx: Tx): Promise<OrgId | undefined> {
  return (await tx.get<{ org: OrgId }>('SELECT org_id AS org FROM users ORDER BY created_at LIMIT 1'))?.org
}

export async function noteAudit(tx: Tx, a: { org: OrgId | null; note: AuditNote }): Promise<void> {
  const { note } = a
  const org = a.org ?? note.org ?? (await keeperOf(tx))
  if (org === undefined) return
  await tx.run(
    'INSERT INTO audit (org_id, audit_id, at, user_id, user_name, credential, action, target, detail, address, request_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    [
      org,
      note.id,
      note.at,
      note.user,
      note.name,
      note.credential,
      note.action,
      note.target,
      detailText(note.detail),
      note.address,
      note.request,
    ],
  )
}

function detailText(detail: Record<string, unknown>): string {
  const text = JSON.stringify(detail)
  return Buffer.byteLength(text) <= limits.auditDetailBytes ? text : JSON.stringify({ tooLong: true })
}

export interface AuditFilter {
  action?: string | undefined
  user?: string | undefined
  from?: number | undefined
  to?: number | undefined
}

/** Newest first; `before` is the id that ends the page before. */
export async function listAudit(
  tx: Tx,
  a: { org: OrgId; filter: AuditFilter; before: string | null; rows: number },
): Promise<{ items: AuditEntry[]; next: string | null }> {
  const { action, user, from, to } = a.filter
  const conditions: [string, string | number | null | undefined][] = [
    ['action = ?', action],
    ['user_name = ?', user],
    ['at >= ?', from],
    ['at < ?', to],
    ['audit_id < ?', a.before ?? undefined],
  ]
  const given = conditions.filter(([, value]) => value !== undefined)
  const rows = await tx.all<Omit<AuditEntry, 'detail'> & { detail: string }>(
    `SELECT audit_id AS id, at, user_id AS "user", user_name AS name, credential, action, target, detail, address, request_id AS request
    FROM audit WHERE ${['org_id = ?', ...given.map(([text]) => text)].join(' AND ')} ORDER BY audit_id DESC LIMIT ?`,
    [a.org, ...given.map(([, value]) => value!), a.rows + 1],
  )
  const items = rows
    .slice(0, a.rows)
    .map(row => ({ ...row, detail: JSON.parse(row.detail) as Record<string, unknown> }))
  return { items, next: rows.length > a.rows ? items.at(-1)!.id : null }
}

/** True when there may be more that is too old. */
export async function trimAudit(tx: Tx, a: { before: number; most: number }): Promise<boolean> {
  const { changes } = await tx.run(
    'DELETE FROM audit WHERE audit_id IN (SELECT audit_id FROM audit WHERE at < ? ORDER BY at LIMIT ?)',
    [a.before, a.most],
  )
  return changes >= a.most
}
