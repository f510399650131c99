/** A delivery to the webhook of a workflow (WF109): whether it is let in, which run it starts, and the event of it. Pure. */
import { createHash } from 'node:crypto'
import type { RunId } from '@meshbook/core/ids.ts'
import type { Json, Webhook } from '@meshbook/core/workflow/workflow-schema.ts'
import { type DeliveryNumbers, jsonBody, numbersOf, runOfDelivery, tooOld } from './delivery.ts'
import { type SignedDelivery, signedTime, verdictOf } from './hook-signature.ts'

export interface WorkflowDelivery {
  run: RunId
  /** Each starts one run: both are kept in the transaction that starts it. */
  numbers: DeliveryNumbers
  /** What expressions of the trigger's inputs may name. */
  event: { body: Json; name: string | null; at: string | null }
}

/** `refused`: its sender learns nothing else. */
export type ReadDelivery = WorkflowDelivery | { refused: true } | { ignored: string }

/** `secret`: null where there is none of that name, which takes as long. Throws BAD_REQUEST for a body that is no JSON. */
export function readDelivery(
  { trigger, from = 'meshbook', secret }: { trigger: string; from?: Webhook['from']; secret: string | null },
  delivery: SignedDelivery,
  at: { now: number; windowMs: number },
): ReadDelivery {
  const verdict = verdictOf(from, secret ?? 'nothing', delivery, at)
  if (secret === null || verdict === 'bad') return { refused: true }
  if (verdict === 'old') return { ignored: tooOld }
  const { headers, body } = delivery
  const time = from === 'meshbook' ? signedTime(headers) : null
  // What is signed: the same order an hour later is another one, where its time is signed with it.
  const digest = createHash('sha256')
    .update(`${time ?? ''}.`)
    .update(body)
    .digest('hex')
  const name = headers.get('x-github-event') ?? headers.get('x-gitlab-event')
  return {
    run: runOfDelivery(trigger, digest),
    numbers: numbersOf(headers, digest),
    event: { body: jsonBody(body) as Json, name, at: time === null ? null : new Date(time).toISOString() },
  }
}
