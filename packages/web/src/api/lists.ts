/** Lists of the hub: their first page, or all of them. */
import { listOf } from '@meshbook/core/api.ts'
import type * as v from 'valibot'
import { request } from './http.ts'

const maxPages = 200

/** All pages of a list. */
export async function all<S extends v.GenericSchema>(path: string, item: S): Promise<v.InferOutput<S>[]> {
  const items: v.InferOutput<S>[] = []
  const schema = listOf(item)
  let cursor: string | undefined
  for (let page = 0; page < maxPages; page++) {
    const url =
      cursor === undefined ? path : `${path}${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}`
    const answer: { items: v.InferOutput<S>[]; next?: string | undefined } = await request('GET', url, schema)
    items.push(...answer.items)
    if (answer.next === undefined) break
    cursor = answer.next
  }
  return items
}

export const first = async <S extends v.GenericSchema>(path: string, item: S): Promise<v.InferOutput<S>[]> =>
  (await request('GET', path, listOf(item))).items
