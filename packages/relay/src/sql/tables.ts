/**
 * Whole tables out of a database and into a new one, for backups: what a database must offer so that its content can
 * move into another kind. It must not know what the tables mean.
 */
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
