/** Runs and sessions. */

import {
  type againSchema,
  type cancelSchema,
  completionsSchema,
  type confirmSchema,
  inspectionSchema,
  type interruptSchema,
  type Run,
  type restartSchema,
  type runInputSchema,
  runStatuses,
  variablesSchema,
} from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type OrgId, type ProjectId, parseId, parseRunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { RunRequest, SessionMethod } from '@meshbook/core/messages.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import { cursorOf, pageOf, rowsOf } from '@meshbook/relay/serve/page.ts'
import { eventStream } from '@meshbook/relay/serve/sse.ts'
import type * as v from 'valibot'
import type { InferOutput } from 'valibot'
import type { Place } from '../auth/access.ts'
import type { Principal } from '../auth/principal.ts'
import { networkName } from '../devices/network-name.ts'
import type { Parts } from '../parts.ts'
import { readRun } from '../runs/run-stream.ts'
import type { Requester } from '../runs/runs.ts'
import { checkStands } from '../runs/standing-cell.ts'
import { json, param, placeOf, type UserAsk } from './route.ts'

export async function createRun(parts: Parts, ask: UserAsk<RunRequest>): Promise<Response> {
  const { body } = ask
  const { org, rights } = placeOf(ask)
  if (!rights.has('write')) await checkCell(parts, org, body)
  const { run, created } = await parts.runs.submit(org, requesterOf(ask), body, networksOf(ask))
  return json(run, created ? 201 : 200)
}

function requesterOf(ask: UserAsk<unknown>): Requester {
  const { org, user, name } = ask.who
  return { name, asker: { org, user }, source: ask }
}

/** A device's network is named for the org of the device, which is that of the project or of the one who asks. */
function networksOf(ask: UserAsk<unknown>): string[] {
  const orgs = new Set([placeOf(ask).org, ask.who.org])
  return [...orgs].map(org => networkName(org, ask.visit.address))
}

/** Who may not write runs what stands in the document (ME21); asking again for a run that is known asks for nothing new. */
async function checkCell({ store, documents }: Parts, org: OrgId, request: RunRequest): Promise<void> {
  const known = request.id && (await store.query('showRun', { org, id: request.id }))
  if (known) return
  checkStands(await documents.content(org, request.document), request)
}

export async function getRun({ store }: Parts, ask: UserAsk<unknown>): Promise<Run> {
  const id = parseRunId(param(ask, 'id'))
  const run = await store.query('showRun', { org: placeOf(ask).org, id })
  if (!run) throw new MeshError('NOT_FOUND', { detail: `run ${id}` })
  return run
}

export async function listRuns({ store, access }: Parts, { who, query }: UserAsk<undefined>): Promise<object> {
  const status = query.get('status') ?? undefined
  if (status !== undefined && !(runStatuses as readonly string[]).includes(status))
    throw new MeshError('BAD_REQUEST', { detail: `status: expected one of ${runStatuses.join(', ')}` })
  const [project, document, session, device] = ['project', 'document', 'session', 'device'].map(
    name => query.get(name) ?? undefined,
  )
  const cursor = cursorOf(query)
  const place = await placeOfFilter(access, who, { project, document, session })
  // Only who is a member somewhere has runs of several orgs.
  if (!place && (await access.memberships(who)).length > 0) {
    if (cursor !== null && !/^\d{1,15} [\w.-]{1,64}$/.test(cursor))
      throw new MeshError('BAD_REQUEST', { detail: 'cursor' })
    const asker = { org: who.org, user: who.user }
    const page = { asker, filter: { device, status }, before: cursor, rows: rowsOf(query) }
    const { items, next } = await store.query('listVisibleRuns', page)
    return pageOf(items, next)
  }
  if (cursor !== null && !/^\d+$/.test(cursor)) throw new MeshError('BAD_REQUEST', { detail: 'cursor' })
  const { items, next } = await store.query('listRuns', {
    org: place?.org ?? who.org,
    filter: { project, document, session, device, status },
    before: cursor === null ? null : Number(cursor),
    rows: rowsOf(query),
  })
  return pageOf(items, next)
}

/** A list is of one org: that of the first thing that it is narrowed to, else the caller's. */
async function placeOfFilter(
  access: Parts['access'],
  who: Principal,
  filter: Partial<Record<'project' | 'document' | 'session', string | undefined>>,
): Promise<Place | undefined> {
  let place: Place | undefined
  for (const kind of ['project', 'document', 'session'] as const) {
    const id = filter[kind]
    if (id !== undefined) place = await access.demand(who, { kind, id: parseId(kind, id) }, 'read')
  }
  return place
}

export async function runEvents(parts: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const id = parseRunId(param(ask, 'id'))
  const { org, project } = placeOf(ask)
  const reader = await readRun(parts.store, parts.feeds, org, id, startOf(ask))
  // An EventSource connects again after every end; 204 tells it that there is nothing more to come.
  if (!reader) return new Response(null, { status: 204 })
  const stream = openStream(parts, ask, project ?? 'lists', reader.next, reader.stop)
  // A change of roles may have come between the check and the opening: from here on it closes the stream by itself.
  try {
    await parts.access.demand(ask.who, { kind: 'run', id }, 'read')
  } catch (error) {
    await stream.body?.cancel()
    throw error
  }
  return stream
}

/** Opens a stream that ends when the credential of its viewer does, or the right to what it is about. */
export function openStream(
  { doors }: Parts,
  { who }: UserAsk<undefined>,
  where: ProjectId | 'lists',
  next: Parameters<typeof eventStream>[0],
  stop: () => void,
): Response {
  const forget: (() => void)[] = []
  const stream = eventStream(next, () => {
    stop()
    for (const each of forget) each()
  })
  try {
    forget.push(doors.enter(where, who.user, () => stream.end()))
    forget.push(doors.open(who, 'stream', limits.eventStreamsPerUser, () => stream.end()))
  } catch (error) {
    stream.end()
    throw error
  }
  return stream.response
}

/** `Last-Event-ID` is what a browser sends by itself when it reconnects, so it wins over the address. */
function startOf({ request, query }: UserAsk<undefined>): number {
  const text = request.headers.get('last-event-id') ?? query.get('after') ?? '0'
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new MeshError('BAD_REQUEST', { detail: 'after: expected a sequence number' })
}

export async function answerInput(parts: Parts, ask: UserAsk<InferOutput<typeof runInputSchema>>): Promise<void> {
  const [org, id] = [placeOf(ask).org, parseRunId(param(ask, 'id'))]
  const { kind } = await getRun(parts, ask)
  if (kind === 'task') await parts.tasks.answer(org, id, ask.body.id, ask.body.text)
  else await parts.runs.input(org, id, ask.body)
}

export async function cancelRun(parts: Parts, ask: UserAsk<InferOutput<typeof cancelSchema>>): Promise<Run> {
  const { runs, tasks, workflows } = parts
  const [org, id] = [placeOf(ask).org, parseRunId(param(ask, 'id'))]
  const run = await getRun(parts, ask)
  if (run.kind === 'workflow' && !hasEnded(run.status)) {
    await workflows.send(org, id, { type: 'cancel', by: ask.who.name, reason: ask.body.reason ?? 'cancelled' }, null)
    return getRun(parts, ask)
  }
  if (run.kind !== 'task' || hasEnded(run.status))
    return runs.cancel(org, id, ask.body.reason ?? `cancelled by ${ask.who.name}`)
  await tasks.control(org, id, 'stop', ask.who.name)
  return getRun(parts, ask)
}

/** One's own and those of shared projects, or those of one project. */
export async function listSessions({ sessionsOf, access }: Parts, { who, query }: UserAsk<undefined>): Promise<object> {
  const wanted = query.get('project')
  const project = wanted === null ? undefined : parseId('project', wanted)
  const homes: { org: OrgId; project?: ProjectId | undefined }[] =
    project === undefined
      ? [{ org: who.org }, ...(await access.memberships(who))]
      : [{ org: (await access.demand(who, { kind: 'project', id: project }, 'read')).org, project }]
  const lists = await Promise.all(homes.map(({ org, project: of }) => sessionsOf(org, of)))
  return { items: lists.flat() }
}

const answers = {
  complete: completionsSchema,
  inspect: inspectionSchema,
  variables: variablesSchema,
} as const satisfies Partial<Record<SessionMethod, v.GenericSchema>>

export async function askSession(
  { sessionRequests }: Parts,
  ask: UserAsk<unknown>,
  method: keyof typeof answers,
  params: Record<string, unknown>,
): Promise<unknown> {
  return sessionRequests.ask(placeOf(ask).org, parseId('session', param(ask, 'id')), method, params, answers[method])
}

export async function interruptSession(
  { sessionControl }: Parts,
  ask: UserAsk<InferOutput<typeof interruptSchema>>,
): Promise<void> {
  await sessionControl.interrupt(placeOf(ask).org, parseId('session', param(ask, 'id')), ask.body.run)
}

export async function restartSession(
  { sessionControl }: Parts,
  ask: UserAsk<InferOutput<typeof restartSchema>>,
): Promise<object> {
  const session = parseId('session', param(ask, 'id'))
  const cancelled = await sessionControl.restart(placeOf(ask).org, session, ask.body.queued ?? 'keep', ask.who.name)
  return { cancelled: cancelled.map(({ id }) => id) }
}

export async function runElsewhere({ runs }: Parts, ask: UserAsk<undefined>): Promise<Run> {
  return runs.elsewhere(placeOf(ask).org, parseRunId(param(ask, 'id')))
}

export async function runAgain(parts: Parts, ask: UserAsk<InferOutput<typeof againSchema>>): Promise<Response> {
  const { id } = await runToRepeat(parts, ask)
  const { run, created } = await parts.repeats.again(placeOf(ask).org, requesterOf(ask), id, ask.body, networksOf(ask))
  return json(run, created ? 201 : 200)
}

/** Who may not write runs only what stands in the document, also if it was asked for before (ME21). */
async function runToRepeat(parts: Parts, ask: UserAsk<unknown>): Promise<Run> {
  const { org, rights } = placeOf(ask)
  const run = await getRun(parts, ask)
  const { document, language, code = '' } = run
  if (!rights.has('write')) checkStands(await parts.documents.content(org, document), { language, code })
  return run
}

export async function confirmRun(parts: Parts, ask: UserAsk<InferOutput<typeof confirmSchema>>): Promise<Run> {
  const { id } = await runToRepeat(parts, ask)
  return parts.repeats.confirm(placeOf(ask).org, id, ask.body.codeHash)
}
