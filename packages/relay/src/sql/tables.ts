/**
 * Whole tables out of a database and into a new one, for backups: what a database must offer so that its content can
 * move into another kind. It must not know what the tables mean.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Schema, SqlValue } from './tx.ts'

export interface TableInfo {
  name: string
  columns: string[]
}

/** Everything in it is of one moment. */
export interface TableReader {
  /** Version of each module's tables, by the module's name. */
  versions(): Promise<Record<string, number>>
  tables(): Promise<TableInfo[]>
  /** In no special order; whole numbers come as bigint where a number would not be exact. */
  rows(table: TableInfo): AsyncIterable<SqlValue[]>
  /** Ends the moment; again is the same as once. */
  close(): Promise<void>
}

export interface TableWriter {
  /** Makes the tables, empty, as these migrations leave them. */
  prepare(schemas: readonly Schema[]): Promise<TableInfo[]>
  write(table: TableInfo, rows: readonly SqlValue[][]): Promise<void>
  count(table: string): Promise<number>
  /** Everything written is durable. */
  finish(): Promise<void>
  close(): Promise<void>
}

/** Names of tables and columns become part of a statement, so they are only what our own schemas use. */
export function isPlainName(text: string): boolean {
  return /^[a-z][a-z0-9_]{0,62}$/.test(text)
}

const changesOfTables =
  /\bCREATE TABLE (?:IF NOT EXISTS )?(\w+)|\bDROP TABLE (?:IF EXISTS )?(\w+)|\bALTER TABLE (\w+) RENAME TO (\w+)/g

/** The tables that are there after these migrations. */
export function tablesMadeBy(schemas: readonly Schema[]): string[] {
  const names = new Set<string>()
  for (const sql of schemas.flatMap(({ migrations }) => migrations))
    for (const [, made, dropped, before, after] of sql.matchAll(changesOfTables)) {
      for (const name of [dropped, before]) if (name) names.delete(name)
      for (const name of [made, after]) if (name) names.add(name)
    }
  return [...names]
}

/** Names as a statement has them. */
export function quotedName(name: string): string {
  if (!isPlainName(name)) throw new MeshError('STORAGE_FAILED', { detail: `a table or column is named "${name}"` })
  return `"${name}"`
}

export function quotedNames(names: readonly string[]): string {
  return names.map(quotedName).join(', ')
}
