/** Runs and sessions. */

import {
  type cancelSchema,
  completionsSchema,
  inspectionSchema,
  type Run,
  type runInputSchema,
  runStatuses,
  variablesSchema,
} from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { isId, parseId, parseRunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { RunRequest, SessionMethod } from '@meshbook/core/messages.ts'
import type { InferOutput } from 'valibot'
import * as v from 'valibot'
import { networkName } from '../devices/network-name.ts'
import type { Parts } from '../parts.ts'
import { readRun } from '../runs/run-stream.ts'
import { cursorOf, pageOf, rowsOf } from './page.ts'
import { json, param, type UserAsk } from './route.ts'
import { eventStream } from './sse.ts'

export async function createRun({ runs }: Parts, { who, visit, body }: UserAsk<RunRequest>): Promise<Response> {
  const { run, created } = await runs.submit(who.org, who.name, body, [networkName(who.org, visit.address)])
  return json(run, created ? 201 : 200)
}

export async function getRun({ store }: Parts, ask: UserAsk<undefined>): Promise<Run> {
  const id = parseRunId(param(ask, 'id'))
  const run = await store.query('showRun', { org: ask.who.org, id })
  if (!run) throw new MeshError('NOT_FOUND', { detail: `run ${id}` })
  return run
}

export async function listRuns({ store }: Parts, { who, query }: UserAsk<undefined>): Promise<object> {
  const status = query.get('status') ?? undefined
  if (status !== undefined && !(runStatuses as readonly string[]).includes(status))
    throw new MeshError('BAD_REQUEST', { detail: `status: expected one of ${runStatuses.join(', ')}` })
  const [project, document, session, device] = ['project', 'document', 'session', 'device'].map(
    name => query.get(name) ?? undefined,
  )
  const cursor = cursorOf(query)
  if (cursor !== null && !/^\d+$/.test(cursor)) throw new MeshError('BAD_REQUEST', { detail: 'cursor' })
  const { items, next } = await store.query('listRuns', {
    org: who.org,
    filter: { project, document, session, device, status },
    before: cursor === null ? null : Number(cursor),
    rows: rowsOf(query),
  })
  return pageOf(items, next)
}

export async function runEvents(parts: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const id = parseRunId(param(ask, 'id'))
  const reader = await readRun(parts.store, parts.feeds, ask.who.org, id, startOf(ask))
  // An EventSource connects again after every end; 204 tells it that there is nothing more to come.
  if (!reader) return new Response(null, { status: 204 })
  return openStream(parts, ask, reader.next, reader.stop)
}

/** Opens a stream that ends when the credential of its viewer does. */
export function openStream(
  { doors }: Parts,
  { who }: UserAsk<undefined>,
  next: Parameters<typeof eventStream>[0],
  stop: () => void,
): Response {
  let forget = (): void => undefined
  const stream = eventStream(next, () => {
    stop()
    forget()
  })
  try {
    forget = doors.open(who, 'stream', limits.eventStreamsPerUser, () => stream.end())
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

export async function answerInput({ runs }: Parts, ask: UserAsk<InferOutput<typeof runInputSchema>>): Promise<void> {
  await runs.input(ask.who.org, parseRunId(param(ask, 'id')), ask.body)
}

export async function cancelRun({ runs }: Parts, ask: UserAsk<InferOutput<typeof cancelSchema>>): Promise<Run> {
  return runs.cancel(ask.who.org, parseRunId(param(ask, 'id')), ask.body.reason ?? `cancelled by ${ask.who.name}`)
}

export async function listSessions({ store }: Parts, { who, query }: UserAsk<undefined>): Promise<object> {
  const project = query.get('project') ?? undefined
  if (project !== undefined && !isId('project', project)) throw new MeshError('BAD_ID', { detail: 'project' })
  const rows = await store.query('listSessions', { org: who.org, project })
  return { items: rows.map(({ head: _, leaseExpiresAt: __, ...session }) => session) }
}

const answers = {
  complete: completionsSchema,
  inspect: inspectionSchema,
  variables: variablesSchema,
  interrupt: v.unknown(),
  restart: v.unknown(),
} as const satisfies Record<SessionMethod, v.GenericSchema>

export async function askSession(
  { sessionRequests }: Parts,
  ask: UserAsk<unknown>,
  method: SessionMethod,
  params: Record<string, unknown>,
): Promise<unknown> {
  const answer = await sessionRequests.ask(
    ask.who.org,
    parseId('session', param(ask, 'id')),
    method,
    params,
    answers[method],
  )
  return method === 'interrupt' || method === 'restart' ? undefined : answer
}
