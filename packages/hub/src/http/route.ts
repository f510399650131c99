/** What a route is. The list of them is `routes.ts`; `app.ts` serves it and `openapi.ts` describes it. */

import type { IncomingMessage } from 'node:http'
import type { Scope } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Visit } from '@meshbook/relay/serve/doorway.ts'
import type * as v from 'valibot'
import type { Principal } from '../auth/principal.ts'

/** Who may call a route. `all` needs every scope: what decides about other credentials. */
export type Access =
  | { to: 'public'; tries?: 'limited' }
  | { to: 'users'; scope: Scope | 'all'; devices?: boolean }
  | { to: 'loopback or token' }

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
export type UserAsk<Body> = Ask<Body> & { who: Principal }

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
}

/** A handler returns a Response, a value to send as JSON, or nothing (204). */
export interface Route extends Described {
  access: Access
  body?: v.GenericSchema
  handle(ask: Ask<unknown> & { who?: Principal }): Promise<unknown>
}

type BodyOf<S> = S extends v.GenericSchema ? v.InferOutput<S> : undefined

export function publicRoute<S extends v.GenericSchema | undefined = undefined>(
  route: Described & { tries?: 'limited'; body?: S; handle(ask: Ask<BodyOf<S>>): Promise<unknown> | unknown },
): Route {
  const { tries, body, handle, ...described } = route
  return {
    ...described,
    ...(body ? { body } : {}),
    access: { to: 'public', ...(tries ? { tries } : {}) },
    handle: async ask => handle(ask as Ask<BodyOf<S>>),
  }
}

export function userRoute<S extends v.GenericSchema | undefined = undefined>(
  route: Described & {
    scope: Scope | 'all'
    devices?: boolean
    body?: S
    handle(ask: UserAsk<BodyOf<S>>): Promise<unknown> | unknown
  },
): Route {
  const { scope, devices = false, body, handle, ...described } = route
  return {
    ...described,
    ...(body ? { body } : {}),
    access: { to: 'users', scope, devices },
    handle: async ask => handle(identified(ask) as UserAsk<BodyOf<S>>),
  }
}

function identified(ask: Ask<unknown> & { who?: Principal }): UserAsk<unknown> {
  if (!ask.who) throw new MeshError('UNAUTHENTICATED')
  return { ...ask, who: ask.who }
}

/** Parameter of the path; the router matched it, so it is there. */
export function param(ask: Ask<unknown>, name: string): string {
  const value = ask.params[name]
  if (value === undefined) throw new MeshError('BAD_REQUEST', { detail: `the path lacks ${name}` })
  return value
}

export function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json' } })
}
