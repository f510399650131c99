/** Procedures over the vault: values that are sealed elsewhere, and the data keys of orgs (VA1…). Nothing here can open one. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { HookId, OrgId, UserId, WayId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { StoredKey } from '@meshbook/core/tasks-api.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

/** A value as it is stored, with the data key that it is sealed with. */
export interface SealedKey {
  org: OrgId
  name: string
  kind: StoredKey['kind']
  at: string | null
  /** Where it is good may be in the hub's own network: the owner of the hub said so. */
  inside: boolean
  version: number
  sealed: string
  wrapped: string
  changedAt: number
  usedAt: number | null
}

export interface DataKey {
  version: number
  wrapped: string
}

const shownColumns =
  'name, kind, good_at AS at, ends, created_at AS "createdAt", changed_at AS "changedAt", used_at AS "usedAt"'
const sealedColumns =
  'k.org_id AS org, k.name AS name, k.kind AS kind, k.good_at AS at, k.inside AS inside, k.version AS version, k.sealed AS sealed, d.wrapped AS wrapped, k.changed_at AS "changedAt", k.used_at AS "usedAt"'
const withDataKey = 'vault_keys k JOIN vault_data_keys d ON d.org_id = k.org_id AND d.version = k.version'

type SealedRow = Omit<SealedKey, 'inside'> & { inside: number }
const sealedOf = (row: SealedRow): SealedKey => ({
  ...row,
  version: Number(row.version),
  inside: Number(row.inside) === 1,
})

export async function listKeys(tx: Tx, a: { org: OrgId }): Promise<StoredKey[]> {
  return tx.all<StoredKey>(`SELECT ${shownColumns} FROM vault_keys WHERE org_id = ? ORDER BY name`, [a.org])
}

export async function sealedKeys(tx: Tx, a: { org: OrgId }): Promise<SealedKey[]> {
  const rows = await tx.all<SealedRow>(
    `SELECT ${sealedColumns} FROM ${withDataKey} WHERE k.org_id = ? ORDER BY k.name`,
    [a.org],
  )
  return rows.map(sealedOf)
}

/** One of each org, the first by its name. */
export async function sampleKeys(tx: Tx): Promise<SealedKey[]> {
  const rows = await tx.all<SealedRow>(
    `SELECT ${sealedColumns} FROM ${withDataKey} WHERE k.name = (SELECT MIN(o.name) FROM vault_keys o WHERE o.org_id = k.org_id) ORDER BY k.org_id`,
  )
  return rows.map(sealedOf)
}

/** The newest of the org; `made` where there is none, so that two who make one have the same. */
export async function dataKey(tx: Tx, a: { org: OrgId; made: string | null; now: number }): Promise<DataKey | null> {
  const known = await newestDataKey(tx, a.org)
  if (known || a.made === null) return known
  await tx.run('INSERT INTO vault_data_keys (org_id, version, wrapped, created_at) VALUES (?, 1, ?, ?)', [
    a.org,
    a.made,
    a.now,
  ])
  return { version: 1, wrapped: a.made }
}

async function newestDataKey(tx: Tx, org: OrgId): Promise<DataKey | null> {
  const row = await tx.get<DataKey>(
    'SELECT version, wrapped FROM vault_data_keys WHERE org_id = ? ORDER BY version DESC LIMIT 1',
    [org],
  )
  return row ? { version: Number(row.version), wrapped: row.wrapped } : null
}

export interface NewKeyRow {
  org: OrgId
  name: string
  kind: StoredKey['kind']
  at: string | null
  inside: boolean
  ends: string
  version: number
  sealed: string
  now: number
}

/** Null where the data key that it was sealed with is not the newest any more. */
export async function putKey(tx: Tx, a: NewKeyRow): Promise<StoredKey | null> {
  if ((await newestDataKey(tx, a.org))?.version !== a.version) return null
  const known = await findShown(tx, a)
  const { count } = (await tx.get<{ count: number }>('SELECT COUNT(*) AS count FROM vault_keys WHERE org_id = ?', [
    a.org,
  ]))!
  if (!known && Number(count) >= limits.keysPerOrg)
    throw new MeshError('TOO_MANY', { detail: `${limits.keysPerOrg} keys of one org` })
  // A value that takes the place of another has not been used, and a change is told from the one before by its time.
  const changedAt = Math.max(a.now, (known?.changedAt ?? 0) + 1)
  await tx.run(
    'INSERT INTO vault_keys (org_id, name, kind, good_at, inside, ends, version, sealed, created_at, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (org_id, name) DO UPDATE SET kind = excluded.kind, good_at = excluded.good_at, inside = excluded.inside, ends = excluded.ends, version = excluded.version, sealed = excluded.sealed, changed_at = excluded.changed_at, used_at = NULL',
    [a.org, a.name, a.kind, a.at, a.inside ? 1 : 0, a.ends, a.version, a.sealed, a.now, changedAt],
  )
  return (await findShown(tx, a))!
}

async function findShown(tx: Tx, a: { org: OrgId; name: string }): Promise<StoredKey | undefined> {
  return tx.get<StoredKey>(`SELECT ${shownColumns} FROM vault_keys WHERE org_id = ? AND name = ?`, [a.org, a.name])
}

/** False where there was none. With the last one the data key goes (VA23). */
export async function removeKey(tx: Tx, a: { org: OrgId; name: string }): Promise<boolean> {
  const { changes } = await tx.run('DELETE FROM vault_keys WHERE org_id = ? AND name = ?', [a.org, a.name])
  await tx.run(
    'DELETE FROM vault_data_keys WHERE org_id = ? AND NOT EXISTS (SELECT 1 FROM vault_keys k WHERE k.org_id = vault_data_keys.org_id)',
    [a.org],
  )
  return changes > 0
}

/** True when it was the first use of the value that was set at that time. */
export async function useKey(
  tx: Tx,
  a: { org: OrgId; name: string; changedAt: number; now: number },
): Promise<boolean> {
  const { changes } = await tx.run(
    'UPDATE vault_keys SET used_at = ? WHERE org_id = ? AND name = ? AND changed_at = ? AND used_at IS NULL',
    [a.now, a.org, a.name, a.changedAt],
  )
  return changes > 0
}

export async function touchKey(tx: Tx, a: { org: OrgId; name: string; changedAt: number; now: number }): Promise<void> {
  await tx.run('UPDATE vault_keys SET used_at = ? WHERE org_id = ? AND name = ? AND changed_at = ?', [
    a.now,
    a.org,
    a.name,
    a.changedAt,
  ])
}

/** All values of the org under a new data key (VA21); false when one is another, or has come, since they were read. */
export async function turnDataKey(
  tx: Tx,
  a: {
    org: OrgId
    version: number
    wrapped: string
    keys: { name: string; was: string; sealed: string }[]
    now: number
  },
): Promise<boolean> {
  if ((await newestDataKey(tx, a.org))?.version !== a.version - 1) return false
  const now = await tx.all<{ name: string; sealed: string }>('SELECT name, sealed FROM vault_keys WHERE org_id = ?', [
    a.org,
  ])
  const were = new Map(a.keys.map(({ name, was }) => [name, was]))
  if (now.length !== a.keys.length || now.some(({ name, sealed }) => were.get(name) !== sealed)) return false
  await tx.run('INSERT INTO vault_data_keys (org_id, version, wrapped, created_at) VALUES (?, ?, ?, ?)', [
    a.org,
    a.version,
    a.wrapped,
    a.now,
  ])
  for (const { name, sealed } of a.keys)
    await tx.run('UPDATE vault_keys SET version = ?, sealed = ? WHERE org_id = ? AND name = ?', [
      a.version,
      sealed,
      a.org,
      name,
    ])
  await tx.run('DELETE FROM vault_data_keys WHERE org_id = ? AND version < ?', [a.org, a.version])
  return true
}

/** Everything that the master key itself seals, with whose it is. */
export interface UnderMaster {
  data: { org: OrgId; version: number; sealed: string }[]
  compute: { sealed: string }[]
  restoring: { org: OrgId; user: UserId; version: number; sealed: string }[]
  hooks: { id: HookId; sealed: string }[]
  ways: { id: WayId; sealed: string }[]
}

export async function underMaster(tx: Tx): Promise<UnderMaster> {
  const data = await tx.all<UnderMaster['data'][number]>(
    'SELECT org_id AS org, version, wrapped AS sealed FROM vault_data_keys ORDER BY org_id, version',
  )
  const restoring = await tx.all<UnderMaster['restoring'][number]>(
    'SELECT org_id AS org, user_id AS "user", version, sealed FROM restoring_keys ORDER BY org_id, user_id, version',
  )
  return {
    data: data.map(row => ({ ...row, version: Number(row.version) })),
    compute: await tx.all<{ sealed: string }>("SELECT sealed FROM compute_keys WHERE org_id = ''"),
    restoring: restoring.map(row => ({ ...row, version: Number(row.version) })),
    hooks: await tx.all<UnderMaster['hooks'][number]>('SELECT hook_id AS id, sealed FROM hooks ORDER BY hook_id'),
    ways: await tx.all<UnderMaster['ways'][number]>(
      'SELECT way_id AS id, sealed FROM ways WHERE sealed IS NOT NULL ORDER BY way_id',
    ),
  }
}

type Changed<Row> = Row & { was: string }

/** In one transaction; a row that is another one by now stays as it is. Returns how many changed. */
export async function sealAgain(
  tx: Tx,
  a: { [Part in keyof UnderMaster]: Changed<UnderMaster[Part][number]>[] },
): Promise<number> {
  let count = 0
  for (const { org, version, sealed, was } of a.data)
    count += (
      await tx.run('UPDATE vault_data_keys SET wrapped = ? WHERE org_id = ? AND version = ? AND wrapped = ?', [
        sealed,
        org,
        version,
        was,
      ])
    ).changes
  for (const { sealed, was } of a.compute)
    count += (await tx.run("UPDATE compute_keys SET sealed = ? WHERE org_id = '' AND sealed = ?", [sealed, was]))
      .changes
  for (const { org, user, version, sealed, was } of a.restoring)
    count += (
      await tx.run(
        'UPDATE restoring_keys SET sealed = ? WHERE org_id = ? AND user_id = ? AND version = ? AND sealed = ?',
        [sealed, org, user, version, was],
      )
    ).changes
  for (const { id, sealed, was } of a.hooks)
    count += (await tx.run('UPDATE hooks SET sealed = ? WHERE hook_id = ? AND sealed = ?', [sealed, id, was])).changes
  for (const { id, sealed, was } of a.ways)
    count += (await tx.run('UPDATE ways SET sealed = ? WHERE way_id = ? AND sealed = ?', [sealed, id, was])).changes
  return count
}
