/**
 * The HTTP application, built from the list of routes. The order of the checks is the order of this file: Host, page,
 * route, credential, how often was asked, scope, body. A path that is not in the list, and is no page or file of the web app, is 404.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { parseAssetId, parseId, parseRunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { mustBeBytes, readForm, readJson, refuseForm } from '@meshbook/relay/serve/body.ts'
import type { Visit } from '@meshbook/relay/serve/doorway.ts'
import { type Env, frameApp, isChange } from '@meshbook/relay/serve/http-app.ts'
import { isLoopbackName } from '@meshbook/relay/serve/loopback-name.ts'
import type { Context, Hono } from 'hono'
import type { Place, PlaceKind } from '../auth/access.ts'
import type { Principal } from '../auth/principal.ts'
import { checkWorkerScope } from '../compute/worker-scope.ts'
import type { Parts } from '../parts.ts'
import type { Tell } from '../rates/request-rates.ts'
import { type Access, type Ask, json, type Route } from './route.ts'

export function buildApp(parts: Parts, routes: readonly Route[]): Hono<Env> {
  const finished = (c: Context<Env>, ms: number): void => count(parts, c, ms)
  return frameApp({ ...parts, finished }, routes, (route, c) => {
    const answered = serve(parts, route, c)
    const { fails } = route
    return fails ? answered.catch((thrown: unknown) => fails(asMeshError(thrown), c.get('requestId'))) : answered
  })
}

async function serve(parts: Parts, route: Route, c: Context<Env>): Promise<Response> {
  c.set('route', route.path)
  const visit = c.get('visit')
  if (c.req.method === 'HEAD' && route.produces === 'text/event-stream') throw new MeshError('METHOD_NOT_ALLOWED')
  const who = await admit(parts, route, c)
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
  if (route.takesBytes) return mustBeBytes(request)
  if (route.form) return readForm(request, Math.min(capBytes, formBytes))
  return route.body ? readJson(request, route.body, capBytes) : refuseForm(request)
}
const formBytes = 16 * 1024

/** Who asks, if not anybody may. However it ends, the request has counted for somebody before (RQ11, RQ12). */
async function admit(parts: Parts, route: Route, c: Context<Env>): Promise<Principal | undefined> {
  const { requestRates, authenticator } = parts
  const { access, rate, path } = route
  const { incoming } = c.env
  const visit = c.get('visit')
  const tell: Tell = headers => c.set('answerHeaders', headers)
  if (access.to === 'public') {
    await requestRates.countVisitor(rate, path, visit.address, tell)
    return undefined
  }
  if (access.to === 'loopback or token' && isLocal(incoming, visit)) return undefined
  const headers = asksModels(access) ? withApiKey(incoming.headers) : incoming.headers
  const found = await authenticator
    .byHeaders(visit, headers, isChange(incoming.method ?? 'GET'))
    .catch((thrown: unknown) => asMeshError(thrown))
  if (!found || found instanceof MeshError) {
    // What went wrong here is nobody's fault who asked.
    if (found && (found.entry.http ?? 500) >= 500) throw found
    await requestRates.countStranger(visit.address, tell)
    throw found ?? new MeshError('UNAUTHENTICATED')
  }
  await requestRates.countCaller(rate, found, tell)
  return inScope(access, found)
}

function asksModels(access: Access): boolean {
  return access.to === 'users' && access.models === true
}

/** Default deny: what is not public needs a principal with the scope of the route. */
function inScope(access: Access, who: Principal): Principal {
  const models = asksModels(access)
  if (models && who.credential.kind !== 'token')
    throw new MeshError('FORBIDDEN', { detail: 'models are asked with an API token' })
  // A token without a scope is a model key (GW40).
  if (models && who.can.size === 0) return who
  const needed = access.to === 'users' ? access.scope : 'read'
  if (who.credential.kind === 'device' && !(access.to === 'users' && access.devices))
    throw new MeshError('FORBIDDEN', { detail: 'a device may not call this' })
  if (needed === 'all' ? who.can.size < 3 : !who.can.has(needed))
    throw new MeshError('FORBIDDEN', {
      detail: `this needs the scope ${needed === 'all' ? 'read, write and run' : needed}`,
    })
  return who
}

/** Where the clients of Anthropic and of Gemini show theirs. */
function withApiKey(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const key = headers['x-api-key'] ?? headers['x-goog-api-key']
  return typeof key === 'string' && headers.authorization === undefined
    ? { ...headers, authorization: `Bearer ${key}` }
    : headers
}

/** Default deny: where the thing is that the route is about, once the caller is found to have the right to it. */
async function placeFor(parts: Parts, route: Route, ask: Ask<unknown>, who: Principal): Promise<Place | undefined> {
  const { access } = parts
  const { about } = route
  if (route.access.to !== 'users' || about === 'self' || about === 'shared') return undefined
  if (!about) throw new MeshError('FORBIDDEN', { detail: 'this route does not say whom it is for' })
  if (about.the === 'device' || about.the === 'file') return undefined
  const { scope } = route.access
  const named = about.in === 'body' ? (ask.body as Record<string, unknown>)[about.named] : ask.params[about.named]
  const id = checkedId(about.the, String(named))
  const place = await access.demand(who, { kind: about.the, id }, about.right ?? (scope === 'all' ? 'own' : scope))
  await checkWorkerScope(parts, who, about.the, place)
  return place
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

/** The log has the route, never the address as it came: a query may hold a ticket (S7). */
function count({ log, metrics }: Parts, c: Context<Env>, ms: number): void {
  const { method } = c.req
  const route = c.get('route') ?? 'web'
  const { status } = c.res
  metrics.requests.inc({ method, route, status })
  metrics.requestSeconds.observe({ method, route }, ms / 1000)
  log.debug({ requestId: c.get('requestId'), method, route, status, ms: Math.round(ms) }, 'request')
}
