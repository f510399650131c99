/**
 * Sends one run to the hub, and says what is known afterwards (PH26). Plain, as the worker does it too: what is not
 * clearly an answer of the hub about this run says nothing.
 */
import { limits } from '@meshbook/core/limits.ts'
import type { RunRequest } from '@meshbook/core/messages.ts'
import type { Answer } from './queued-run.ts'

const unknown: Answer = { is: 'unknown' }
/** The hub, or somebody before it, says that it may go later. */
const later = new Set([401, 408, 425, 429])

export async function postRun(request: RunRequest, fetcher: typeof fetch = fetch): Promise<Answer> {
  try {
    const response = await fetcher('/api/v1/runs', {
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      body: JSON.stringify(request),
      credentials: 'same-origin',
      redirect: 'error',
      signal: AbortSignal.timeout(limits.requestMs),
    })
    return await answerIn(response, request)
  } catch {
    // No network, no hub, or no answer in time: whether it arrived is not known.
    return unknown
  }
}

/** False while nothing is known. What has ended, or is not ours to end, is as good as cancelled. */
export async function cancelAtHub(id: string, fetcher: typeof fetch = fetch): Promise<boolean> {
  try {
    const response = await fetcher(`/api/v1/runs/${id}/cancel`, {
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      body: JSON.stringify({ reason: 'taken back on the phone' }),
      credentials: 'same-origin',
      redirect: 'error',
      signal: AbortSignal.timeout(limits.requestMs),
    })
    return response.status < 500 && !later.has(response.status)
  } catch {
    return false
  }
}

async function answerIn(response: Response, { id, codeHash }: RunRequest): Promise<Answer> {
  const body = (await response.json()) as Record<string, unknown> | null
  if (response.ok) return body?.id === id && body?.codeHash === codeHash ? { is: 'taken' } : unknown
  if (response.status >= 500 || later.has(response.status) || typeof body?.code !== 'string') return unknown
  const { code, detail, title, hint } = body
  return { is: 'refused', code, message: textOf(detail) || textOf(title) || code, hint: textOf(hint) }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
