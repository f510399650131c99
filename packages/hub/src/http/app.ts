/**
 * The HTTP application, built from the list of routes. The order of the checks is the order of this file: Host, page,
 * route, tries, credential, scope, body. A path that is not in the list, and is no page or file of the web app, is 404.
 */
import type { IncomingMessage } from 'node:http'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { readJson, refuseForm } from '@meshbook/relay/serve/body.ts'
import { isLoopbackName, type Visit } from '@meshbook/relay/serve/doorway.ts'
import { type Env, frameApp, isChange } from '@meshbook/relay/serve/http-app.ts'
import { RateLimiter } from '@meshbook/relay/serve/rate-limiter.ts'
import type { Context, Hono } from 'hono'
import type { Principal } from '../auth/principal.ts'
import type { Parts } from '../parts.ts'
import { type Access, json, type Route } from './route.ts'

export function buildApp(parts: Parts, routes: readonly Route[]): Hono<Env> {
  const tries = new RateLimiter(limits.authTriesPerMinute, parts.now)
  const finished = (c: Context<Env>, ms: number): void => count(parts, c, ms)
  return frameApp({ ...parts, finished }, routes, (route, c) => serve(parts, tries, route, c))
}

async function serve(parts: Parts, tries: RateLimiter, route: Route, c: Context<Env>): Promise<Response> {
  c.set('route', route.path)
  const { access } = route
  const visit = c.get('visit')
  if (c.req.method === 'HEAD' && route.produces === 'text/event-stream') throw new MeshError('METHOD_NOT_ALLOWED')
  if (access.to === 'public' && access.tries === 'limited') tries.count(visit.address)
  const who = await admit(parts, access, c.env.incoming, visit)
  const request = c.req.raw
  const body = route.body
    ? await readJson(request, route.body, route.bodyBytes ?? limits.requestBodyBytes)
    : refuseForm(request)
  const answer = await route.handle({
    request,
    incoming: c.env.incoming,
    visit,
    requestId: c.get('requestId'),
    params: c.req.param(),
    query: new URL(request.url).searchParams,
    body,
    ...(who ? { who } : {}),
  })
  if (answer instanceof Response) return answer
  return answer === undefined ? new Response(null, { status: 204 }) : json(answer, route.status)
}

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
