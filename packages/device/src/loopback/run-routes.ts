/**
 * Runs and sessions for guests of the device's own web app: what the hub has is asked of the hub, what it does not have, or
 * cannot be asked for, is answered from here (LO7, LO20, LO21).
 */
import {
  againSchema,
  atCursorSchema,
  cancelSchema,
  confirmSchema,
  interruptSchema,
  type Run,
  restartSchema,
  runInputSchema,
  runSchema,
} from '@meshbook/core/api.ts'
import { errors, MeshError } from '@meshbook/core/errors.ts'
import { type ProjectId, parseId, parseRunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { explainIssues, type RunRequest, runRequestSchema, type SessionMethod } from '@meshbook/core/messages.ts'
import { eventStream, eventText } from '@meshbook/relay/serve/sse.ts'
import * as v from 'valibot'
import type { HubAnswer } from '../local-runs/hub-catch-up.ts'
import type { LocalRuns } from '../local-runs/local-runs.ts'
import type { OwnRun } from '../local-runs/own-run.ts'
import type { SessionAnswer, SessionRequest } from '../monitor/session-requests.ts'
import { type Ask, json, type LoopbackRoute } from './route.ts'
import type { LoopbackParts } from './routes.ts'

export interface LocalDesk {
  runs: LocalRuns
  linked(): boolean
  answer(request: SessionRequest): Promise<SessionAnswer>
}

type Parts = Pick<LoopbackParts, 'hub' | 'projects' | 'me' | 'doorkeeper'> & LocalDesk

const v1 = '/api/v1'
const runs = 'runs'
const bodyBytes = 2 * limits.cellCodeBytes + 64 * 1024

export function runRoutes(parts: Parts): LoopbackRoute[] {
  const ofRun = (
    method: 'GET' | 'POST',
    path: string,
    local: (run: OwnRun, ask: Ask) => Promise<unknown> | unknown,
  ): LoopbackRoute => ({
    method,
    path: `${v1}/runs/:id${path}`,
    ...(method === 'POST' && { body: v.unknown(), bodyBytes }),
    handle: ask => {
      const run = localRun(parts, ask)
      return run ? local(run, ask) : parts.hub.pass(ask, runs)
    },
  })
  const { runs: own } = parts
  return [
    { method: 'GET', path: `${v1}/runs`, handle: ask => list(parts, ask) },
    { method: 'POST', path: `${v1}/runs`, body: v.unknown(), bodyBytes, handle: ask => start(parts, ask) },
    ofRun('GET', '', run => own.show(run)),
    ofRun('GET', '/events', (run, ask) => events(parts, run, ask)),
    ofRun('POST', '/input', (run, { body }) => own.input(run, checked(runInputSchema, body))),
    ofRun('POST', '/cancel', async (run, { body }) => {
      await own.cancel(run, checked(cancelSchema, body).reason ?? `cancelled by ${parts.me().user}`)
      return own.show(run)
    }),
    ofRun('POST', '/again', (run, { body }) => again(parts, run, checked(againSchema, body))),
    ofRun('POST', '/confirm', async (run, { body }) => {
      await own.confirm(run, checked(confirmSchema, body).codeHash)
      return own.show(run)
    }),
    ...(['complete', 'inspect', 'variables', 'interrupt', 'restart'] as const).map(
      (method): LoopbackRoute => ({
        method: 'POST',
        path: `${v1}/sessions/:id/${method}`,
        body: v.unknown(),
        bodyBytes,
        handle: ask => askSession(parts, method, ask),
      }),
    ),
  ]
}

/** Undefined for what the hub has and can be asked about. */
function localRun({ runs: own, linked }: Parts, { params }: Ask): OwnRun | undefined {
  const run = own.get(parseRunId(params.id))
  return run && !(linked() && run.record.stage === 'imported') ? run : undefined
}

async function list(parts: Parts, ask: Ask): Promise<unknown> {
  const { hub, runs: own } = parts
  const local = own.list().filter(run => isWanted(run, ask.query))
  const answer = await hub.pass(ask, runs).catch(orNothing)
  if (!answer) return { items: local, missing: 'The hub cannot be reached: the runs that it knows are not here.' }
  const isFirstPage = ask.query.get('cursor') === null
  if (!answer.ok || local.length === 0 || !isFirstPage) return answer
  const page = v.parse(v.looseObject({ items: v.array(runSchema) }), await answer.json())
  const known = new Set(page.items.map(({ id }) => id))
  return { ...page, items: [...local.filter(({ id }) => !known.has(id)), ...page.items] }
}

function orNothing(thrown: unknown): undefined {
  if (!(thrown instanceof MeshError && thrown.code === 'UNREACHABLE')) throw thrown
}

function isWanted(run: Run, query: URLSearchParams): boolean {
  return (['project', 'document', 'session', 'device', 'status'] as const).every(name => {
    const wanted = query.get(name)
    return wanted === null || run[name] === wanted
  })
}

async function start(parts: Parts, { body }: Ask): Promise<Response> {
  const request = checked(runRequestSchema, body)
  const { runs: own, hub } = parts
  const about = await aboutOf(parts, request)
  const outcome =
    parts.linked() && !own.isAlone
      ? await own.passOn({ request, ...about }, whole => askHub(hub, whole))
      : await own.submit({ request, ...about })
  return outcomeOf(own, outcome)
}

function outcomeOf(own: LocalRuns, outcome: OwnRun | HubAnswer): Response {
  if (!('kind' in outcome)) return json(own.show(outcome), 201)
  if (outcome.kind === 'taken' || outcome.kind === 'refused') return outcome.response
  throw new MeshError('INTERNAL', { detail: 'a request without an answer was not kept' })
}

/** A document that this device has never seen is the hub's business. */
async function aboutOf(
  { projects, me }: Parts,
  { document }: RunRequest,
): Promise<{ project: ProjectId; path: string; by: string }> {
  const { project, path } = await projects.find(document)
  return { project, path, by: me().user }
}

async function again(parts: Parts, run: OwnRun, { id, on }: v.InferOutput<typeof againSchema>): Promise<Response> {
  if (!run.hasEnded) throw new MeshError('CONFLICT', { detail: `run ${run.id} has not ended` })
  const { id: _, askedAt: __, expiresAt: ___, ...request } = run.record.request
  const asked = { ...request, ...(id === undefined ? {} : { id }), ...(on === undefined ? {} : { on }) }
  const { project, path } = run.record
  const about = { project, path, by: parts.me().user, againOf: run.id }
  return json(parts.runs.show(await parts.runs.submit({ request: asked, ...about })), 201)
}

/** The head of the answer is what counts: nothing that comes later takes it back. */
export async function askHub(hub: LoopbackParts['hub'], request: RunRequest): Promise<HubAnswer> {
  const incoming = { url: `${v1}/runs`, method: 'POST', headers: { 'content-type': 'application/json' } }
  try {
    const response = await hub.pass({ incoming, body: request, signal: AbortSignal.timeout(limits.requestMs) }, runs)
    if (response.ok) return { kind: 'taken', response }
    // It may have committed before it failed.
    if (response.status >= 500 || response.status === 429 || response.status === 408) return { kind: 'unknown' }
    return { kind: 'refused', response, ...(await refusalOf(response.clone())) }
  } catch (thrown) {
    return wasSent(thrown) ? { kind: 'unknown' } : { kind: 'not-sent' }
  }
}

const problemSchema = v.object({ code: v.string(), title: v.string(), detail: v.optional(v.string()) })

async function refusalOf(
  response: Response,
): Promise<Pick<Extract<HubAnswer, { kind: 'refused' }>, 'code' | 'reason'>> {
  const parsed = v.safeParse(problemSchema, await response.json().catch(() => undefined))
  if (!parsed.success) return { code: 'BAD_REQUEST', reason: `the hub answered ${response.status}` }
  const { code, title, detail } = parsed.output
  return { code: code in errors ? (code as keyof typeof errors) : 'BAD_REQUEST', reason: detail ?? title }
}

const neverSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

/** Where the connection was not even made, or was not tried, the hub cannot have it. */
function wasSent(thrown: unknown): boolean {
  const cause = thrown instanceof MeshError ? thrown.cause : undefined
  if (cause === undefined || cause instanceof MeshError) return false
  const code = ((cause as Error).cause as NodeJS.ErrnoException | undefined)?.code
  return code === undefined || !neverSent.has(code)
}

function events({ doorkeeper }: Parts, run: OwnRun, { incoming, query, guest }: Ask): Response {
  const text = incoming.headers['last-event-id'] ?? query.get('after') ?? '0'
  if (typeof text !== 'string' || !/^\d{1,15}$/.test(text))
    throw new MeshError('BAD_REQUEST', { detail: 'after: expected a sequence number' })
  // An EventSource connects again after every end; 204 tells it that there is nothing more to come.
  if (run.hasEnded && Number(text) >= run.record.state.seq) return new Response(null, { status: 204 })
  const ended = new AbortController()
  const log = run.events(Number(text), ended.signal)
  let forget = (): void => undefined
  const stream = eventStream(
    async () => {
      const { done, value } = await log.next()
      return done ? undefined : eventText(value.seq, value.event)
    },
    () => {
      ended.abort()
      forget()
    },
  )
  forget = doorkeeper.open(guest, () => stream.end())
  return stream.response
}

const methods = {
  complete: atCursorSchema,
  inspect: atCursorSchema,
  variables: v.unknown(),
  interrupt: interruptSchema,
  restart: restartSchema,
} as const satisfies Record<SessionMethod, v.GenericSchema>

/** A session that the hub does not know, or any that is live here while the hub cannot be asked. */
async function askSession(
  { hub, runs: own, linked, answer }: Parts,
  method: SessionMethod,
  ask: Ask,
): Promise<unknown> {
  const session = parseId('session', ask.params.id)
  const isHere = own.sessions().some(({ id }) => id === session)
  if (linked() ? !own.isOwnSession(session) : !isHere) return hub.pass(ask, 'sessions')
  const params = (checked(methods[method], ask.body) ?? {}) as Record<string, unknown>
  const cancelled = method === 'restart' && params.queued === 'cancel' ? await own.cancelWaiting(session) : []
  const said = await answer({ type: 'MRP_REQUEST', id: 0, session, method, params: method === 'restart' ? {} : params })
  if (!said.ok) throw new MeshError(said.code, said.detail === undefined ? {} : { detail: said.detail })
  if (method === 'restart') return { cancelled }
  return method === 'interrupt' ? undefined : said.result
}

function checked<S extends v.GenericSchema>(schema: S, body: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, body)
  if (result.success) return result.output
  throw new MeshError('BAD_REQUEST', { detail: explainIssues(result.issues) })
}
