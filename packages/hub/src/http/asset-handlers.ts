/** Blobs: immutable, so a browser may keep them for ever; never a page of the hub, whatever they hold (S9). */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { type AssetId, type OrgId, parseAssetId, parseId } from '@meshbook/core/ids.ts'
import { problemResponse } from '@meshbook/relay/serve/problem.ts'
import type { Parts } from '../parts.ts'
import type { AssetRow } from '../store/assets.ts'
import { assetResponse } from './asset-response.ts'
import { pieceOf } from './ranges.ts'
import { param, placeOf, type UserAsk } from './route.ts'

export async function putAsset(parts: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const id = parseAssetId(param(ask, 'asset'))
  const { user } = ask.who
  const { request } = ask
  const project = ask.query.get('project')
  const org = await orgOf(parts, ask, project)
  const piece = pieceOf(request.headers)
  if ((await mayBeKnown(parts, ask, org, project, id)) && (await parts.store.call('claimAsset', { org, id }))) {
    await request.body?.cancel()
    return new Response(null, { status: 204 })
  }
  try {
    const received = await parts.uploads.receive({ org, user }, id, piece, ask.incoming, request.signal)
    if (received.stored) return new Response(null, { status: 201 })
    return new Response(null, { status: 202, headers: offsetHeaders(received.offset) })
  } catch (thrown) {
    if (asMeshError(thrown).code !== 'CONFLICT') throw thrown
    return withOffset(parts, ask, org, id, asMeshError(thrown))
  }
}

/** Of the project that it is for; of the caller's own where none is named. */
async function orgOf({ access }: Parts, { who }: UserAsk<undefined>, project: string | null): Promise<OrgId> {
  if (project === null) return who.org
  const place = await access.demand(who, { kind: 'project', id: parseId('project', project) }, 'write')
  return place.org
}

/** Where the blob is to be had; with a project named, only that of the project, because another org may have it too. */
async function orgOfBlob(parts: Parts, ask: UserAsk<undefined>, asset: AssetId): Promise<OrgId | undefined> {
  const project = ask.query.get('project')
  if (project === null) return placeOf(ask).org
  const { org } = await parts.access.demand(ask.who, { kind: 'project', id: parseId('project', project) }, 'read')
  return (await mayBeKnown(parts, ask, org, project, asset)) ? org : undefined
}

/** That the org has an asset already is told a member only of one that their project names (S21). */
async function mayBeKnown(
  { store }: Parts,
  { who }: UserAsk<undefined>,
  org: OrgId,
  project: string | null,
  asset: AssetId,
): Promise<boolean> {
  if (org === who.org || project === null) return true
  return store.query('projectNames', { org, project: parseId('project', project), asset })
}

/** GET and HEAD. Being asked for counts as being used, where an asset waits to be deleted (AG2). */
export async function getAsset(parts: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const { store, objects } = parts
  const id = parseAssetId(param(ask, 'asset'))
  const org = await orgOfBlob(parts, ask, id)
  const found = org && (await store.query('findAsset', { org, id }))
  const row = org && found?.unreferencedAt ? await store.call('claimAsset', { org, id }) : found
  if (!row) return withOffset(parts, ask, await uploadOrgOf(parts, ask), id, new MeshError('NOT_FOUND', { detail: id }))
  const whole = ask.request.method === 'HEAD' ? wholeHeaders(row) : {}
  return assetResponse(objects, ask.request, id, row, whole, ask.query.get('name'))
}

function uploadOrgOf(parts: Parts, ask: UserAsk<undefined>): Promise<OrgId> {
  return orgOf(parts, ask, ask.who.can.has('write') ? ask.query.get('project') : null)
}

/** Where the caller's upload stands goes with the error, so that a client can go on (AS2). */
async function withOffset(
  { uploads }: Parts,
  { who, requestId }: UserAsk<undefined>,
  org: OrgId,
  id: AssetId,
  error: MeshError,
): Promise<Response> {
  const response = problemResponse(error, requestId)
  const offset = who.can.has('write') ? await uploads.offset({ org, user: who.user }, id) : 0
  for (const [name, value] of Object.entries(offsetHeaders(offset))) response.headers.set(name, value)
  return response
}

function offsetHeaders(offset: number): Record<string, string> {
  return { 'upload-offset': String(offset), 'upload-complete': '?0' }
}

function wholeHeaders({ bytes }: AssetRow): Record<string, string> {
  return { 'upload-offset': String(bytes), 'upload-complete': '?1' }
}
