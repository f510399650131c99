/**
 * What every HTTP application of ours has around its routes: an id for each request, the checks of the doorway before
 * anything else, one answer for what is not in the list of routes, problems, pages. Who may call a route is not its
 * business: `serve` decides that and answers.
 */
import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { protocolHeader, protocolVersion } from '@meshbook/core/protocol.ts'
import { type Context, Hono } from 'hono'
import { checkPage, type DoorwayConfig, type Visit, visitOf } from './doorway.ts'
import { problemResponse } from './problem.ts'
import { addSecurityHeaders } from './security-headers.ts'
import { appFile, appPage, isAppPage } from './web-app.ts'

export type Env = { Bindings: HttpBindings; Variables: Variables }
interface Variables {
  requestId: string
  visit: Visit
  route: string
  /** Of the answer, whatever it comes to. */
  answerHeaders?: Readonly<Record<string, string>>
}

export interface FramePorts {
  config: DoorwayConfig & { webFolder: string | null }
  log: { error(detail: object, message: string): void }
  /** The answer is ready; its headers may have to be sent yet. */
  finished?: (c: Context<Env>, ms: number) => void
}

interface Listed {
  method: string
  path: string
  /** HEAD is answered too. */
  head?: boolean
}

export function frameApp<R extends Listed>(
  ports: FramePorts,
  routes: readonly R[],
  serve: (route: R, c: Context<Env>) => Promise<Response>,
): Hono<Env> {
  const app = new Hono<Env>()
  app.use(async (c, next) => {
    const started = performance.now()
    c.set('requestId', randomUUID())
    await next()
    addSecurityHeaders(c.res.headers, c.get('visit'))
    if (c.req.path.startsWith('/api/')) c.res.headers.set(protocolHeader, String(protocolVersion))
    c.res.headers.set('x-request-id', c.get('requestId'))
    for (const [name, value] of Object.entries(c.get('answerHeaders') ?? {})) c.res.headers.set(name, value)
    ports.finished?.(c, performance.now() - started)
  })
  app.use(async (c, next) => {
    const visit = visitOf(c.env.incoming, ports.config)
    c.set('visit', visit)
    if (isChange(c.req.method)) checkPage(visit, c.env.incoming.headers)
    await next()
  })
  for (const route of routes) app.on(route.method, route.path, c => serve(route, c))
  for (const path of new Set(routes.map(route => route.path))) app.all(path, c => refuseMethod(routes, path, c))
  app.notFound(c => webApp(ports.config.webFolder, c))
  app.onError((error, c) => failed(ports, error, c))
  return app
}

/** The application as Node's HTTP server calls it. */
export function listenerOf(app: Hono<Env>): RequestListener {
  const errorHandler = (thrown: unknown): Response => badRequest(thrown)
  return getRequestListener(app.fetch, { errorHandler, overrideGlobalObjects: false }) as RequestListener
}

export function isChange(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD'
}

function refuseMethod(routes: readonly Listed[], path: string, c: Context<Env>): Response {
  const allowed = routes
    .filter(route => route.path === path)
    .flatMap(({ method, head }) => (head ? [method, 'HEAD'] : [method]))
  const response = problemResponse(new MeshError('METHOD_NOT_ALLOWED'), c.get('requestId'))
  response.headers.set('allow', [...new Set(allowed)].join(', '))
  return response
}

async function webApp(webFolder: string | null, c: Context<Env>): Promise<Response> {
  const { method, path } = c.req
  const visit = c.get('visit')
  if (isChange(method) || path.startsWith('/api/')) throw new MeshError('NOT_FOUND')
  if (isAppPage(path)) return appPage(webFolder, path, visit)
  return appFile(webFolder, { path, accepts: c.req.header('accept-encoding') ?? null, visit })
}

function failed({ log }: FramePorts, thrown: unknown, c: Context<Env>): Response {
  const error = asMeshError(thrown)
  const requestId = c.get('requestId')
  if ((error.entry.http ?? 500) >= 500) log.error({ err: error, requestId }, 'a request failed')
  const response = problemResponse(error, requestId)
  if (error.code === 'UNAUTHENTICATED') response.headers.set('www-authenticate', 'Bearer')
  if (error.code === 'SLOW_DOWN') response.headers.set('retry-after', retryAfter(error.retryMs ?? 60_000))
  return response
}

/** Whole seconds, never too few. */
export function retryAfter(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)))
}

/** For what fails before the app sees it, such as a Host that is no host. */
function badRequest(thrown: unknown): Response {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return problemResponse(new MeshError('BAD_REQUEST', { detail: message.slice(0, 200), cause: thrown }), randomUUID())
}
