/** Saved sessions over HTTP: parts between devices of one owner and the hub, records for everybody who may see the session. */
import { Readable } from 'node:stream'
import { MeshError } from '@meshbook/core/errors.ts'
import { type OrgId, parseId } from '@meshbook/core/ids.ts'
import type {
  changeSnapshotSchema,
  missingPartsSchema,
  partIdsSchema,
  refusedSnapshotSchema,
  takenPartsSchema,
} from '@meshbook/core/moves-api.ts'
import type { PartId, SnapshotInfo, SnapshotRecord, StoredRecord } from '@meshbook/core/snapshot.ts'
import { problemResponse } from '@meshbook/relay/serve/problem.ts'
import type { InferOutput } from 'valibot'
import type { Parts } from '../parts.ts'
import { mostBodyBytes } from '../snapshots/part-intake.ts'
import { json, param, placeOf, type UserAsk } from './route.ts'

type PartIds = InferOutput<typeof partIdsSchema>

export async function missingParts(
  { snapshots }: Parts,
  { who, body }: UserAsk<PartIds>,
): Promise<InferOutput<typeof missingPartsSchema>> {
  return { missing: await snapshots.missing(who, body.parts) }
}

export async function putParts(
  { snapshots, times }: Parts,
  { who, incoming }: UserAsk<undefined>,
): Promise<InferOutput<typeof takenPartsSchema>> {
  const most = mostBodyBytes(times)
  if (Number(incoming.headers['content-length'] ?? 0) > most)
    throw new MeshError('TOO_LARGE', { detail: `the body may have ${most} bytes` })
  return snapshots.take(who, incoming)
}

export async function readParts({ snapshots }: Parts, { who, body }: UserAsk<PartIds>): Promise<Response> {
  const { bytes, chunks } = await snapshots.read(who, body.parts)
  return new Response(Readable.toWeb(Readable.from(chunks)) as ReadableStream, {
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(bytes),
      'cache-control': 'no-store',
    },
  })
}

export async function addSnapshot({ snapshots }: Parts, ask: UserAsk<SnapshotRecord>): Promise<Response> {
  const stored = await snapshots.add(ask.who, ask.body)
  if ('missing' in stored) return withMissing(stored.missing, ask.requestId)
  return json(stored.info, stored.created ? 201 : 200)
}

/** What to send first goes with the error (HS11). */
async function withMissing(missing: PartId[], requestId: string): Promise<Response> {
  const error = new MeshError('CONFLICT', { detail: `${missing.length} of its parts are not there` })
  const response = problemResponse(error, requestId)
  const problem = (await response.json()) as object
  return new Response(JSON.stringify({ ...problem, missing }), { status: response.status, headers: response.headers })
}

export async function listSnapshots(
  { snapshots, access }: Parts,
  { who, query }: UserAsk<undefined>,
): Promise<{ items: SnapshotInfo[] }> {
  const [session, project] = [query.get('session'), query.get('project')]
  const of = {
    session: session === null ? undefined : parseId('session', session),
    project: project === null ? undefined : parseId('project', project),
  }
  let org: OrgId = who.org
  if (of.project) org = (await access.demand(who, { kind: 'project', id: of.project }, 'read')).org
  if (of.session) org = (await access.demand(who, { kind: 'session', id: of.session }, 'read')).org
  return { items: await snapshots.list(org, of) }
}

export async function getSnapshot({ snapshots }: Parts, ask: UserAsk<undefined>): Promise<StoredRecord | SnapshotInfo> {
  return snapshots.get(ask.who, parseId('snapshot', param(ask, 'id')))
}

export async function renameSnapshot(
  { snapshots }: Parts,
  ask: UserAsk<InferOutput<typeof changeSnapshotSchema>>,
): Promise<SnapshotInfo> {
  return snapshots.rename(ask.who, placeOf(ask), parseId('snapshot', param(ask, 'id')), ask.body.name)
}

export async function deleteSnapshot({ snapshots }: Parts, ask: UserAsk<undefined>): Promise<void> {
  await snapshots.delete(ask, placeOf(ask), parseId('snapshot', param(ask, 'id')))
}

export async function refuseSnapshot(
  { snapshots }: Parts,
  ask: UserAsk<InferOutput<typeof refusedSnapshotSchema>>,
): Promise<void> {
  await snapshots.refused(ask.who, parseId('snapshot', param(ask, 'id')), ask.body)
}
