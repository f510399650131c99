/** Pages of a list: `?limit=` and an opaque `?cursor=`, which is the key of the last row in base64url. */
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'

export function rowsOf(query: URLSearchParams, most: number = limits.pageRows): number {
  const text = query.get('limit') ?? String(limits.pageRows)
  const rows = Number(text)
  if (/^\d+$/.test(text) && rows >= 1) return Math.min(rows, most)
  throw new MeshError('BAD_REQUEST', { detail: 'limit: expected a whole number from 1' })
}

export function cursorOf(query: URLSearchParams): string | null {
  const text = query.get('cursor')
  return text === null ? null : Buffer.from(text, 'base64url').toString('utf8')
}

export function pageOf<T>(items: T[], last: string | number | null): { items: T[]; next?: string } {
  return last === null ? { items } : { items, next: Buffer.from(String(last)).toString('base64url') }
}
