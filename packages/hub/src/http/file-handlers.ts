/** Files of a project that are no documents: what there is, and whether the bytes are here. The bytes are assets. */
import type { FileInfo, FileState } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type OrgId, type ProjectId, parseId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { cursorOf, pageOf, rowsOf } from '@meshbook/relay/serve/page.ts'
import type { Parts } from '../parts.ts'
import { param, type UserAsk } from './route.ts'

export async function listFiles({ access, documents }: Parts, { who, query }: UserAsk<undefined>): Promise<object> {
  const project = parseId('project', query.get('project'))
  const { org } = await access.demand(who, { kind: 'project', id: project }, 'read')
  const all = await documents.files(org, project)
  const after = cursorOf(query) ?? ''
  const rest = all.filter(({ path }) => path > after)
  const items: FileInfo[] = rest.slice(0, rowsOf(query, limits.filesPageRows))
  return pageOf(items, items.length < rest.length ? items.at(-1)!.path : null)
}

/** One's own come before those of shared projects (ME5). */
export async function getFile(
  { access, documents, store, uploads }: Parts,
  ask: UserAsk<undefined>,
): Promise<FileState> {
  const { who } = ask
  const id = parseId('document', param(ask, 'id'))
  const homes: { org: OrgId; project?: ProjectId }[] = [{ org: who.org }, ...(await access.memberships(who))]
  for (const { org, project } of homes) {
    const file = await documents.file(org, id, project)
    if (!file) continue
    const place = await access.demand(who, { kind: 'project', id: file.project }, 'read')
    const stored = (await store.query('findAsset', { org: place.org, id: file.asset })) !== null
    const arrived = stored ? file.bytes : await uploads.offset({ org: place.org, user: who.user }, file.asset)
    return { ...file, stored, arrived }
  }
  throw new MeshError('NOT_FOUND', { detail: `file ${id}` })
}
