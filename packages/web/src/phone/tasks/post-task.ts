/**
 * Sends one task to the hub, and says what is known afterwards (PH91). Plain, as the worker does it too: what is not
 * clearly an answer of the hub about this task says nothing.
 */
import { limits } from '@meshbook/core/limits.ts'
import type { NewTask } from '@meshbook/core/tasks-api.ts'
import type { Answer } from '../offline/queued-run.ts'

/** The hub, or somebody before it, says that it may go later. */
const later = new Set([401, 408, 425, 429])

function send(path: string, body: unknown, fetcher: typeof fetch): Promise<Response> {
  return fetcher(`/api/v1${path}`, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: JSON.stringify(body),
    credentials: 'same-origin',
    redirect: 'error',
    signal: AbortSignal.timeout(limits.requestMs),
  })
}

export async function postTask(task: NewTask & { id: string }, fetcher: typeof fetch = fetch): Promise<Answer> {
  try {
    const response = await send('/tasks', task, fetcher)
    const body = (await response.json()) as Record<string, unknown> | null
    if (response.ok)
      return body?.id === task.id && typeof body.prompt === 'string' ? { is: 'taken' } : { is: 'unknown' }
    if (response.status >= 500 || later.has(response.status) || typeof body?.code !== 'string') return { is: 'unknown' }
    const { code, detail, title, hint } = body
    return { is: 'refused', code, message: textOf(detail) || textOf(title) || code, hint: textOf(hint) }
  } catch {
    // No network, no hub, or no answer in time: whether it arrived is not known.
    return { is: 'unknown' }
  }
}

/** False while nothing is known. What has ended is as good as stopped. */
export async function stopAtHub(id: string, fetcher: typeof fetch = fetch): Promise<boolean> {
  try {
    const { status } = await send(`/tasks/${encodeURIComponent(id)}/control`, { action: 'stop' }, fetcher)
    return status < 500 && !later.has(status)
  } catch {
    return false
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
