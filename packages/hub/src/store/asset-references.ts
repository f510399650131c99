/**
 * Procedures over who names which asset. A holder is `document:<id>`, `version:<id>`, `run:<id>` or `publication:<document id>`. Documents are read
 * elsewhere and their references recorded with the position they were read at; all else records its own.
 */
import { type AssetId, type DocumentId, isAssetId, type OrgId } from '@meshbook/core/ids.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { WorkflowEvent } from '@meshbook/core/workflow/workflow-events.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { countBytes, removeLater } from './assets.ts'

export type AssetHolder = `document:${string}` | `version:${string}` | `run:${string}` | `publication:${string}`

/** For use inside the transaction that writes the version or the event. */
export async function addReferences(tx: Tx, a: { org: OrgId; holder: AssetHolder; assets: AssetId[] }): Promise<void> {
  for (const asset of new Set(a.assets))
    await tx.run(
      'INSERT INTO asset_references (org_id, holder, asset_id) VALUES (?, ?, ?) ON CONFLICT (org_id, holder, asset_id) DO NOTHING',
      [a.org, a.holder, asset],
    )
}

export async function dropReferences(tx: Tx, a: { org: OrgId; holder: AssetHolder }): Promise<void> {
  await tx.run('DELETE FROM asset_references WHERE org_id = ? AND holder = ?', [a.org, a.holder])
}

export function assetsOfEvent(event: RunEvent): AssetId[] {
  if (event.type === 'task') return 'asset' in event.event && isAssetId(event.event.asset) ? [event.event.asset] : []
  if (event.type === 'workflow') return [...resultsOf(event.event)].filter(isAssetId)
  if (event.type !== 'display' && event.type !== 'result') return []
  return event.parts.flatMap(part => (part.at === 'asset' && isAssetId(part.asset) ? [part.asset] : []))
}

/** Large results of steps. */
function* resultsOf(event: WorkflowEvent): Generator<string> {
  for (const stored of ['output' in event ? event.output : undefined, 'items' in event ? event.items : undefined])
    if (stored && 'asset' in stored) yield stored.asset
}

export async function listOrgs(tx: Tx): Promise<OrgId[]> {
  return (await tx.all<{ org: OrgId }>('SELECT org_id AS org FROM orgs ORDER BY org_id')).map(({ org }) => org)
}

/** Documents that were written to since they were last read. */
export async function unreadDocuments(tx: Tx, a: { org: OrgId; after: string; most: number }): Promise<DocumentId[]> {
  const rows = await tx.all<{ document: DocumentId }>(
    `SELECT d.document_id AS document FROM relay_documents d
    LEFT JOIN asset_scans s ON s.org_id = d.org_id AND s.holder = 'document:' || d.document_id
    WHERE d.org_id = ? AND d.document_id > ? AND (s.holder IS NULL OR s.epoch <> d.epoch OR s.position <> d.position)
    ORDER BY d.document_id LIMIT ?`,
    [a.org, a.after, a.most],
  )
  return rows.map(({ document }) => document)
}

/** What a document named when it was read; an older reading changes nothing. */
export async function recordDocument(
  tx: Tx,
  a: { org: OrgId; document: DocumentId; epoch: number; position: number; assets: AssetId[] },
): Promise<void> {
  const holder: AssetHolder = `document:${a.document}`
  const { changes } = await tx.run(
    `INSERT INTO asset_scans (org_id, holder, epoch, position) VALUES (?, ?, ?, ?)
    ON CONFLICT (org_id, holder) DO UPDATE SET epoch = excluded.epoch, position = excluded.position
    WHERE asset_scans.epoch < excluded.epoch OR (asset_scans.epoch = excluded.epoch AND asset_scans.position <= excluded.position)`,
    [a.org, holder, a.epoch, a.position],
  )
  if (changes === 0) return
  await dropReferences(tx, { org: a.org, holder })
  await addReferences(tx, { org: a.org, holder, assets: a.assets })
}

/** Runs of before references were recorded: read once, page by page; `next` is null at the end. */
export async function readOldRuns(
  tx: Tx,
  a: { org: OrgId; run: string; seq: number; most: number },
): Promise<{ found: { run: string; assets: AssetId[] }[]; next: { run: string; seq: number } | null }> {
  const done = await tx.get('SELECT 1 FROM asset_scans WHERE org_id = ? AND holder = ?', [a.org, 'runs'])
  if (done) return { found: [], next: null }
  const rows = await tx.all<{ run: string; seq: number; event: string }>(
    'SELECT run_id AS run, seq, event FROM run_events WHERE org_id = ? AND (run_id > ? OR (run_id = ? AND seq > ?)) ORDER BY run_id, seq LIMIT ?',
    [a.org, a.run, a.run, a.seq, a.most],
  )
  const last = rows.at(-1)
  return {
    found: rows
      .filter(({ event }) => event.includes('"sha256-'))
      .map(({ run, event }) => ({ run, assets: assetsOfEvent(JSON.parse(event) as RunEvent) })),
    next: last && rows.length === a.most ? { run: last.run, seq: last.seq } : null,
  }
}

export async function recordOldRuns(
  tx: Tx,
  a: { org: OrgId; found: { run: string; assets: AssetId[] }[]; done: boolean },
): Promise<void> {
  for (const { run, assets } of a.found) await addReferences(tx, { org: a.org, holder: `run:${run}`, assets })
  if (a.done)
    await tx.run(
      "INSERT INTO asset_scans (org_id, holder, epoch, position) VALUES (?, 'runs', 1, 1) ON CONFLICT (org_id, holder) DO NOTHING",
      [a.org],
    )
}

const unnamed =
  'NOT EXISTS (SELECT 1 FROM asset_references r WHERE r.org_id = assets.org_id AND r.asset_id = assets.asset_id) AND NOT EXISTS (SELECT 1 FROM history_assets v WHERE v.org_id = assets.org_id AND v.asset_id = assets.asset_id) AND NOT EXISTS (SELECT 1 FROM asset_uploads u WHERE u.org_id = assets.org_id AND u.asset_id = assets.asset_id)'

/** Since when nothing names an asset; null again as soon as something does. */
export async function markAssets(tx: Tx, a: { org: OrgId; now: number }): Promise<void> {
  await tx.run(
    `UPDATE assets SET unreferenced_at = NULL WHERE org_id = ? AND unreferenced_at IS NOT NULL AND NOT (${unnamed})`,
    [a.org],
  )
  await tx.run(`UPDATE assets SET unreferenced_at = ? WHERE org_id = ? AND unreferenced_at IS NULL AND ${unnamed}`, [
    a.now,
    a.org,
  ])
}

/**
 * Deletes what nothing has named since `before`; their objects go onto the list of removals in the same transaction
 * (AG5). Nothing at all is deleted while a document has updates that were not read (AG3).
 */
export async function sweepAssets(
  tx: Tx,
  a: { org: OrgId; before: number; most: number; now: number },
): Promise<{ deleted: number; unread: DocumentId[] }> {
  const rows = await tx.all<{ id: AssetId; object: string; bytes: number }>(
    `SELECT asset_id AS id, object, bytes FROM assets WHERE org_id = ? AND unreferenced_at <= ? AND ${unnamed} LIMIT ?`,
    [a.org, a.before, a.most],
  )
  if (rows.length === 0) return { deleted: 0, unread: [] }
  const unread = await unreadDocuments(tx, { org: a.org, after: '', most: a.most })
  if (unread.length > 0) return { deleted: 0, unread }
  let deleted = 0
  for (const { id, object, bytes } of rows) {
    const { changes } = await tx.run(
      'DELETE FROM assets WHERE org_id = ? AND asset_id = ? AND object = ? AND unreferenced_at <= ?',
      [a.org, id, object, a.before],
    )
    deleted += changes
    if (changes === 0) continue
    await removeLater(tx, { org: a.org, object, now: a.now })
    await countBytes(tx, { org: a.org, bytes: -bytes })
  }
  return { deleted, unread: [] }
}
