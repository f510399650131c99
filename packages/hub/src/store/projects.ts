/** Procedures over projects and the index of their documents. The tree document is the truth; this only mirrors it. */
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DocumentId, OrgId, ProjectId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { leavePublishedPath } from './publications.ts'

const projectColumns = 'project_id AS id, name, owner, tree_id AS tree, created_at AS "createdAt"'

/** The project of this name, made with the given ids if there is none. */
export async function ensureProject(
  tx: Tx,
  a: { org: OrgId; id: ProjectId; name: string; owner: string; tree: DocumentId; now: number },
): Promise<{ project: Project; created: boolean }> {
  const known = await tx.get<Project>(`SELECT ${projectColumns} FROM projects WHERE org_id = ? AND name = ?`, [
    a.org,
    a.name,
  ])
  if (known) return { project: known, created: false }
  return { project: await insertProject(tx, a), created: true }
}

interface NewProject {
  org: OrgId
  id: ProjectId
  name: string
  owner: string
  tree: DocumentId
  now: number
}

async function insertProject(tx: Tx, a: NewProject): Promise<Project> {
  const row = await tx.get<{ count: number }>('SELECT COUNT(*) AS count FROM projects WHERE org_id = ?', [a.org])
  if ((row?.count ?? 0) >= limits.projectsPerUser)
    throw new MeshError('TOO_MANY', { detail: `${limits.projectsPerUser} projects of one owner` })
  await tx.run(
    'INSERT INTO projects (org_id, project_id, name, owner, tree_id, created_at) VALUES (?, ?, ?, ?, ?, ?)',
    [a.org, a.id, a.name, a.owner, a.tree, a.now],
  )
  return { id: a.id, name: a.name, owner: a.owner, tree: a.tree, createdAt: a.now }
}

/** A project that a device made by itself, with the ids that it gave; the same one however often it is brought. */
export async function adoptProject(tx: Tx, a: NewProject): Promise<{ project: Project; created: boolean }> {
  const known = await tx.get<Project & { org: OrgId }>(
    `SELECT org_id AS org, ${projectColumns} FROM projects WHERE project_id = ? OR tree_id = ?`,
    [a.id, a.tree],
  )
  if (known) {
    const { org, ...project } = known
    if (org === a.org && project.id === a.id && project.tree === a.tree) return { project, created: false }
    throw new MeshError('CONFLICT', { detail: 'these ids belong to another project' })
  }
  if (await tx.get('SELECT document_id FROM documents WHERE document_id = ?', [a.tree]))
    throw new MeshError('CONFLICT', { detail: 'these ids belong to another project' })
  const names = await tx.all<{ name: string }>('SELECT name FROM projects WHERE org_id = ?', [a.org])
  const name = freeProjectName(a.name, new Set(names.map(row => row.name)))
  return { project: await insertProject(tx, { ...a, name }), created: true }
}

function freeProjectName(wanted: string, taken: ReadonlySet<string>): string {
  let free = wanted
  for (let n = 2; taken.has(free); n++) free = `${wanted.slice(0, limits.nameChars - 6)} ${n}`
  return free
}

export async function listProjects(tx: Tx, a: { org: OrgId }): Promise<Project[]> {
  return tx.all(`SELECT ${projectColumns} FROM projects WHERE org_id = ? ORDER BY name`, [a.org])
}

export async function sharedProjects(tx: Tx, a: { projects: ProjectId[] }): Promise<Project[]> {
  const found: Project[] = []
  for (const id of a.projects)
    found.push(...(await tx.all<Project>(`SELECT ${projectColumns} FROM projects WHERE project_id = ?`, [id])))
  return found.sort((one, other) => (`${one.owner}/${one.name}` < `${other.owner}/${other.name}` ? -1 : 1))
}

/** Names of owners are those of users, of which there is one each. */
export async function findProjectNamed(
  tx: Tx,
  a: { owner: string; name: string },
): Promise<{ org: OrgId; id: ProjectId } | null> {
  const found = await tx.get<{ org: OrgId; id: ProjectId }>(
    'SELECT org_id AS org, project_id AS id FROM projects WHERE owner = ? AND name = ?',
    [a.owner, a.name],
  )
  return found ?? null
}

export async function everyProject(tx: Tx): Promise<{ org: OrgId; project: Project }[]> {
  const rows = await tx.all<Project & { org: OrgId }>(
    `SELECT org_id AS org, ${projectColumns} FROM projects ORDER BY created_at, project_id`,
  )
  return rows.map(({ org, ...project }) => ({ org, project }))
}

const documentColumns =
  'document_id AS id, project_id AS project, path, created_at AS "createdAt", updated_at AS "updatedAt"'

/**
 * Takes over the paths of a project's tree. A document that has left the tree keeps its row without a path: its runs
 * still name it. An id that belongs to another project is left where it is.
 */
export async function indexTree(
  tx: Tx,
  a: {
    org: OrgId
    project: ProjectId
    paths: [DocumentId, string][]
    gone?: DocumentId[] | undefined
    now: number
  },
): Promise<boolean> {
  const rows = await tx.all<{ id: DocumentId; path: string | null }>(
    'SELECT document_id AS id, path FROM documents WHERE org_id = ? AND project_id = ?',
    [a.org, a.project],
  )
  const before = new Map(rows.map(({ id, path }) => [id, path]))
  const wanted = new Map(a.paths)
  const gone = a.gone && new Set(a.gone)
  let changed = false
  for (const [id, path] of before) {
    const next = wanted.get(id) ?? null
    if (next === path || (next === null && gone?.has(id) === false)) continue
    if (path !== null) await leavePublishedPath(tx, { ...a, document: id, path })
    await tx.run('UPDATE documents SET path = ?, updated_at = ? WHERE org_id = ? AND document_id = ?', [
      next,
      a.now,
      a.org,
      id,
    ])
    changed = true
  }
  for (const [id, path] of wanted)
    if (!before.has(id)) changed = (await insertDocument(tx, { ...a, id, path })) || changed
  return changed
}

/** Whether the id was free. */
async function insertDocument(
  tx: Tx,
  a: { org: OrgId; project: ProjectId; id: DocumentId; path: string | null; now: number },
): Promise<boolean> {
  const taken = await tx.get(
    'SELECT document_id FROM documents WHERE document_id = ? UNION ALL SELECT tree_id FROM projects WHERE tree_id = ?',
    [a.id, a.id],
  )
  if (taken) return false
  await tx.run(
    'INSERT INTO documents (org_id, document_id, project_id, path, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)',
    [a.org, a.id, a.project, a.path, a.now, a.now],
  )
  return true
}

/** A device opens a document: one that nobody knows yet becomes one of this project. False when it belongs elsewhere. */
export async function adoptDocument(
  tx: Tx,
  a: { org: OrgId; project: ProjectId; id: DocumentId; now: number },
): Promise<boolean> {
  const project = await tx.get<{ tree: DocumentId }>(
    'SELECT tree_id AS tree FROM projects WHERE org_id = ? AND project_id = ?',
    [a.org, a.project],
  )
  if (!project) return false
  if (project.tree === a.id) return true
  const known = await tx.get<{ org: OrgId; project: ProjectId }>(
    'SELECT org_id AS org, project_id AS project FROM documents WHERE document_id = ?',
    [a.id],
  )
  if (known) return known.org === a.org && known.project === a.project
  const row = await tx.get<{ count: number }>(
    'SELECT COUNT(*) AS count FROM documents WHERE org_id = ? AND project_id = ?',
    [a.org, a.project],
  )
  if ((row?.count ?? 0) >= limits.documentsPerProject)
    throw new MeshError('TOO_MANY', { detail: `${limits.documentsPerProject} documents in one project` })
  return await insertDocument(tx, { ...a, path: null })
}

/** Notes when documents were last written to. */
export async function touchDocuments(
  tx: Tx,
  a: { documents: { org: OrgId; id: DocumentId; at: number }[] },
): Promise<void> {
  for (const { org, id, at } of a.documents)
    await tx.run('UPDATE documents SET updated_at = ? WHERE org_id = ? AND document_id = ? AND updated_at < ?', [
      at,
      org,
      id,
      at,
    ])
}

export async function findDocument(tx: Tx, a: { org: OrgId; id: DocumentId }): Promise<DocumentInfo | null> {
  return (
    (await tx.get<DocumentInfo>(
      `SELECT ${documentColumns} FROM documents WHERE org_id = ? AND document_id = ? AND path IS NOT NULL`,
      [a.org, a.id],
    )) ?? null
  )
}

/** The document also when it is deleted; then it has no path. */
export async function findDocumentEver(
  tx: Tx,
  a: { org: OrgId; id: DocumentId },
): Promise<{ project: ProjectId; path: string | null } | null> {
  const found = await tx.get<{ project: ProjectId; path: string | null }>(
    'SELECT project_id AS project, path FROM documents WHERE org_id = ? AND document_id = ?',
    [a.org, a.id],
  )
  return found ?? null
}

export async function findDocumentAt(
  tx: Tx,
  a: { org: OrgId; owner: string; project: string; path: string },
): Promise<DocumentInfo | null> {
  const columns =
    'd.document_id AS id, d.project_id AS project, d.path AS path, d.created_at AS "createdAt", d.updated_at AS "updatedAt"'
  const found = await tx.get<DocumentInfo>(
    `SELECT ${columns} FROM documents d JOIN projects p ON p.org_id = d.org_id AND p.project_id = d.project_id WHERE p.org_id = ? AND p.owner = ? AND p.name = ? AND d.path = ?`,
    [a.org, a.owner, a.project, a.path],
  )
  return found ?? null
}

/** In the order of their paths; `after` is the path that ends the page before. */
export async function listDocuments(
  tx: Tx,
  a: { org: OrgId; project: ProjectId; after: string; rows: number },
): Promise<{ items: DocumentInfo[]; next: string | null }> {
  const found = await tx.all<DocumentInfo>(
    `SELECT ${documentColumns} FROM documents WHERE org_id = ? AND project_id = ? AND path > ? ORDER BY path LIMIT ?`,
    [a.org, a.project, a.after, a.rows + 1],
  )
  const items = found.slice(0, a.rows)
  return { items, next: found.length > a.rows ? items.at(-1)!.path : null }
}
