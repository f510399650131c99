/** What the routes of the model gateway do (`gateway/SPEC.md`). */
import type { Activity } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { newId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { ModelKey, newModelKeySchema, UsageReport } from '@meshbook/core/models-api.ts'
import { pageOf } from '@meshbook/relay/serve/page.ts'
import { hashSecret, newSecret } from '@meshbook/relay/serve/secrets.ts'
import type { InferOutput } from 'valibot'
import type { Endpoint } from '../gateway/endpoints.ts'
import { PassingAnswer } from '../gateway/passing-answer.ts'
import type { Parts } from '../parts.ts'
import type { UserAsk } from './route.ts'

const usualDays = 30
const dayMs = 86_400_000

/** Ends with its client, and with the token that it was begun with (S8). */
export async function askModel(
  { gateway, doors }: Parts,
  endpoint: Endpoint,
  { who, incoming, requestId }: UserAsk<undefined>,
): Promise<Response> {
  const { org, user, credential } = who
  const leaving = new AbortController()
  const leave = (why: unknown): void => leaving.abort(why)
  const shut = doors.open(who, 'stream', limits.eventStreamsPerUser, leave)
  const gone = (): void => leave(new MeshError('INTERRUPTED'))
  const { socket } = incoming
  socket.once('close', gone)
  const ended = (): void => {
    shut()
    socket.off('close', gone)
  }
  const asker = { org, user, holder: { token: credential.id } }
  const { status, headers, body } = await gateway.answer(asker, {
    endpoint,
    incoming,
    requestId,
    signal: leaving.signal,
  })
  if (body instanceof PassingAnswer)
    return new Response(
      streamOf(body, ended, () => socket.destroy()),
      { status, headers },
    )
  ended()
  return new Response(new Uint8Array(body), { status, headers })
}

/** Each piece is asked for when the one before is on its way. What breaks off at the provider breaks off here: `cut`. */
function streamOf(body: PassingAnswer, ended: () => void, cut: () => void): ReadableStream<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await pieces.next()
          if (done !== true) return controller.enqueue(value)
          ended()
          controller.close()
        } catch {
          ended()
          cut()
          controller.close()
        }
      },
      async cancel() {
        ended()
        await pieces.return?.()
      },
    },
    { highWaterMark: 0 },
  )
}

export const getUsage = ({ store, now }: Parts, { who, query }: UserAsk<undefined>): Promise<UsageReport> =>
  store.query('modelUsage', { org: who.org, ...rangeOf(query, now()) })

export const getActivity = ({ store, now }: Parts, { who, query }: UserAsk<undefined>): Promise<Activity> =>
  store.query('runsByDay', { org: who.org, ...rangeOf(query, now()) })

function rangeOf(query: URLSearchParams, now: number): { from: number; to: number } {
  const to = timeOf(query, 'to') ?? now + 1
  return { from: timeOf(query, 'from') ?? to - usualDays * dayMs, to }
}

function timeOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new MeshError('BAD_REQUEST', { detail: `${name}: expected milliseconds since 1970` })
}

export async function listModelKeys({ store }: Parts, { who }: UserAsk<undefined>): Promise<object> {
  return pageOf(await store.query('listModelKeys', { org: who.org, user: who.user }), null)
}

export async function makeModelKey(
  { audit, now, random }: Parts,
  ask: UserAsk<InferOutput<typeof newModelKeySchema>>,
): Promise<ModelKey> {
  const { org, user } = ask.who
  const { name, budget = {} } = ask.body
  const token = newSecret(random, 'mb_')
  const id = newId('token', now(), random)
  const row = { org, user, id, hash: hashSecret(token), name, scopes: [], budget, now: now() }
  await audit.call('makeModelKey', row, audit.note('model-key-made', ask, { target: id, detail: { name, budget } }))
  return { id, name, token, budget, spent: { microUsd: 0, tokens: 0 }, createdAt: row.now }
}
