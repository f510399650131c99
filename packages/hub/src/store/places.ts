/**
 * Whose a project, document, run, session, saved session or asset is, and which roles somebody has there: one reading for all that is
 * decided about access (ME2). It knows nothing of credentials.
 */
import type { OrgId, ProjectId, UserId } from '@meshbook/core/ids.ts'
import type { Role } from '@meshbook/core/roles.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

export interface Asker {
  org: OrgId
  user: UserId
}

export type PlaceKind = 'project' | 'document' | 'session' | 'snapshot' | 'move' | 'trigger' | 'run' | 'gate' | 'asset'

export interface FoundPlace {
  org: OrgId
  /** Null for an asset of the asker's own, which belongs to the org as a whole. */
  project: ProjectId | null
  roles: Role[]
}

interface Home {
  org: OrgId
  project: ProjectId
}

const byId = {
  project: 'SELECT org_id AS org, project_id AS project FROM projects WHERE project_id = ?',
  document: `SELECT org_id AS org, project_id AS project FROM documents WHERE document_id = ?
    UNION ALL SELECT org_id AS org, project_id AS project FROM projects WHERE tree_id = ?`,
  session: 'SELECT org_id AS org, project_id AS project FROM sessions WHERE session_id = ?',
  // A record belongs to those who may see its session; its parts to the org of the device that made it.
  snapshot:
    'SELECT s.org_id AS org, s.project_id AS project FROM snapshots r JOIN sessions s ON s.session_id = r.session_id WHERE r.snapshot_id = ?',
  move: 'SELECT org_id AS org, project_id AS project FROM moves WHERE move_id = ?',
  trigger: 'SELECT org_id AS org, project_id AS project FROM workflow_triggers WHERE trigger_id = ?',
} as const

/** Null when there is no such thing, or nothing that the asker may know of. */
export async function findPlace(tx: Tx, a: { kind: PlaceKind; id: string; asker: Asker }): Promise<FoundPlace | null> {
  if (a.kind === 'asset') return placeOfAsset(tx, a)
  const home = await homeOf(tx, a.kind, a)
  if (!home) return null
  const roles = await rolesIn(tx, home, a.asker)
  return roles.length > 0 ? { ...home, roles } : null
}

async function homeOf(
  tx: Tx,
  kind: Exclude<PlaceKind, 'asset'>,
  a: { id: string; asker: Asker },
): Promise<Home | undefined> {
  if (kind === 'run') return homeOfRun(tx, a)
  return kind === 'gate' ? homeOfGate(tx, a) : homeById(tx, kind, a.id)
}

async function homeById(tx: Tx, kind: keyof typeof byId, id: string): Promise<Home | undefined> {
  return tx.get<Home>(byId[kind], kind === 'document' ? [id, id] : [id])
}

/** The ids of runs are chosen by those who ask for them, so that two orgs may have the same: one's own comes first. */
async function homeOfRun(tx: Tx, { id, asker }: { id: string; asker: Asker }): Promise<Home | undefined> {
  const own = await tx.get<Home>(
    'SELECT org_id AS org, project_id AS project FROM runs WHERE org_id = ? AND run_id = ?',
    [asker.org, id],
  )
  if (own) return own
  return tx.get<Home>(
    `SELECT r.org_id AS org, r.project_id AS project FROM members m
    JOIN runs r ON r.org_id = m.org_id AND r.run_id = ? AND r.project_id = m.project_id
    WHERE m.member_org = ? AND m.user_id = ? ORDER BY r.requested_at DESC LIMIT 1`,
    [id, asker.org, asker.user],
  )
}

/** The ids of gates are chosen by devices: as with runs, one's own comes first. */
async function homeOfGate(tx: Tx, { id, asker }: { id: string; asker: Asker }): Promise<Home | undefined> {
  return tx.get<Home>(
    `SELECT r.org_id AS org, r.project_id AS project FROM gates g
    JOIN runs r ON r.org_id = g.org_id AND r.run_id = g.run_id
    LEFT JOIN members m ON m.org_id = r.org_id AND m.project_id = r.project_id AND m.member_org = ? AND m.user_id = ?
    WHERE g.gate_id = ? AND (g.org_id = ? OR m.user_id IS NOT NULL)
    ORDER BY CASE WHEN g.org_id = ? THEN 0 ELSE 1 END, r.requested_at DESC LIMIT 1`,
    [asker.org, asker.user, id, asker.org, asker.org],
  )
}

export async function rolesIn(tx: Tx, { org, project }: Home, asker: Asker): Promise<Role[]> {
  if (org === asker.org) return ['owner']
  const rows = await tx.all<{ role: Role }>(
    'SELECT role FROM members WHERE org_id = ? AND project_id = ? AND user_id = ? AND member_org = ? ORDER BY role',
    [org, project, asker.user, asker.org],
  )
  return rows.map(({ role }) => role)
}

/** One's own, or that of a shared project that names it (ME6). */
async function placeOfAsset(tx: Tx, { id, asker }: { id: string; asker: Asker }): Promise<FoundPlace> {
  const own: FoundPlace = { org: asker.org, project: null, roles: ['owner'] }
  if (await tx.get('SELECT 1 AS found FROM assets WHERE org_id = ? AND asset_id = ?', [asker.org, id])) return own
  for (const home of await projectsThatMayName(tx, { id, asker }))
    if (await names(tx, home, id)) return { ...home, roles: await rolesIn(tx, home, asker) }
  return own
}

/** Shared projects of orgs that have the asset. */
export async function projectsThatMayName(tx: Tx, { id, asker }: { id: string; asker: Asker }): Promise<Home[]> {
  return tx.all<Home>(
    `SELECT DISTINCT m.org_id AS org, m.project_id AS project FROM members m
    JOIN assets a ON a.org_id = m.org_id AND a.asset_id = ? WHERE m.member_org = ? AND m.user_id = ?`,
    [id, asker.org, asker.user],
  )
}

async function names(tx: Tx, { org, project }: Home, asset: string): Promise<boolean> {
  const found = await tx.get(
    `SELECT 1 AS found FROM asset_references r JOIN documents d ON d.org_id = r.org_id AND r.holder = 'document:' || d.document_id
      WHERE r.org_id = ? AND r.asset_id = ? AND d.project_id = ?
    UNION ALL SELECT 1 FROM asset_references r JOIN projects p ON p.org_id = r.org_id AND r.holder = 'document:' || p.tree_id
      WHERE r.org_id = ? AND r.asset_id = ? AND p.project_id = ?
    UNION ALL SELECT 1 FROM asset_references r JOIN runs u ON u.org_id = r.org_id AND r.holder = 'run:' || u.run_id
      WHERE r.org_id = ? AND r.asset_id = ? AND u.project_id = ?
    UNION ALL SELECT 1 FROM history_assets h JOIN documents d ON d.org_id = h.org_id AND d.document_id = h.document_id
      WHERE h.org_id = ? AND h.asset_id = ? AND d.project_id = ? LIMIT 1`,
    Array.from({ length: 4 }, () => [org, asset, project]).flat(),
  )
  return found !== undefined
}

/** Whether a project of the org names the asset by what was read of it. */
export async function projectNames(tx: Tx, a: { org: OrgId; project: ProjectId; asset: string }): Promise<boolean> {
  return names(tx, a, a.asset)
}

export interface Membership extends Home {
  roles: Role[]
}

/** The projects of others that somebody is a member of. */
export async function membershipsOf(tx: Tx, a: { asker: Asker }): Promise<Membership[]> {
  const rows = await tx.all<Home & { role: Role }>(
    'SELECT org_id AS org, project_id AS project, role FROM members WHERE member_org = ? AND user_id = ? ORDER BY org_id, project_id, role',
    [a.asker.org, a.asker.user],
  )
  const found = new Map<ProjectId, Membership>()
  for (const { role, ...home } of rows) {
    const known = found.get(home.project)
    if (known) known.roles.push(role)
    else found.set(home.project, { ...home, roles: [role] })
  }
  return [...found.values()]
}
