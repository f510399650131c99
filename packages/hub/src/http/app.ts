/**
 * The HTTP application, built from the list of routes. The order of the checks is the order of this file: Host, page,
 * route, tries, credential, scope, body. A path that is not in the list, and is no page or file of the web app, is 404.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { parseAssetId, parseId, parseRunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type Context, Hono } from 'hono'
import type { Place, PlaceKind } from '../auth/access.ts'
import type { Principal } from '../auth/principal.ts'
import { RateLimiter } from '../auth/rate-limiter.ts'
import type { Parts } from '../parts.ts'
import { readForm, readJson } from './body.ts'
import { checkPage, type Visit, visitOf } from './doorway.ts'
import { isLoopbackName } from './loopback-name.ts'
import { problemResponse } from './problem.ts'
import { type Access, type Ask, json, type Route } from './route.ts'
import { addSecurityHeaders } from './security-headers.ts'
import { appFile, appPage, isAppPage } from './web-app.ts'

type Env = { Bindings: HttpBindings; Variables: { requestId: string; visit: Visit; route: string } }

export function buildApp(parts: Parts, routes: readonly Route[]): Hono<Env> {
  const app = new Hono<Env>()
  const tries: Tries = {
    limited: new RateLimiter(limits.authTriesPerMinute, parts.now),
    starts: new RateLimiter(limits.signInStartsPerMinute, parts.now),
  }
  app.use(async (c, next) => {
    const started = performance.now()
    c.set('requestId', randomUUID())
    await next()
    finish(parts, c, performance.now() - started)
  })
  app.use(async (c, next) => {
    const visit = visitOf(c.env.incoming, parts.config)
    c.set('visit', visit)
    if (isChange(c.req.method)) checkPage(visit, c.env.incoming.headers)
    await next()
  })
  for (const route of routes) app.on(route.method, route.path, c => serve(parts, tries, route, c))
  for (const path of new Set(routes.map(route => route.path))) app.all(path, c => refuseMethod(routes, path, c))
  app.notFound(c => webApp(parts, c))
  app.onError((error, c) => failed(parts, error, c))
  return app
}

/** Per address: tries of secrets, and sign-ins that are begun. */
type Tries = Record<'limited' | 'starts', RateLimiter>

async function serve(parts: Parts, tries: Tries, route: Route, c: Context<Env>): Promise<Response> {
  c.set('route', route.path)
  const { access } = route
  const visit = c.get('visit')
  if (c.req.method === 'HEAD' && route.produces === 'text/event-stream') throw new MeshError('METHOD_NOT_ALLOWED')
  if (access.to === 'public' && access.tries) tries[access.tries].count(`${route.path} ${visit.address}`)
  const who = await admit(parts, access, c.env.incoming, visit)
  const request = c.req.raw
  const body = await bodyOf(route, request)
  const ask = {
    request,
    incoming: c.env.incoming,
    visit,
    requestId: c.get('requestId'),
    params: c.req.param(),
    query: new URL(request.url).searchParams,
    body,
    ...(who ? { who } : {}),
  }
  const answer = await route.handle({ ...ask, place: who && (await placeFor(parts, route, ask, who)) })
  if (answer instanceof Response) return answer
  return answer === undefined ? new Response(null, { status: 204 }) : json(answer, route.status)
}

function bodyOf(route: Route, request: Request): Promise<unknown> | undefined {
  const capBytes = route.bodyBytes ?? limits.requestBodyBytes
  if (route.form) return readForm(request, Math.min(capBytes, formBytes))
  return route.body ? readJson(request, route.body, capBytes) : refuseForm(request)
}
const formBytes = 16 * 1024

/** Default deny: what is not public needs a principal with the scope of the route. */
async function admit(
  { authenticator }: Parts,
  access: Access,
  incoming: IncomingMessage,
  visit: Visit,
): Promise<Principal | undefined> {
  if (access.to === 'public') return undefined
  if (access.to === 'loopback or token' && isLocal(incoming, visit)) return undefined
  const who = await authenticator.byHeaders(visit, incoming.headers, isChange(incoming.method ?? 'GET'))
  if (!who) throw new MeshError('UNAUTHENTICATED')
  const needed = access.to === 'users' ? access.scope : 'read'
  if (who.credential.kind === 'device' && !(access.to === 'users' && access.devices))
    throw new MeshError('FORBIDDEN', { detail: 'a device may not call this' })
  if (needed === 'all' ? who.can.size < 3 : !who.can.has(needed))
    throw new MeshError('FORBIDDEN', {
      detail: `this needs the scope ${needed === 'all' ? 'read, write and run' : needed}`,
    })
  return who
}

/** Default deny: where the thing is that the route is about, once the caller is found to have the right to it. */
async function placeFor(
  { access }: Parts,
  route: Route,
  ask: Ask<unknown>,
  who: Principal,
): Promise<Place | undefined> {
  const { about } = route
  if (route.access.to !== 'users' || about === 'self' || about === 'shared') return undefined
  if (!about) throw new MeshError('FORBIDDEN', { detail: 'this route does not say whom it is for' })
  if (about.the === 'device' || about.the === 'file') return undefined
  const { scope } = route.access
  const named = about.in === 'body' ? (ask.body as Record<string, unknown>)[about.named] : ask.params[about.named]
  const id = checkedId(about.the, String(named))
  return access.demand(who, { kind: about.the, id }, about.right ?? (scope === 'all' ? 'own' : scope))
}

function checkedId(kind: PlaceKind, text: string): string {
  if (kind === 'run') return parseRunId(text)
  return kind === 'asset' ? parseAssetId(text) : parseId(kind, text)
}

/** From this machine to this machine, with no proxy between. */
function isLocal({ socket, headers }: IncomingMessage, visit: Visit): boolean {
  const peer = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
  return visit.loopback && headers['x-forwarded-for'] === undefined && isLoopbackName(peer)
}

function isChange(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD'
}

/** A form can be posted from any page, JSON cannot (S6); bytes go by PUT, which no form can do. */
function refuseForm(request: Request): undefined {
  const type = request.headers.get('content-type')
  if (request.method === 'GET' || request.method === 'HEAD' || request.method === 'PUT' || type === null)
    return undefined
  if (!/^application\/json\b/i.test(type))
    throw new MeshError('BAD_REQUEST', { detail: 'the body must be application/json' })
  return undefined
}

function refuseMethod(routes: readonly Route[], path: string, c: Context<Env>): Response {
  const allowed = routes
    .filter(route => route.path === path)
    .flatMap(({ method, head }) => (head ? [method, 'HEAD'] : [method]))
  const response = problemResponse(new MeshError('METHOD_NOT_ALLOWED'), c.get('requestId'))
  response.headers.set('allow', [...new Set(allowed)].join(', '))
  return response
}

async function webApp({ config }: Parts, c: Context<Env>): Promise<Response> {
  const { method, path } = c.req
  if (isChange(method) || path.startsWith('/api/')) throw new MeshError('NOT_FOUND')
  return isAppPage(path) ? appPage(config.webFolder, c.get('visit')) : appFile(config.webFolder, path, c.get('visit'))
}

function failed({ log }: Parts, thrown: unknown, c: Context<Env>): Response {
  const error = asMeshError(thrown)
  const requestId = c.get('requestId')
  if ((error.entry.http ?? 500) >= 500) log.error({ err: error, requestId }, 'a request failed')
  const response = problemResponse(error, requestId)
  if (error.code === 'UNAUTHENTICATED') response.headers.set('www-authenticate', 'Bearer')
  if (error.code === 'SLOW_DOWN') response.headers.set('retry-after', '60')
  return response
}

/** The log has the route, never the address as it came: a query may hold a ticket (S7). */
function finish({ log, metrics }: Parts, c: Context<Env>, ms: number): void {
  const { method } = c.req
  const route = c.get('route') ?? 'web'
  const { status } = c.res
  addSecurityHeaders(c.res.headers, c.get('visit'))
  c.res.headers.set('x-request-id', c.get('requestId'))
  metrics.requests.inc({ method, route, status })
  metrics.requestSeconds.observe({ method, route }, ms / 1000)
  log.debug({ requestId: c.get('requestId'), method, route, status, ms: Math.round(ms) }, 'request')
}

/** For what fails before the app sees it, such as a Host that is no host. */
export function badRequest(thrown: unknown): Response {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return problemResponse(new MeshError('BAD_REQUEST', { detail: message.slice(0, 200), cause: thrown }), randomUUID())
}
