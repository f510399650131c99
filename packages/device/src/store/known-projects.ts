/** The projects of the account as the hub named them last, so that they are known without it (LO6). */
import type { OrgId } from '@meshbook/core/ids.ts'
import type { ProjectInfo } from '@meshbook/core/messages.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

/** In the place of all that were known. */
export async function saveProjects(
  tx: Tx,
  { org, projects }: { org: OrgId; projects: readonly ProjectInfo[] },
): Promise<void> {
  await tx.run('DELETE FROM known_projects WHERE org_id = ?', [org])
  for (const { id, name, owner, tree } of projects)
    await tx.run('INSERT INTO known_projects (org_id, project_id, name, owner, tree_id) VALUES (?, ?, ?, ?, ?)', [
      org,
      id,
      name,
      owner,
      tree,
    ])
}

export async function listKnownProjects(tx: Tx, { org }: { org: OrgId }): Promise<ProjectInfo[]> {
  return tx.all(
    'SELECT project_id AS id, name, owner, tree_id AS tree FROM known_projects WHERE org_id = ? ORDER BY project_id',
    [org],
  )
}
