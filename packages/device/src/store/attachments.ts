/** Which folders of this machine are attached to which projects. */
import type { OrgId, ProjectId } from '@meshbook/core/ids.ts'
import type { ProjectInfo } from '@meshbook/core/messages.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

export interface Attachment {
  project: ProjectInfo
  folder: string
}
export interface StoredAttachment extends Attachment {
  /** Whether the project's tree has been the hub's at least once, so that its paths are known. */
  treeSynced: boolean
}

interface Row {
  project_id: string
  name: string
  owner: string
  tree_id: string
  folder: string
  tree_synced: number
}

export async function saveAttachment(tx: Tx, args: { org: OrgId; attachment: Attachment; now: number }): Promise<void> {
  const { project, folder } = args.attachment
  await tx.run(
    `INSERT INTO attachments (org_id, project_id, name, owner, tree_id, folder, attached_at, tree_synced) VALUES (?, ?, ?, ?, ?, ?, ?, 0)
    ON CONFLICT (project_id) DO UPDATE SET name = excluded.name, owner = excluded.owner, tree_id = excluded.tree_id, folder = excluded.folder`,
    [args.org, project.id, project.name, project.owner, project.tree, folder, args.now],
  )
}

export async function treeSynced(tx: Tx, { org, project }: { org: OrgId; project: ProjectId }): Promise<void> {
  await tx.run('UPDATE attachments SET tree_synced = 1 WHERE org_id = ? AND project_id = ?', [org, project])
}

export async function deleteAttachment(tx: Tx, { org, project }: { org: OrgId; project: ProjectId }): Promise<void> {
  await tx.run('DELETE FROM attachments WHERE org_id = ? AND project_id = ?', [org, project])
  await tx.run('DELETE FROM projections WHERE org_id = ? AND project_id = ?', [org, project])
  await tx.run('DELETE FROM asset_files WHERE org_id = ? AND project_id = ?', [org, project])
}

export async function listAttachments(tx: Tx, { org }: { org: OrgId }): Promise<StoredAttachment[]> {
  const rows = await tx.all<Row>('SELECT * FROM attachments WHERE org_id = ? ORDER BY attached_at', [org])
  return rows.map(row => ({
    project: { id: row.project_id, name: row.name, owner: row.owner, tree: row.tree_id } as ProjectInfo,
    folder: row.folder,
    treeSynced: row.tree_synced === 1,
  }))
}
