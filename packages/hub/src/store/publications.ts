/**
 * Procedures over published documents. A publication belongs to a document by its id, so a rename keeps it; the address
 * that the document had leads to the one it has. What readers ask is answered by one statement, which finds nothing but
 * what is published (PB11).
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { AssetId, DocumentId, OrgId, ProjectId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Publication } from '@meshbook/core/publish-api.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { holdVersion } from '@meshbook/relay/store/history-procedures.ts'
import { addReferences, dropReferences } from './asset-references.ts'

export interface PublicationRow extends Omit<Publication, 'url'> {
  /** Names in the address. */
  owner: string
  projectName: string
}

/** What readers get. */
export interface PublishedRow {
  org: OrgId
  document: DocumentId
  owner: string
  projectName: string
  path: string
  mode: Publication['mode']
  version: number | null
  indexed: boolean
  /** JSON of what the runs of a pinned version displayed, by run. */
  entries: string | null
  changedAt: number
  updatedAt: number
  /** Where the document's log stands. */
  epoch: number
  position: number
}

export interface ListedRow extends Pick<PublishedRow, 'owner' | 'projectName' | 'path' | 'indexed' | 'changedAt'> {}

type Flat<T extends { indexed: boolean }> = Omit<T, 'indexed'> & { indexed: number }
const unflatten = <T extends { indexed: boolean }>(row: Flat<T>): T =>
  ({ ...row, indexed: row.indexed !== 0 }) as unknown as T

const tables =
  'publications u JOIN documents d ON d.org_id = u.org_id AND d.document_id = u.document_id JOIN projects p ON p.org_id = u.org_id AND p.project_id = u.project_id'
const columns =
  'u.document_id AS document, u.project_id AS project, d.path AS path, u.mode AS mode, u.version AS version, u.indexed AS indexed, u.published_by AS "by", u.published_at AS "publishedAt", u.changed_at AS "changedAt", p.owner AS owner, p.name AS "projectName"'

interface NewPublication {
  org: OrgId
  document: DocumentId
  mode: Publication['mode']
  version: number | null
  /** As it was before, if it is not said. */
  indexed: boolean | undefined
  entries: string | null
  /** Assets that the entries name. */
  assets: AssetId[]
  by: string
  now: number
}

/** Publishes, or changes how it is published; the version is held in the same transaction (PB14). */
export async function publishDocument(tx: Tx, a: NewPublication): Promise<PublicationRow> {
  const document = await tx.get<{ project: ProjectId }>(
    'SELECT project_id AS project FROM documents WHERE org_id = ? AND document_id = ? AND path IS NOT NULL',
    [a.org, a.document],
  )
  if (!document) throw new MeshError('NOT_FOUND', { detail: `document ${a.document}` })
  await checkRoom(tx, { ...a, ...document })
  const indexed = a.indexed ?? (await findPublication(tx, a))?.indexed ?? false
  await holdVersion(tx, a)
  const holder = `publication:${a.document}` as const
  await dropReferences(tx, { org: a.org, holder })
  await addReferences(tx, { org: a.org, holder, assets: a.assets })
  await tx.run(
    `INSERT INTO publications (org_id, document_id, project_id, mode, version, indexed, entries, published_by, published_at, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (org_id, document_id) DO UPDATE SET mode = excluded.mode, version = excluded.version, indexed = excluded.indexed, entries = excluded.entries, published_by = excluded.published_by, changed_at = excluded.changed_at`,
    [a.org, a.document, document.project, a.mode, a.version, indexed ? 1 : 0, a.entries, a.by, a.now, a.now],
  )
  return (await findPublication(tx, a))!
}

async function checkRoom(tx: Tx, a: { org: OrgId; project: ProjectId; document: DocumentId }): Promise<void> {
  const row = await tx.get<{ count: number }>(
    'SELECT COUNT(*) AS count FROM publications WHERE org_id = ? AND project_id = ? AND document_id <> ?',
    [a.org, a.project, a.document],
  )
  if (Number(row?.count ?? 0) >= limits.publishedPerProject)
    throw new MeshError('TOO_MANY', { detail: `${limits.publishedPerProject} published documents of one project` })
}

/** What was published, or null if nothing was. */
export async function unpublishDocument(
  tx: Tx,
  a: { org: OrgId; document: DocumentId },
): Promise<PublicationRow | null> {
  const found = await findPublication(tx, a)
  if (!found) return null
  const keys = [a.org, a.document]
  await tx.run('DELETE FROM publications WHERE org_id = ? AND document_id = ?', keys)
  await tx.run('DELETE FROM publication_paths WHERE org_id = ? AND document_id = ?', keys)
  await dropReferences(tx, { org: a.org, holder: `publication:${a.document}` })
  await holdVersion(tx, { ...a, version: null })
  return found
}

export async function findPublication(tx: Tx, a: { org: OrgId; document: DocumentId }): Promise<PublicationRow | null> {
  const row = await tx.get<Flat<PublicationRow>>(
    `SELECT ${columns} FROM ${tables} WHERE u.org_id = ? AND u.document_id = ?`,
    [a.org, a.document],
  )
  return row ? unflatten<PublicationRow>(row) : null
}

/** Of one project, by path. */
export async function listPublications(tx: Tx, a: { org: OrgId; project: ProjectId }): Promise<PublicationRow[]> {
  const rows = await tx.all<Flat<PublicationRow>>(
    `SELECT ${columns} FROM ${tables} WHERE u.org_id = ? AND u.project_id = ? ORDER BY d.path, u.document_id`,
    [a.org, a.project],
  )
  return rows.map(row => unflatten<PublicationRow>(row))
}

/** A document that leaves a path while it is published is found there still, until another one is published there. */
export async function leavePublishedPath(
  tx: Tx,
  a: { org: OrgId; project: ProjectId; document: DocumentId; path: string; now: number },
): Promise<void> {
  const keys = [a.org, a.document]
  if (!(await tx.get('SELECT 1 AS found FROM publications WHERE org_id = ? AND document_id = ?', keys))) return
  await tx.run(
    `INSERT INTO publication_paths (org_id, project_id, path, document_id, left_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (org_id, project_id, path, document_id) DO UPDATE SET left_at = excluded.left_at`,
    [a.org, a.project, a.path, a.document, a.now],
  )
  await tx.run(
    `DELETE FROM publication_paths WHERE org_id = ? AND document_id = ? AND path NOT IN (SELECT path FROM publication_paths WHERE org_id = ? AND document_id = ? ORDER BY left_at DESC, path LIMIT ?)`,
    [...keys, ...keys, limits.publishedPathsPerDocument],
  )
}

const publishedColumns =
  'u.org_id AS org, u.document_id AS document, p.owner AS owner, p.name AS "projectName", d.path AS path, u.mode AS mode, u.version AS version, u.indexed AS indexed, u.entries AS entries, u.changed_at AS "changedAt", d.updated_at AS "updatedAt", COALESCE(r.epoch, 1) AS epoch, COALESCE(r.position, 0) AS position'
const readable = `${tables} LEFT JOIN relay_documents r ON r.org_id = u.org_id AND r.document_id = u.document_id`

/** What readers find at an address: a document that is there (with or without `.md`), else one that was (PB13). */
export async function findPublished(
  tx: Tx,
  a: { owner: string; project: string; path: string },
): Promise<PublishedRow | null> {
  const row = await tx.get<Flat<PublishedRow>>(
    `SELECT ${publishedColumns} FROM ${readable} LEFT JOIN publication_paths h ON h.org_id = u.org_id AND h.project_id = u.project_id AND h.document_id = u.document_id AND (h.path = ? OR h.path = ?)
    WHERE p.owner = ? AND p.name = ? AND d.path IS NOT NULL AND (d.path = ? OR d.path = ? OR h.path IS NOT NULL)
    ORDER BY CASE WHEN d.path = ? THEN 0 WHEN d.path = ? THEN 1 ELSE 2 END, h.left_at DESC, u.document_id LIMIT 1`,
    [a.path, `${a.path}.md`, a.owner, a.project, a.path, `${a.path}.md`, a.path, `${a.path}.md`],
  )
  return row ? unflatten<PublishedRow>(row) : null
}

/** What of a project the list shows to readers, by path. */
export async function publishedList(tx: Tx, a: { owner: string; project: string }): Promise<ListedRow[]> {
  const rows = await tx.all<Flat<ListedRow>>(
    `SELECT p.owner AS owner, p.name AS "projectName", d.path AS path, u.indexed AS indexed, CASE WHEN u.mode = 'pinned' THEN u.changed_at ELSE d.updated_at END AS "changedAt" FROM ${tables} WHERE p.owner = ? AND p.name = ? AND d.path IS NOT NULL ORDER BY d.path LIMIT ?`,
    [a.owner, a.project, limits.publishedPerProject],
  )
  return rows.map(row => ({ ...unflatten<ListedRow>(row), changedAt: Number(row.changedAt) }))
}

/** Everything of a project that readers find, `first` before the rest. */
export async function publishedIn(
  tx: Tx,
  a: { owner: string; project: string; first: string },
): Promise<PublishedRow[]> {
  const rows = await tx.all<Flat<PublishedRow>>(
    `SELECT ${publishedColumns} FROM ${readable} WHERE p.owner = ? AND p.name = ? AND d.path IS NOT NULL
    ORDER BY CASE WHEN u.document_id = ? THEN 0 ELSE 1 END, d.path LIMIT ?`,
    [a.owner, a.project, a.first, limits.publishedPerProject],
  )
  return rows.map(row => unflatten<PublishedRow>(row))
}
