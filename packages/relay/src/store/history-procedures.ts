/** The tables of history and everything that is done to them. A version's text may stand on other texts (`base_hash`). */
import type { Author, Version } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Aged } from '@meshbook/core/history/retention.ts'
import type { Covered } from '../history/version-plan.ts'
import type { StoredText } from '../history/version-text.ts'
import type { Schema, Tx } from '../sql/tx.ts'

export const schema: Schema = {
  name: 'history',
  migrations: [
    `CREATE TABLE history_versions (org_id TEXT NOT NULL, document_id TEXT NOT NULL, version BIGINT NOT NULL, recorded_at BIGINT NOT NULL, kind TEXT NOT NULL, of_version BIGINT, name TEXT, request TEXT, epoch BIGINT NOT NULL, position BIGINT NOT NULL, hash TEXT NOT NULL, chars BIGINT NOT NULL, added BIGINT NOT NULL, removed BIGINT NOT NULL, authors TEXT NOT NULL, unattributed BIGINT NOT NULL, PRIMARY KEY (org_id, document_id, version)) WITHOUT ROWID;
    CREATE TABLE history_texts (org_id TEXT NOT NULL, document_id TEXT NOT NULL, hash TEXT NOT NULL, base_hash TEXT, depth BIGINT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (org_id, document_id, hash)) WITHOUT ROWID;
    CREATE TABLE history_intents (org_id TEXT NOT NULL, document_id TEXT NOT NULL, request TEXT NOT NULL, of_version BIGINT NOT NULL, noted_at BIGINT NOT NULL, PRIMARY KEY (org_id, document_id, request)) WITHOUT ROWID;`,
    // What a text shows must be there for as long as the text is.
    `CREATE TABLE history_assets (org_id TEXT NOT NULL, document_id TEXT NOT NULL, hash TEXT NOT NULL, asset_id TEXT NOT NULL, PRIMARY KEY (org_id, document_id, hash, asset_id)) WITHOUT ROWID;
    CREATE INDEX history_assets_by_asset ON history_assets (org_id, asset_id);`,
    // A version that something else shows is kept like one with a name.
    'ALTER TABLE history_versions ADD COLUMN held BIGINT NOT NULL DEFAULT 0;',
  ],
  guarded: ['history_versions', 'history_texts', 'history_intents', 'history_assets'],
}

export const withoutOrg: ReadonlySet<string> = new Set()

interface DocumentArgs {
  org: string
  document: string
}
export interface VersionHead extends Covered {
  version: number
  hash: string
  name: string | null
}
export interface NewVersion {
  at: number
  kind: Version['kind']
  of: number | null
  request: string | null
  epoch: number
  position: number
  hash: string
  chars: number
  added: number
  removed: number
  authors: Author[]
  unattributed: boolean
}
export interface NewText extends StoredText {
  assets: readonly string[]
}
export type VersionRow = Version & { hash: string }

const keysOf = ({ org, document }: DocumentArgs): string[] => [org, document]
const where = 'org_id = ? AND document_id = ?'

export async function historyHead(tx: Tx, args: DocumentArgs): Promise<VersionHead | null> {
  const head = await tx.get<VersionHead>(
    `SELECT version, hash, name, epoch, position FROM history_versions WHERE ${where} ORDER BY version DESC LIMIT 1`,
    keysOf(args),
  )
  return head ?? null
}

/** The chain of a text, the whole one first; empty if there is no such text. */
export async function historyText(tx: Tx, args: DocumentArgs & { hash: string }): Promise<StoredText[]> {
  const chain: StoredText[] = []
  for (let hash: string | null = args.hash; hash !== null; hash = chain[0]!.base) {
    const text: StoredText | undefined = await tx.get(
      `SELECT hash, base_hash AS base, depth, data FROM history_texts WHERE ${where} AND hash = ?`,
      [...keysOf(args), hash],
    )
    if (!text) return []
    chain.unshift(text)
  }
  return chain
}

/**
 * Adds versions after the one named, or none: somebody else may have recorded meanwhile. Without new ones only the
 * position is noted up to which the newest stands for the document. Returns the newest version's number.
 */
export async function addVersions(
  tx: Tx,
  args: DocumentArgs & { after: number; covered: Covered; versions: NewVersion[]; texts: NewText[] },
): Promise<number> {
  const head = await historyHead(tx, args)
  if ((head?.version ?? 0) !== args.after) throw new MeshError('CONFLICT', { detail: 'a newer version was recorded' })
  for (const text of args.texts) await insertText(tx, args, text)
  let version = args.after
  for (const one of args.versions) await insertVersion(tx, args, ++version, one)
  await tx.run(`UPDATE history_versions SET epoch = ?, position = ? WHERE ${where} AND version = ?`, [
    args.covered.epoch,
    args.covered.position,
    ...keysOf(args),
    version,
  ])
  return version
}

async function insertText(tx: Tx, args: DocumentArgs, { hash, base, depth, data, assets }: NewText): Promise<void> {
  await tx.run(
    'INSERT INTO history_texts (org_id, document_id, hash, base_hash, depth, data) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (org_id, document_id, hash) DO NOTHING',
    [...keysOf(args), hash, base, depth, data],
  )
  for (const asset of assets)
    await tx.run(
      'INSERT INTO history_assets (org_id, document_id, hash, asset_id) VALUES (?, ?, ?, ?) ON CONFLICT (org_id, document_id, hash, asset_id) DO NOTHING',
      [...keysOf(args), hash, asset],
    )
}

async function insertVersion(tx: Tx, args: DocumentArgs, version: number, one: NewVersion): Promise<void> {
  await tx.run(
    'INSERT INTO history_versions (org_id, document_id, version, recorded_at, kind, of_version, name, request, epoch, position, hash, chars, added, removed, authors, unattributed) VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    [
      ...keysOf(args),
      version,
      one.at,
      one.kind,
      one.of,
      one.request,
      one.epoch,
      one.position,
      one.hash,
      one.chars,
      one.added,
      one.removed,
      JSON.stringify(one.authors),
      one.unattributed ? 1 : 0,
    ],
  )
  if (one.request !== null)
    await tx.run(`DELETE FROM history_intents WHERE ${where} AND request = ?`, [...keysOf(args), one.request])
}

type FlatVersion = Omit<VersionRow, 'authors' | 'unattributed'> & { authors: string; unattributed: number }

const versionColumns =
  'version, recorded_at AS at, kind, of_version AS of, name, chars, added, removed, authors, unattributed, hash'

function unflatten({ authors, unattributed, ...version }: FlatVersion): VersionRow {
  return { ...version, authors: JSON.parse(authors) as Author[], unattributed: unattributed !== 0 }
}

/** Newest first, those before `before`. */
export async function listVersions(
  tx: Tx,
  args: DocumentArgs & { before: number | null; rows: number },
): Promise<VersionRow[]> {
  const found = await tx.all<FlatVersion>(
    `SELECT ${versionColumns} FROM history_versions WHERE ${where} AND version < ? ORDER BY version DESC LIMIT ?`,
    [...keysOf(args), args.before ?? Number.MAX_SAFE_INTEGER, args.rows],
  )
  return found.map(unflatten)
}

export async function findVersion(tx: Tx, args: DocumentArgs & { version: number }): Promise<VersionRow | null> {
  const [found] = await listVersions(tx, { ...args, before: args.version + 1, rows: 1 })
  return found?.version === args.version ? found : null
}

/** The version that a request made. */
export async function findRequest(tx: Tx, args: DocumentArgs & { request: string }): Promise<VersionRow | null> {
  const found = await tx.get<FlatVersion>(
    `SELECT ${versionColumns} FROM history_versions WHERE ${where} AND request = ? ORDER BY version DESC LIMIT 1`,
    [...keysOf(args), args.request],
  )
  return found ? unflatten(found) : null
}

const intentKeptMs = 24 * 3_600_000

/** What an undo or redo is about, before it is done: a repetition of the request, however late, is about the same. */
export async function noteIntent(
  tx: Tx,
  args: DocumentArgs & { request: string; of: number; at: number },
): Promise<void> {
  await tx.run(`DELETE FROM history_intents WHERE ${where} AND noted_at < ?`, [...keysOf(args), args.at - intentKeptMs])
  await tx.run(
    'INSERT INTO history_intents (org_id, document_id, request, of_version, noted_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (org_id, document_id, request) DO NOTHING',
    [...keysOf(args), args.request, args.of, args.at],
  )
}

export async function findIntent(tx: Tx, args: DocumentArgs & { request: string }): Promise<number | null> {
  const found = await tx.get<{ of: number }>(
    `SELECT of_version AS of FROM history_intents WHERE ${where} AND request = ?`,
    [...keysOf(args), args.request],
  )
  return found?.of ?? null
}

/** Names the newest version; one that has a name already gets a twin. Returns its number. */
export async function nameNewest(
  tx: Tx,
  args: DocumentArgs & { name: string; at: number; author: Author; most: number },
): Promise<number> {
  const head = await historyHead(tx, args)
  if (!head) throw new MeshError('NOT_FOUND', { detail: 'the document has no version yet' })
  const row = await tx.get<{ count: number }>(
    `SELECT COUNT(*) AS count FROM history_versions WHERE ${where} AND name IS NOT NULL`,
    keysOf(args),
  )
  if (Number(row?.count ?? 0) >= args.most)
    throw new MeshError('TOO_MANY', { detail: `${args.most} named versions of one document` })
  const version = head.name === null || head.name === args.name ? head.version : await addTwin(tx, args, head)
  await tx.run(`UPDATE history_versions SET name = ? WHERE ${where} AND version = ?`, [
    args.name,
    ...keysOf(args),
    version,
  ])
  return version
}

async function addTwin(
  tx: Tx,
  args: DocumentArgs & { at: number; author: Author },
  head: VersionHead,
): Promise<number> {
  const twin = await findVersion(tx, { ...args, version: head.version })
  await insertVersion(tx, args, head.version + 1, {
    ...head,
    at: args.at,
    kind: 'edit',
    of: null,
    request: null,
    chars: twin!.chars,
    added: 0,
    removed: 0,
    authors: [args.author],
    unattributed: false,
  })
  return head.version + 1
}

/** All versions in ascending order, for retention. */
export async function historyOutline(tx: Tx, args: DocumentArgs): Promise<Aged[]> {
  const rows = await tx.all<{ version: number; at: number; name: string | null; held: number }>(
    `SELECT version, recorded_at AS at, name, held FROM history_versions WHERE ${where} ORDER BY version`,
    keysOf(args),
  )
  return rows.map(({ version, at, name, held }) => ({ version, at, named: name !== null || held !== 0 }))
}

/** Takes versions away, and the texts that no other version needs; the newest one always stays. */
export async function dropVersions(tx: Tx, args: DocumentArgs & { drop: number[] }): Promise<void> {
  const head = await historyHead(tx, args)
  for (const version of args.drop)
    if (version !== head?.version)
      await tx.run(`DELETE FROM history_versions WHERE ${where} AND version = ? AND name IS NULL AND held = 0`, [
        ...keysOf(args),
        version,
      ])
  await tx.run(
    `WITH RECURSIVE needed(hash) AS (
      SELECT hash FROM history_versions WHERE ${where}
      UNION
      SELECT t.base_hash FROM history_texts t JOIN needed n ON t.hash = n.hash WHERE t.org_id = ? AND t.document_id = ? AND t.base_hash IS NOT NULL
    )
    DELETE FROM history_texts WHERE ${where} AND hash NOT IN (SELECT hash FROM needed)`,
    [...keysOf(args), ...keysOf(args), ...keysOf(args)],
  )
  await tx.run(
    `DELETE FROM history_assets WHERE ${where} AND hash NOT IN (SELECT hash FROM history_texts WHERE ${where})`,
    [...keysOf(args), ...keysOf(args)],
  )
}

/** Keeps this version for as long as it is held, and no other one; null lets go. For use inside another transaction. */
export async function holdVersion(tx: Tx, args: DocumentArgs & { version: number | null }): Promise<void> {
  await tx.run(`UPDATE history_versions SET held = 0 WHERE ${where} AND held <> 0`, keysOf(args))
  if (args.version === null) return
  const { changes } = await tx.run(`UPDATE history_versions SET held = 1 WHERE ${where} AND version = ?`, [
    ...keysOf(args),
    args.version,
  ])
  if (changes === 0) throw new MeshError('NOT_FOUND', { detail: `version ${args.version}` })
}

export const procedures = {
  historyHead,
  historyText,
  addVersions,
  listVersions,
  findVersion,
  findRequest,
  noteIntent,
  findIntent,
  nameNewest,
  historyOutline,
  dropVersions,
}
export type HistoryProcedures = typeof procedures
