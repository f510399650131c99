/** Portable SQL as PostgreSQL writes it. Pure text; what stands in quotes and comments is left alone. */
import type { NumberedLock } from './call-locks.ts'

const quoted = /('(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/)/

function mapCode(sql: string, map: (code: string) => string): string {
  return sql
    .split(quoted)
    .map((part, i) => (i % 2 === 0 ? map(part) : part))
    .join('')
}

/** `?` as `$1`, `$2` … */
export function numbered(sql: string): string {
  let count = 0
  return mapCode(sql, code => code.replaceAll('?', () => `$${++count}`))
}

/** Types of a migration. Text is ordered by its bytes, as in SQLite, whatever language the server speaks. */
export function migrationFor(sql: string): string {
  return mapCode(sql, code =>
    code
      .replace(/\bBLOB\b/g, 'BYTEA')
      .replace(/\bTEXT\b/g, 'TEXT COLLATE "C"')
      .replace(/\s*\bWITHOUT ROWID\b/g, ''),
  )
}

/** Opens a transaction that has its locks before its first statement takes a snapshot: so READ COMMITTED sees all that the lock protects. */
export function beginWith(locks: readonly NumberedLock[]): string {
  const takes = locks.map(({ number, shared }) => `SELECT pg_advisory_xact_lock${shared ? '_shared' : ''}(${number})`)
  return ['BEGIN ISOLATION LEVEL READ COMMITTED', ...takes].join('; ')
}
