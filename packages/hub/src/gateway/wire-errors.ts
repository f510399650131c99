/** A refusal in the form of the provider whose client asks, beside the fields of a problem (GW4). Pure. */
import { type MeshError, problemOf } from '@meshbook/core/errors.ts'
import type { ModelWire } from '@meshbook/core/model-wires.ts'

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
const geminiStatuses: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  402: 'FAILED_PRECONDITION',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}

export function refusalOf(wire: ModelWire, error: MeshError, requestId: string): Refusal {
  const problem = problemOf(error, requestId)
  const { status } = problem
  const message = `${error.message}. ${problem.hint}`
  const retry = error.entry.retry === 'backoff'
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      // Both clients go by this before they look at the status.
      'x-should-retry': String(retry),
      ...(status === 429 ? { 'retry-after': '1' } : {}),
    },
    body: Buffer.from(JSON.stringify({ ...problem, ...inWordsOf(wire, status, message, requestId) })),
  }
}

function inWordsOf(wire: ModelWire, status: number, message: string, requestId: string): Record<string, unknown> {
  switch (wire) {
    case 'anthropic':
      return { type: 'error', error: { type: anthropicTypeOf(status), message }, request_id: requestId }
    case 'openai':
      return { error: { message, ...openaiTypeOf(status), param: null } }
    case 'gemini':
      return { error: { code: status, message, status: geminiStatusOf(status) } }
  }
}

function geminiStatusOf(status: number): string {
  return geminiStatuses[status] ?? (status >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT')
}

function anthropicTypeOf(status: number): string {
  return anthropicTypes[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error')
}

function openaiTypeOf(status: number): { type: string; code: string | null } {
  const [type, code] = openaiTypes[status] ?? [status >= 500 ? 'server_error' : 'invalid_request_error', null]
  return { type, code }
}
