/** The audit log as a file: every page of it, in one of two forms (PO33). */
import type { AuditEntry } from '@meshbook/core/api.ts'
import { csvText } from '@meshbook/core/csv.ts'
import { ApiError } from '../api/api-error.ts'
import type { Page } from './paged.tsx'

/** Beyond it a file is no way to read a log. */
const mostEntries = 100_000

export async function wholeAudit(
  ask: (cursor: string | undefined) => Promise<Page<AuditEntry>>,
  read: (count: number) => void,
): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = []
  let cursor: string | undefined
  do {
    const page = await ask(cursor)
    entries.push(...page.items)
    read(entries.length)
    cursor = page.next
    if (entries.length > mostEntries)
      throw new ApiError(
        'TOO_MANY',
        `There are more than ${mostEntries.toLocaleString()} entries.`,
        'Choose fewer days.',
      )
  } while (cursor !== undefined)
  return entries
}

const columns = ['at', 'action', 'name', 'user', 'credential', 'target', 'address', 'request', 'detail'] as const

export function auditFile(entries: readonly AuditEntry[], as: 'csv' | 'json'): Blob {
  if (as === 'json') return new Blob([`${JSON.stringify(entries, null, 2)}\n`], { type: 'application/json' })
  const rows = entries.map(entry => [
    new Date(entry.at).toISOString(),
    ...columns.slice(1, -1).map(column => entry[column as 'name'] ?? ''),
    JSON.stringify(entry.detail),
  ])
  return new Blob([csvText([columns, ...rows])], { type: 'text/csv' })
}
