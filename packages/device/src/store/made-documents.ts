/** Documents that were made here: one without text has nothing stored, and is to be had all the same (LO5). */
import type { DocumentId, OrgId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

interface Key {
  org: OrgId
  document: DocumentId
}

export async function noteMade(tx: Tx, { org, document }: Key): Promise<void> {
  await tx.run('INSERT INTO made_documents (org_id, document_id) VALUES (?, ?) ON CONFLICT (document_id) DO NOTHING', [
    org,
    document,
  ])
}

export async function wasMade(tx: Tx, { org, document }: Key): Promise<boolean> {
  const rows = await tx.all('SELECT document_id FROM made_documents WHERE org_id = ? AND document_id = ?', [
    org,
    document,
  ])
  return rows.length > 0
}
