/** The projects of the account: as the hub named them last (LO6), those made here, and those that are to have no folder. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { DocumentId, OrgId, ProjectId } from '@meshbook/core/ids.ts'
import type { DeviceProject, ProjectInfo } from '@meshbook/core/messages.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

/** One that was attached when the hub took it away. */
export interface LostProject {
  id: ProjectId
  name: string
  owner: string
  folder: string
}

export interface MadeProject {
  id: ProjectId
  name: string
  tree: DocumentId
}

interface Named {
  org: OrgId
  /** Only what the same hub named before can be missing from its list (DV106). */
  hub: string
  projects: readonly DeviceProject[]
}

/** In the place of all that were known; what is attached and was taken away is noted in the same transaction. */
export async function saveProjects(tx: Tx, { org, hub, projects }: Named): Promise<void> {
  const named = new Set(projects.map(({ id }) => id))
  const before = await tx.all<{ id: ProjectId }>(
    'SELECT project_id AS id FROM known_projects WHERE org_id = ? AND hub = ?',
    [org, hub],
  )
  for (const { id } of before) if (!named.has(id)) await noteLost(tx, org, id)
  await tx.run('DELETE FROM known_projects WHERE org_id = ?', [org])
  for (const project of projects) await saveProject(tx, org, hub, project)
}

async function noteLost(tx: Tx, org: OrgId, id: ProjectId): Promise<void> {
  await tx.run(
    `INSERT INTO lost_projects (org_id, project_id, name, owner, folder)
    SELECT org_id, project_id, name, owner, folder FROM attachments WHERE org_id = ? AND project_id = ?
    ON CONFLICT (project_id) DO UPDATE SET folder = excluded.folder`,
    [org, id],
  )
}

async function saveProject(tx: Tx, org: OrgId, hub: string, project: DeviceProject): Promise<void> {
  const { id, name, owner, tree, access = null, shared } = project
  await tx.run(
    'INSERT INTO known_projects (org_id, project_id, name, owner, tree_id, hub, access, shared) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    [org, id, name, owner, tree, hub, access, shared ? 1 : 0],
  )
  await tx.run('DELETE FROM made_projects WHERE org_id = ? AND project_id = ?', [org, id])
  await tx.run('DELETE FROM lost_projects WHERE org_id = ? AND project_id = ?', [org, id])
  await tx.run('UPDATE attachments SET name = ?, owner = ? WHERE org_id = ? AND project_id = ?', [name, owner, org, id])
}

export async function listKnownProjects(tx: Tx, { org }: { org: OrgId }): Promise<DeviceProject[]> {
  const rows = await tx.all<ProjectInfo & { access: 'read' | null; shared: number }>(
    'SELECT project_id AS id, name, owner, tree_id AS tree, access, shared FROM known_projects WHERE org_id = ? ORDER BY project_id',
    [org],
  )
  return rows.map(({ access, shared, ...project }) => ({
    ...project,
    ...(access === 'read' && { access }),
    ...(shared === 1 && { shared: true as const }),
  }))
}

export async function leaveOut(tx: Tx, a: { org: OrgId; project: ProjectId; isLeftOut: boolean }): Promise<void> {
  await tx.run('DELETE FROM left_out_projects WHERE org_id = ? AND project_id = ?', [a.org, a.project])
  if (a.isLeftOut) await tx.run('INSERT INTO left_out_projects (org_id, project_id) VALUES (?, ?)', [a.org, a.project])
}

export async function listLeftOut(tx: Tx, { org }: { org: OrgId }): Promise<ProjectId[]> {
  const rows = await tx.all<{ id: ProjectId }>('SELECT project_id AS id FROM left_out_projects WHERE org_id = ?', [org])
  return rows.map(({ id }) => id)
}

export async function listLost(tx: Tx, { org }: { org: OrgId }): Promise<LostProject[]> {
  return tx.all('SELECT project_id AS id, name, owner, folder FROM lost_projects WHERE org_id = ?', [org])
}

export async function forgetLost(tx: Tx, { org, project }: { org: OrgId; project: ProjectId }): Promise<void> {
  await tx.run('DELETE FROM lost_projects WHERE org_id = ? AND project_id = ?', [org, project])
}

/** The project of this name that was made here, made with the given ids if there is none (DV110). */
export async function makeProject(tx: Tx, { org, made }: { org: OrgId; made: MadeProject }): Promise<MadeProject> {
  const known = await tx.get<MadeProject>(
    'SELECT project_id AS id, name, tree_id AS tree FROM made_projects WHERE org_id = ? AND name = ?',
    [org, made.name],
  )
  if (known) return known
  if (await tx.get('SELECT name FROM known_projects WHERE org_id = ? AND name = ? AND shared = 0', [org, made.name]))
    throw new MeshError('CONFLICT', { detail: `there is a project ${made.name}` })
  await tx.run('INSERT INTO made_projects (org_id, project_id, name, tree_id) VALUES (?, ?, ?, ?)', [
    org,
    made.id,
    made.name,
    made.tree,
  ])
  return made
}

export async function listMade(tx: Tx, { org }: { org: OrgId }): Promise<MadeProject[]> {
  return tx.all(
    'SELECT project_id AS id, name, tree_id AS tree FROM made_projects WHERE org_id = ? ORDER BY project_id',
    [org],
  )
}
