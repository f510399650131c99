/**
 * Procedures over the parts of saved sessions that an org has (HS1–HS3, HS21–HS24). The bytes are objects; what is in them
 * nobody here can tell.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, SnapshotId } from '@meshbook/core/ids.ts'
import type { PartId } from '@meshbook/core/snapshot.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { removeLater } from './assets.ts'

export interface PartRow {
  part: PartId
  bytes: number
  sha256: string
  object: string
  /** A device found it damaged: it counts as missing until it came again. */
  doubted: boolean
}

type Stored = Omit<PartRow, 'doubted'> & { doubted: number }

/** Placeholders of one statement. */
const chunkIds = 500
const marks = (of: readonly unknown[]): string => of.map(() => '?').join(', ')

function* chunksOf<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += chunkIds) yield all.slice(at, at + chunkIds)
}

/** Those of them that are there. */
export async function findParts(tx: Tx, a: { org: OrgId; parts: readonly PartId[] }): Promise<PartRow[]> {
  const found: PartRow[] = []
  for (const parts of chunksOf(a.parts)) {
    const rows = await tx.all<Stored>(
      `SELECT part_id AS part, bytes, sha256, object, doubted FROM snapshot_parts WHERE org_id = ? AND part_id IN (${marks(parts)})`,
      [a.org, ...parts],
    )
    found.push(...rows.map(row => ({ ...row, doubted: row.doubted !== 0 })))
  }
  return found
}

/** Which of them are not there, or not sure. Those that are stay for a while: whoever asks counts on them (HS21). */
export async function askParts(tx: Tx, a: { org: OrgId; parts: PartId[]; now: number }): Promise<PartId[]> {
  for (const parts of chunksOf(a.parts))
    await tx.run(`UPDATE snapshot_parts SET touched_at = ? WHERE org_id = ? AND part_id IN (${marks(parts)})`, [
      a.now,
      a.org,
      ...parts,
    ])
  return missingParts(tx, a)
}

export async function missingParts(tx: Tx, a: { org: OrgId; parts: readonly PartId[] }): Promise<PartId[]> {
  const sure = new Set((await findParts(tx, a)).filter(({ doubted }) => !doubted).map(({ part }) => part))
  return [...new Set(a.parts)].filter(part => !sure.has(part))
}

/** Notes the names before the bytes are written: what a kill leaves of them is found (HS23). */
export async function beginParts(
  tx: Tx,
  a: { org: OrgId; objects: string[]; bytes: number; mostBytes: number; now: number },
): Promise<void> {
  const total = await tx.get<{ bytes: number }>('SELECT bytes FROM snapshot_totals WHERE org_id = ?', [a.org])
  if (Number(total?.bytes ?? 0) + a.bytes > a.mostBytes)
    throw new MeshError('QUOTA_USED', { detail: `saved sessions together may have ${a.mostBytes} bytes` })
  for (const object of a.objects)
    await tx.run('INSERT INTO snapshot_arrivals (org_id, object, begun_at) VALUES (?, ?, ?)', [a.org, object, a.now])
}

/** The bytes are durable. Returns those whose names are taken by other bytes (HS3). */
export async function finishParts(
  tx: Tx,
  a: { org: OrgId; arrived: Omit<PartRow, 'doubted'>[]; now: number },
): Promise<PartId[]> {
  const refused: PartId[] = []
  for (const part of a.arrived) {
    await tx.run('DELETE FROM snapshot_arrivals WHERE org_id = ? AND object = ?', [a.org, part.object])
    const [known] = await findParts(tx, { org: a.org, parts: [part.part] })
    if (!known) await addPart(tx, a, part)
    // The bytes of the disk may not be those of the row any more.
    else if (known.doubted) await replacePart(tx, a, known, part)
    else if (known.sha256 === part.sha256) await keepPart(tx, a, part)
    else {
      await removeLater(tx, { org: a.org, object: part.object, now: a.now })
      refused.push(part.part)
    }
  }
  return refused
}

interface At {
  org: OrgId
  now: number
}

async function addPart(tx: Tx, { org, now }: At, { part, bytes, sha256, object }: Omit<PartRow, 'doubted'>) {
  await tx.run(
    'INSERT INTO snapshot_parts (org_id, part_id, bytes, sha256, object, uses, touched_at, doubted) VALUES (?, ?, ?, ?, ?, 0, ?, 0)',
    [org, part, bytes, sha256, object, now],
  )
  await countPartBytes(tx, org, bytes)
}

/** These bytes once more: the object that came is one too many. */
async function keepPart(tx: Tx, { org, now }: At, { part, object }: Omit<PartRow, 'doubted'>): Promise<void> {
  await tx.run('UPDATE snapshot_parts SET touched_at = ? WHERE org_id = ? AND part_id = ?', [now, org, part])
  await removeLater(tx, { org, object, now })
}

async function replacePart(tx: Tx, { org, now }: At, known: PartRow, next: Omit<PartRow, 'doubted'>): Promise<void> {
  await tx.run(
    'UPDATE snapshot_parts SET bytes = ?, sha256 = ?, object = ?, touched_at = ?, doubted = 0 WHERE org_id = ? AND part_id = ?',
    [next.bytes, next.sha256, next.object, now, org, next.part],
  )
  await countPartBytes(tx, org, next.bytes - known.bytes)
  await removeLater(tx, { org, object: known.object, now })
}

/** For use inside the transaction that adds or drops the record that names them. */
export async function countUses(tx: Tx, a: { org: OrgId; parts: readonly PartId[]; by: 1 | -1 }): Promise<void> {
  for (const parts of chunksOf(a.parts))
    await tx.run(`UPDATE snapshot_parts SET uses = uses + ? WHERE org_id = ? AND part_id IN (${marks(parts)})`, [
      a.by,
      a.org,
      ...parts,
    ])
}

/** The parts of a record that was found damaged: which of them it is nobody knows (HS24). */
export async function doubtParts(tx: Tx, a: { snapshot: SnapshotId }): Promise<void> {
  const record = await tx.get<{ org: OrgId; parts: string }>(
    'SELECT org_id AS org, parts FROM snapshots WHERE snapshot_id = ?',
    [a.snapshot],
  )
  if (!record) return
  for (const parts of chunksOf(JSON.parse(record.parts) as PartId[]))
    await tx.run(`UPDATE snapshot_parts SET doubted = 1 WHERE org_id = ? AND part_id IN (${marks(parts)})`, [
      record.org,
      ...parts,
    ])
}

/** Parts that no record names, and bytes that never got a row; returns how many parts. */
export async function sweepParts(
  tx: Tx,
  a: { org: OrgId; before: number; most: number; now: number },
): Promise<number> {
  const unused = 'org_id = ? AND uses = 0 AND touched_at <= ?'
  const rows = await tx.all<{ part: PartId; object: string; bytes: number }>(
    `SELECT part_id AS part, object, bytes FROM snapshot_parts WHERE ${unused} LIMIT ?`,
    [a.org, a.before, a.most],
  )
  for (const { part, object, bytes } of rows) {
    await tx.run('DELETE FROM snapshot_parts WHERE org_id = ? AND part_id = ?', [a.org, part])
    await countPartBytes(tx, a.org, -bytes)
    await removeLater(tx, { org: a.org, object, now: a.now })
  }
  const lost = await tx.all<{ object: string }>(
    'SELECT object FROM snapshot_arrivals WHERE org_id = ? AND begun_at <= ? LIMIT ?',
    [a.org, a.before, a.most],
  )
  for (const { object } of lost) {
    await tx.run('DELETE FROM snapshot_arrivals WHERE org_id = ? AND object = ?', [a.org, object])
    await removeLater(tx, { org: a.org, object, now: a.now })
  }
  return rows.length
}

async function countPartBytes(tx: Tx, org: OrgId, bytes: number): Promise<void> {
  await tx.run(
    'INSERT INTO snapshot_totals (org_id, bytes) VALUES (?, ?) ON CONFLICT (org_id) DO UPDATE SET bytes = snapshot_totals.bytes + excluded.bytes',
    [org, bytes],
  )
}
