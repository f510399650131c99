/** Triggers of workflows: who may read in a project sees its triggers, who may run there changes them (WQ69). */
import { MeshError } from '@meshbook/core/errors.ts'
import { type OrgId, parseId, type TriggerId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { changeTriggerSchema, NewTrigger, Trigger, TriggerOutcome } from '@meshbook/core/workflow/trigger-info.ts'
import { cursorOf, pageOf, rowsOf } from '@meshbook/relay/serve/page.ts'
import type { InferOutput } from 'valibot'
import type { Parts } from '../parts.ts'
import { json, param, placeOf, type UserAsk } from './route.ts'

const named = (ask: UserAsk<unknown>): [OrgId, TriggerId] => [placeOf(ask).org, parseId('trigger', param(ask, 'id'))]

export async function pinTrigger({ triggers }: Parts, ask: UserAsk<NewTrigger>): Promise<Response> {
  const { trigger, isNew } = await triggers.pin(ask, placeOf(ask).org, parseId('project', ask.body.project), ask.body)
  return json(trigger, isNew ? 201 : 200)
}

export async function listTriggers({ triggers, access }: Parts, { who, query }: UserAsk<undefined>): Promise<object> {
  const project = query.get('project') ?? undefined
  if (project !== undefined) await access.demand(who, { kind: 'project', id: project }, 'read')
  const asker = { org: who.org, user: who.user }
  const { items, next } = await triggers.list({ asker, project, before: cursorOf(query), rows: rowsOf(query) })
  return pageOf(items, next)
}

export function getTrigger({ triggers }: Parts, ask: UserAsk<undefined>): Promise<Trigger> {
  return triggers.show(...named(ask))
}

export function changeTrigger(
  { triggers }: Parts,
  ask: UserAsk<InferOutput<typeof changeTriggerSchema>>,
): Promise<Trigger> {
  return triggers.turn(ask, ...named(ask), ask.body.enabled)
}

export async function removeTrigger({ triggers }: Parts, ask: UserAsk<undefined>): Promise<void> {
  await triggers.remove(ask, ...named(ask))
}

export async function nextTimes({ triggers }: Parts, ask: UserAsk<undefined>): Promise<{ items: number[] }> {
  const count = Number(ask.query.get('count') ?? '5')
  if (!Number.isInteger(count) || count < 1 || count > limits.timesPerTrigger)
    throw new MeshError('BAD_REQUEST', { detail: `count: expected a whole number from 1 to ${limits.timesPerTrigger}` })
  return { items: await triggers.next(...named(ask), count) }
}

export async function listOutcomes({ triggers }: Parts, ask: UserAsk<undefined>): Promise<{ items: TriggerOutcome[] }> {
  return { items: await triggers.outcomes(...named(ask)) }
}

export async function listTriggerRuns({ triggers, workflows }: Parts, ask: UserAsk<undefined>): Promise<object> {
  const [org, trigger] = named(ask)
  await triggers.show(org, trigger)
  const { who, query } = ask
  const asker = { org: who.org, user: who.user }
  const { items, next } = await workflows.list({ asker, trigger, before: cursorOf(query), rows: rowsOf(query) })
  return pageOf(items, next)
}
