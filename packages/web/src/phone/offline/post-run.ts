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
    const { answer, asks } = await answerIn(response, request)
    // An earlier request of it arrived after all, and the hub asks what the user has answered here.
    const isAnswered = asks && request.askedAt === undefined
    return !isAnswered || (await confirmAtHub(request, fetcher)) ? answer : unknown
  } catch {
    // No network, no hub, or no answer in time: whether it arrived is not known.
    return unknown
  }
}

/** What has begun or ended meanwhile needs no confirmation. */
async function confirmAtHub({ id, codeHash }: RunRequest, fetcher: typeof fetch): Promise<boolean> {
  const response = await fetcher(`/api/v1/runs/${id}/confirm`, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: JSON.stringify({ codeHash }),
    credentials: 'same-origin',
    redirect: 'error',
    signal: AbortSignal.timeout(limits.requestMs),
  })
  return response.status < 500 && !later.has(response.status)
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

interface HubAnswer {
  answer: Answer
  /** The hub asks whether it is still wanted. */
  asks: boolean
}

async function answerIn(response: Response, { id, codeHash }: RunRequest): Promise<HubAnswer> {
  const body = (await response.json()) as Record<string, unknown> | null
  if (response.ok) {
    const isIt = body?.id === id && body?.codeHash === codeHash
    return { answer: isIt ? { is: 'taken' } : unknown, asks: isIt && typeof body?.asks === 'string' }
  }
  if (response.status >= 500 || later.has(response.status) || typeof body?.code !== 'string')
    return { answer: unknown, asks: false }
  const { code, detail, title, hint } = body
  const message = textOf(detail) || textOf(title) || code
  return { answer: { is: 'refused', code, message, hint: textOf(hint) }, asks: false }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
