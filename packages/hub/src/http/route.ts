/** What a route is. The list of them is `routes.ts`; `app.ts` serves it and `openapi.ts` describes it. */

import type { IncomingMessage } from 'node:http'
import type { Scope } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Right } from '@meshbook/core/roles.ts'
import type { Visit } from '@meshbook/relay/serve/doorway.ts'
import type * as v from 'valibot'
import type { Place, PlaceKind } from '../auth/access.ts'
import type { Principal } from '../auth/principal.ts'
import type { RateClass } from '../rates/request-rates.ts'

/** Who may call a route. `all` needs every scope: what decides about other credentials. */
export type Access =
  | { to: 'public' }
  | { to: 'users'; scope: Scope | 'all'; devices?: boolean; models?: boolean }
  | { to: 'loopback or token' }

/**
 * What a route is about, which decides who may call it (ME2). `self`: what is the caller's alone, under the org of the
 * caller; `shared`: the handler asks for each thing that the request names; else one thing, named by a parameter of the
 * path or a field of the body, on which the caller needs `right` (that of the scope if absent; `own` for `all`). Devices
 * and files are found by the handler: only among the caller's devices, and in the trees of projects that they may read.
 */
export type About =
  | 'self'
  | 'shared'
  | { the: PlaceKind; named: string; in?: 'body'; right?: Right }
  | { the: 'device'; named: string }
  | { the: 'file'; named: string }

export interface Ask<Body> {
  request: Request
  /** The request as it arrives: a large body read from here makes less garbage than through `request.body`. */
  incoming: IncomingMessage
  visit: Visit
  requestId: string
  params: Record<string, string>
  query: URLSearchParams
  body: Body
}
export type UserAsk<Body> = Ask<Body> & { who: Principal; place?: Place | undefined }

interface Described {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `:name` stands for one segment. */
  path: string
  summary: string
  /** Names and meanings of the query parameters. */
  query?: Record<string, string>
  /** Cap of a JSON body; `limits.requestBodyBytes` if absent. */
  bodyBytes?: number
  /** Of a JSON answer; absent where the answer is a stream or empty. */
  answer?: v.GenericSchema
  /** Of a JSON answer that tells of something new; a handler answers 200 itself where it was known already. */
  status?: 201
  /** Of an answer that is not JSON. */
  produces?: string
  /** HEAD is answered too. */
  head?: boolean
  /** The body is `application/octet-stream`, which the handler reads as it arrives. */
  takesBytes?: boolean
  /** How it is counted (RQ10); what is absent reads if it is a GET, else writes. */
  rate?: RateClass
  /** In place of a problem, for clients that know another form. */
  fails?: (error: MeshError, requestId: string) => Response
}

/** A handler returns a Response, a value to send as JSON, or nothing (204). */
export interface Route extends Described {
  access: Access
  rate: RateClass
  /** A route for users that does not say it is refused. */
  about?: About
  body?: v.GenericSchema
  /** The body is a form, and given to the handler as URLSearchParams. */
  form?: true
  handle(ask: Ask<unknown> & { who?: Principal; place?: Place | undefined }): Promise<unknown>
}

type BodyOf<S> = S extends v.GenericSchema ? v.InferOutput<S> : undefined

export function publicRoute<S extends v.GenericSchema | undefined = undefined>(
  route: Described & {
    body?: S
    handle(ask: Ask<BodyOf<S>>): Promise<unknown> | unknown
  },
): Route {
  const { body, handle, ...described } = route
  return {
    ...described,
    ...(body ? { body } : {}),
    access: { to: 'public' },
    rate: rateOf(route),
    handle: async ask => handle(ask as Ask<BodyOf<S>>),
  }
}

/** An endpoint for programs that speaks OAuth: a form comes in. It is public and looks at no cookie, so a page gains nothing by posting to it. */
export function formRoute(
  route: Omit<Described, 'method'> & {
    handle(ask: Ask<URLSearchParams>): Promise<unknown> | unknown
  },
): Route {
  const { handle, ...described } = route
  return {
    ...described,
    method: 'POST',
    form: true,
    access: { to: 'public' },
    rate: route.rate ?? 'write',
    handle: async ask => handle(ask as Ask<URLSearchParams>),
  }
}

export function userRoute<S extends v.GenericSchema | undefined = undefined>(
  route: Described & {
    scope: Scope | 'all'
    devices?: boolean
    /** Of the model gateway (GW1): for tokens alone, model keys among them, in the header of either provider. */
    models?: boolean
    about?: About
    body?: S
    handle(ask: UserAsk<BodyOf<S>>): Promise<unknown> | unknown
  },
): Route {
  const { scope, devices = false, models = false, body, handle, ...described } = route
  return {
    ...described,
    ...(body ? { body } : {}),
    access: { to: 'users', scope, devices, models },
    rate: rateOf(route),
    handle: async ask => handle(identified(ask) as UserAsk<BodyOf<S>>),
  }
}

function rateOf({ rate, method }: Described): RateClass {
  return rate ?? (method === 'GET' ? 'read' : 'write')
}

function identified(ask: Ask<unknown> & { who?: Principal; place?: Place | undefined }): UserAsk<unknown> {
  if (!ask.who) throw new MeshError('UNAUTHENTICATED')
  return { ...ask, who: ask.who }
}

/** The browser that asks, for signing in. */
export function knockOf({ visit, incoming, requestId }: Ask<unknown>): {
  visit: Visit
  headers: IncomingMessage['headers']
  requestId: string
} {
  return { visit, headers: incoming.headers, requestId }
}

/** Parameter of the path; the router matched it, so it is there. */
export function param(ask: Ask<unknown>, name: string): string {
  const value = ask.params[name]
  if (value === undefined) throw new MeshError('BAD_REQUEST', { detail: `the path lacks ${name}` })
  return value
}

/** Where the thing is that the route is about; the app found it before the handler was called. */
export function placeOf(ask: UserAsk<unknown>): Place {
  if (!ask.place) throw new MeshError('INTERNAL', { detail: 'the route does not name what it is about' })
  return ask.place
}

export function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json' } })
}
