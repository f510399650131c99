/** Procedures that give roles in a project and take them away. What ends with a role ends in the same transaction (ME8). */
import type { Member, Run } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, OrgId, ProjectId, RunId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { losesRights, type Role, rightsOf, tidyRoles } from '@meshbook/core/roles.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { type AuditNote, noteAudit } from './audit.ts'
import { findUser } from './people.ts'
import { type Asker, rolesIn } from './places.ts'
import { endRun } from './run-log.ts'
import { showRun } from './run-rows.ts'

interface ProjectKey {
  org: OrgId
  project: ProjectId
}

export interface MemberRow extends Asker {
  name: string
}

/** What came of a change, for those who must act on it at once. */
export interface MemberChange {
  member: MemberRow
  before: Role[]
  after: Role[]
  /** Runs of the member that nobody had begun, ended now. */
  ended: Run[]
  /** Runs of the member that the owner's devices have under way: to be cancelled. */
  active: RunId[]
  /** Runs of the member that have ended here and that a device of theirs may still have under way. */
  orphaned: { run: RunId; device: DeviceId }[]
}

/** The host first, then by name; invitations last. */
export async function listMembers(tx: Tx, a: ProjectKey): Promise<Member[]> {
  const hosts = await tx.all<{ id: string; name: string; addedAt: number }>(
    `SELECT u.user_id AS id, u.name AS name, p.created_at AS "addedAt" FROM projects p JOIN users u ON u.org_id = p.org_id
    WHERE p.org_id = ? AND p.project_id = ? ORDER BY u.created_at`,
    [a.org, a.project],
  )
  const rows = await tx.all<{ id: string; name: string; role: Role; addedAt: number }>(
    `SELECT m.user_id AS id, u.name AS name, m.role AS role, m.added_at AS "addedAt" FROM members m
    JOIN users u ON u.org_id = m.member_org AND u.user_id = m.user_id WHERE m.org_id = ? AND m.project_id = ? ORDER BY u.name`,
    [a.org, a.project],
  )
  const invited = await tx.all<{ email: string; roles: string; addedAt: number }>(
    'SELECT email, roles, added_at AS "addedAt" FROM member_invitations WHERE org_id = ? AND project_id = ? ORDER BY email',
    [a.org, a.project],
  )
  return [
    ...hosts.map(row => ({ ...row, email: null, roles: ['owner' as const], host: true })),
    ...gathered(rows),
    ...invited.map(({ email, roles, addedAt }) => ({
      id: email,
      name: null,
      email,
      roles: JSON.parse(roles) as Role[],
      host: false,
      addedAt,
    })),
  ]
}

function gathered(rows: readonly { id: string; name: string; role: Role; addedAt: number }[]): Member[] {
  const members = new Map<string, Member>()
  for (const { role, ...row } of rows) {
    const known = members.get(row.id)
    if (known) known.roles = tidyRoles([...known.roles, role])
    else members.set(row.id, { ...row, email: null, roles: [role], host: false })
  }
  return [...members.values()]
}

type NewRoles = ProjectKey & { roles: Role[]; by: UserId; now: number }

export async function addMember(tx: Tx, a: NewRoles & { name: string }): Promise<MemberChange> {
  const member = await findUser(tx, { name: a.name })
  if (!member) throw new MeshError('NOT_FOUND', { detail: `nobody here is called ${a.name}` })
  if (member.org === a.org) throw new MeshError('CONFLICT', { detail: `${a.name} owns the project` })
  if ((await rolesIn(tx, a, member)).length > 0)
    throw new MeshError('CONFLICT', { detail: `${a.name} is a member already` })
  await checkRoom(tx, a, member)
  await insertRoles(tx, { ...a, member })
  return { member, before: [], after: tidyRoles(a.roles), ended: [], active: [], orphaned: [] }
}

async function checkRoom(tx: Tx, a: ProjectKey, member?: Asker): Promise<void> {
  const { count } = (await tx.get<{ count: number }>(
    `SELECT (SELECT COUNT(DISTINCT user_id) FROM members WHERE org_id = ? AND project_id = ?)
      + (SELECT COUNT(*) FROM member_invitations WHERE org_id = ? AND project_id = ?) AS count`,
    [a.org, a.project, a.org, a.project],
  ))!
  if (count >= limits.membersPerProject) throw new MeshError('TOO_MANY', { detail: `${count} members of one project` })
  if (!member) return
  const of = await membershipsOf(tx, member)
  if (of >= limits.membershipsPerUser)
    throw new MeshError('TOO_MANY', { detail: `${of} projects of others for one user` })
}

async function membershipsOf(tx: Tx, { org, user }: Asker): Promise<number> {
  const row = await tx.get<{ count: number }>(
    'SELECT COUNT(DISTINCT project_id) AS count FROM members WHERE member_org = ? AND user_id = ?',
    [org, user],
  )
  return row?.count ?? 0
}

async function insertRoles(tx: Tx, a: NewRoles & { member: Asker }): Promise<void> {
  for (const role of tidyRoles(a.roles))
    await tx.run(
      'INSERT INTO members (org_id, project_id, user_id, role, member_org, added_at, added_by) VALUES (?, ?, ?, ?, ?, ?, ?)',
      [a.org, a.project, a.member.user, role, a.member.org, a.now, a.by],
    )
}

/** No roles at all: the member goes. Null when there is no such member. */
export async function setRoles(
  tx: Tx,
  a: ProjectKey & { user: string; roles: Role[]; by: UserId; now: number },
): Promise<MemberChange | null> {
  const member = await tx.get<MemberRow>(
    `SELECT u.org_id AS org, u.user_id AS "user", u.name AS name FROM members m
    JOIN users u ON u.org_id = m.member_org AND u.user_id = m.user_id WHERE m.org_id = ? AND m.project_id = ? AND m.user_id = ? LIMIT 1`,
    [a.org, a.project, a.user],
  )
  if (!member) return null
  const before = await rolesIn(tx, a, member)
  await tx.run('DELETE FROM members WHERE org_id = ? AND project_id = ? AND user_id = ?', [a.org, a.project, a.user])
  await insertRoles(tx, { ...a, member })
  const after = tidyRoles(a.roles)
  const change: MemberChange = { member, before: tidyRoles(before), after, ended: [], active: [], orphaned: [] }
  if (losesRights(before, after))
    await tx.run('DELETE FROM tickets WHERE org_id = ? AND user_id = ? AND project_id = ?', [
      member.org,
      member.user,
      a.project,
    ])
  return rightsOf(before).has('run') && !rightsOf(after).has('run') ? endRunsOf(tx, a, change) : change
}

async function endRunsOf(tx: Tx, a: ProjectKey & { now: number }, change: MemberChange): Promise<MemberChange> {
  const { member } = change
  const rows = await tx.all<{ id: RunId; status: string; device: DeviceId | null; deviceOrg: OrgId | null }>(
    `SELECT r.run_id AS id, r.status AS status, r.device_id AS device, d.org_id AS "deviceOrg"
    FROM runs r LEFT JOIN devices d ON d.device_id = r.device_id
    WHERE r.org_id = ? AND r.project_id = ? AND r.asked_by = ? AND r.asked_org = ?
    AND r.status IN ('queued', 'leased', 'running', 'waiting-for-input') ORDER BY r.arrival`,
    [a.org, a.project, member.user, member.org],
  )
  const reason = `${member.name} may not run here any more`
  for (const { id, status, device, deviceOrg } of rows) {
    const isTheirs = deviceOrg === member.org
    if (device !== null && isTheirs) change.orphaned.push({ run: id, device })
    if (status !== 'queued' && !isTheirs) {
      // The wish is durable with the change: whoever is killed now, it is handed over (CH7).
      await tx.run('UPDATE runs SET cancel_reason = ? WHERE org_id = ? AND run_id = ?', [reason, a.org, id])
      change.active.push(id)
    } else if (await endRun(tx, { org: a.org, id, as: 'cancelled', reason, now: a.now }))
      change.ended.push((await showRun(tx, { org: a.org, id }))!)
  }
  await endHeadsOf(tx, a, member, reason)
  return change
}

/** Sessions of the project that a device of the member holds live. */
async function endHeadsOf(tx: Tx, a: ProjectKey & { now: number }, member: Asker, reason: string): Promise<void> {
  await tx.run(
    `UPDATE heads SET ended_at = ?, end_reason = ? WHERE org_id = ? AND ended_at IS NULL
    AND device_id IN (SELECT device_id FROM devices WHERE org_id = ? AND user_id = ?)
    AND session_id IN (SELECT session_id FROM sessions WHERE org_id = ? AND project_id = ?)`,
    [a.now, reason, a.org, member.org, member.user, a.org, a.project],
  )
}

/** Whoever signs in with this address becomes a member. An invitation of before is replaced. */
export async function inviteMember(tx: Tx, a: NewRoles & { email: string }): Promise<{ email: string }> {
  await checkRoom(tx, a)
  await tx.run(
    `INSERT INTO member_invitations (org_id, project_id, email, roles, added_at, added_by) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (org_id, project_id, email) DO UPDATE SET roles = excluded.roles, added_at = excluded.added_at, added_by = excluded.added_by`,
    [a.org, a.project, a.email, JSON.stringify(tidyRoles(a.roles)), a.now, a.by],
  )
  return { email: a.email }
}

export async function dropInvitation(tx: Tx, a: ProjectKey & { email: string }): Promise<boolean> {
  const { changes } = await tx.run('DELETE FROM member_invitations WHERE org_id = ? AND project_id = ? AND email = ?', [
    a.org,
    a.project,
    a.email,
  ])
  return changes > 0
}

/**
 * For the moment at which somebody has shown that an address is theirs; call it in the transaction of the sign-in. Each
 * project is noted for its owner; what there is no note or no room for waits for another time, and never stops a sign-in.
 */
export async function acceptInvitations(
  tx: Tx,
  a: { member: MemberRow; email: string; notes: readonly AuditNote[]; now: number },
): Promise<ProjectId[]> {
  const email = a.email.toLowerCase()
  const room = limits.membershipsPerUser - (await membershipsOf(tx, a.member))
  const rows = await tx.all<ProjectKey & { roles: string; by: UserId }>(
    'SELECT org_id AS org, project_id AS project, roles, added_by AS "by" FROM member_invitations WHERE email = ? ORDER BY added_at, project_id LIMIT ?',
    [email, Math.max(0, Math.min(room, a.notes.length))],
  )
  const joined: ProjectId[] = []
  for (const { roles: text, ...row } of rows) {
    await dropInvitation(tx, { ...row, email })
    if ((await rolesIn(tx, row, a.member)).length > 0) continue
    const roles = JSON.parse(text) as Role[]
    await insertRoles(tx, { ...row, roles, member: a.member, now: a.now })
    const { user, name } = a.member
    const note = { ...a.notes[joined.length]!, user, name, target: row.project, detail: { member: name, roles, email } }
    await noteAudit(tx, { org: row.org, note })
    joined.push(row.project)
  }
  return joined
}
