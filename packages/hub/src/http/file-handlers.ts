/** Files of a project that are no documents: what there is, and whether the bytes are here. The bytes are assets. */
import type { FileInfo, FileState } from '@meshbook/core/api.ts'
import { parseId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { cursorOf, pageOf, rowsOf } from '@meshbook/relay/serve/page.ts'
import type { Parts } from '../parts.ts'
import { param, type UserAsk } from './route.ts'

export async function listFiles({ documents }: Parts, { who, query }: UserAsk<undefined>): Promise<object> {
  const all = await documents.files(who.org, parseId('project', query.get('project')))
  const after = cursorOf(query) ?? ''
  const rest = all.filter(({ path }) => path > after)
  const items: FileInfo[] = rest.slice(0, rowsOf(query, limits.filesPageRows))
  return pageOf(items, items.length < rest.length ? items.at(-1)!.path : null)
}

export async function getFile({ documents, store, uploads }: Parts, ask: UserAsk<undefined>): Promise<FileState> {
  const { who } = ask
  const file = await documents.file(who.org, parseId('document', param(ask, 'id')))
  const stored = (await store.query('findAsset', { org: who.org, id: file.asset })) !== null
  return { ...file, stored, arrived: stored ? file.bytes : await uploads.offset(who, file.asset) }
}
