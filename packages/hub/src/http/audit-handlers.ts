/** The audit log of the caller's org (AD3). */
import { MeshError } from '@meshbook/core/errors.ts'
import { isId } from '@meshbook/core/ids.ts'
import { cursorOf, pageOf, rowsOf } from '@meshbook/relay/serve/page.ts'
import type { Parts } from '../parts.ts'
import type { UserAsk } from './route.ts'

export async function listAudit({ store }: Parts, { who, query }: UserAsk<undefined>): Promise<object> {
  const before = cursorOf(query)
  if (before !== null && !isId('audit', before)) throw new MeshError('BAD_REQUEST', { detail: 'cursor' })
  const { items, next } = await store.query('listAudit', {
    org: who.org,
    filter: {
      action: query.get('action') ?? undefined,
      user: query.get('user') ?? undefined,
      from: timeOf(query, 'from'),
      to: timeOf(query, 'to'),
    },
    before,
    rows: rowsOf(query),
  })
  return pageOf(items, next)
}

function timeOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new MeshError('BAD_REQUEST', { detail: `${name}: expected milliseconds since 1970` })
}
