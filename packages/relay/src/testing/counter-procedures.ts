/** A small module of procedures for tests of the database itself. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Schema, Tx } from '../sql/tx.ts'

export const schema: Schema = {
  name: 'counters',
  migrations: [
    'CREATE TABLE counters (org_id TEXT NOT NULL, name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL)',
    'ALTER TABLE counters ADD COLUMN note TEXT',
  ],
}

async function add(tx: Tx, { name, by }: { name: string; by: number }): Promise<number> {
  await tx.run(
    "INSERT INTO counters (org_id, name, value) VALUES ('test', ?, ?) ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value",
    [name, by],
  )
  return read(tx, { name })
}

async function read(tx: Tx, { name }: { name: string }): Promise<number> {
  const row = await tx.get<{ value: number }>('SELECT value FROM counters WHERE name = ?', [name])
  return row?.value ?? 0
}

/** A check and then its write, as procedures are written that must not be crossed by another writer. */
async function readThenAdd(tx: Tx, { name, by }: { name: string; by: number }): Promise<number> {
  const value = (await read(tx, { name })) + by
  await tx.run(
    "INSERT INTO counters (org_id, name, value) VALUES ('test', ?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    [name, value],
  )
  return value
}

async function addThenThrow(tx: Tx, args: { name: string; by: number; how: 'mesh' | 'plain' }): Promise<never> {
  await add(tx, args)
  if (args.how === 'mesh') throw new MeshError('CONFLICT', { detail: `not ${args.name}` })
  throw new Error('a bug')
}

async function wait(_tx: Tx, { ms }: { ms: number }): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end; );
}

/** Lets the file grow by no more than this many pages: what a full disk looks like. */
async function limitPages(tx: Tx, { more }: { more: number }): Promise<void> {
  const row = await tx.get<{ page_count: number }>('PRAGMA page_count')
  await tx.get(`PRAGMA max_page_count = ${(row?.page_count ?? 0) + more}`)
}

async function fill(tx: Tx, { name, bytes }: { name: string; bytes: number }): Promise<void> {
  await tx.run("INSERT INTO counters (org_id, name, value, note) VALUES ('test', ?, 0, ?)", [name, 'x'.repeat(bytes)])
}

/** Ends the thread that it runs in, as running out of memory would. */
async function endThread(): Promise<void> {
  process.exit(7)
}

export const procedures = { add, read, readThenAdd, addThenThrow, wait, limitPages, fill, endThread }
export type CounterProcedures = typeof procedures
export const counterModule = new URL(import.meta.url)
