/**
 * Rows as lines of text that any database can take: one JSON array a line, with bytes as `{"b": base64}` and integers
 * that a JSON number does not hold exactly as `{"i": digits}`. Pure.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { SqlValue } from '@meshbook/relay/sql/tx.ts'

export function rowLine(row: readonly SqlValue[]): string {
  return `${JSON.stringify(row.map(encoded))}\n`
}

function encoded(value: SqlValue): unknown {
  if (typeof value === 'bigint') return { i: String(value) }
  if (value instanceof Uint8Array)
    return { b: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') }
  return value
}

/** The rows of a part; each has as many values as the table has columns. */
export function parseRows(text: string, columns: number): SqlValue[][] {
  const lines = text.split('\n')
  if (lines.pop() !== '') throw damaged('a part does not end with a line')
  return lines.map(line => {
    const row: unknown = parseLine(line)
    if (!Array.isArray(row) || row.length !== columns) throw damaged('a row has not the columns of its table')
    return row.map(decoded)
  })
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw new MeshError('BACKUP_DAMAGED', { detail: 'a row is not JSON', cause })
  }
}

function decoded(value: unknown): SqlValue {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value
  const { b, i } = value as { b?: unknown; i?: unknown }
  if (typeof b === 'string') return new Uint8Array(Buffer.from(b, 'base64'))
  if (typeof i === 'string' && /^-?\d{1,19}$/.test(i)) return BigInt(i)
  throw damaged('a row has a value of an unknown kind')
}

function damaged(detail: string): MeshError {
  return new MeshError('BACKUP_DAMAGED', { detail })
}
