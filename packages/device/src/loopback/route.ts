/** What a path of the device's own web app is, and what it is told of a request. */
import type { IncomingMessage } from 'node:http'
import type { Visit } from '@meshbook/relay/serve/doorway.ts'
import type * as v from 'valibot'
import type { Guest } from './doorkeeper.ts'

export interface Ask {
  incoming: IncomingMessage
  request: Request
  /** Aborted when the asker goes before the answer has ended. */
  signal: AbortSignal
  visit: Visit
  guest: Guest
  params: Record<string, string>
  query: URLSearchParams
  body: unknown
}

export interface LoopbackRoute {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  /** Without a credential; everything else needs one. */
  public?: true
  body?: v.GenericSchema
  bodyBytes?: number
  handle(ask: Ask): Promise<unknown> | unknown
}

export function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json' } })
}
