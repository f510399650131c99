/** A refusal in the form of the provider whose client asks, beside the fields of a problem (GW4). Pure. */
import { type MeshError, problemOf } from '@meshbook/core/errors.ts'
import type { WireName } from './endpoints.ts'

export interface Refusal {
  status: number
  headers: Record<string, string>
  body: Buffer
}

const anthropicTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
}
const openaiTypes: Readonly<Record<number, [type: string, code: string | null]>> = {
  401: ['invalid_request_error', 'invalid_api_key'],
  402: ['insufficient_quota', 'insufficient_quota'],
  403: ['permission_error', null],
  429: ['rate_limit_error', 'rate_limit_exceeded'],
}

export function refusalOf(wire: WireName, error: MeshError, requestId: string): Refusal {
  const problem = problemOf(error, requestId)
  const { status } = problem
  const message = `${error.message}. ${problem.hint}`
  const retry = error.entry.retry === 'backoff'
  const body =
    wire === 'anthropic'
      ? { ...problem, type: 'error', error: { type: anthropicTypeOf(status), message }, request_id: requestId }
      : { ...problem, error: { message, ...openaiTypeOf(status), param: null } }
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      // Both clients go by this before they look at the status.
      'x-should-retry': String(retry),
      ...(status === 429 ? { 'retry-after': '1' } : {}),
    },
    body: Buffer.from(JSON.stringify(body)),
  }
}

function anthropicTypeOf(status: number): string {
  return anthropicTypes[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error')
}

function openaiTypeOf(status: number): { type: string; code: string | null } {
  const [type, code] = openaiTypes[status] ?? [status >= 500 ? 'server_error' : 'invalid_request_error', null]
  return { type, code }
}
