/** Hooks: kept by their owners; a delivery is let in by its signature alone. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { changeHookSchema, Hook, HookDelivery, MadeHook, NewHook } from '@meshbook/core/hooks-api.ts'
import { isId, parseId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { readBytes } from '@meshbook/relay/serve/body.ts'
import type { RateLimiter } from '@meshbook/relay/serve/rate-limiter.ts'
import type { InferOutput } from 'valibot'
import type { Parts } from '../parts.ts'
import { type Ask, json, param, type UserAsk } from './route.ts'

export async function takeDelivery(
  { hooks, webhooks }: Parts,
  tries: RateLimiter,
  ask: Ask<undefined>,
): Promise<Response> {
  tries.count(ask.visit.address)
  const id = param(ask, 'id')
  const { headers } = ask.request
  const body = await readBytes(ask.request, limits.hookBodyBytes)
  if (isId('trigger', id)) return json(await webhooks.take(id, { headers, body }), 202)
  if (!isId('hook', id)) throw new MeshError('UNAUTHENTICATED', { detail: 'no such hook, or another signature' })
  return json(await hooks.take(id, { headers, body }), 202)
}

export async function listHooks({ hooks }: Parts, { who }: UserAsk<undefined>): Promise<{ items: Hook[] }> {
  return { items: await hooks.list(who) }
}

export function addHook({ hooks }: Parts, ask: UserAsk<NewHook>): Promise<MadeHook> {
  return hooks.add(ask, ask.body)
}

export async function removeHook({ hooks }: Parts, ask: UserAsk<undefined>): Promise<void> {
  await hooks.remove(ask, parseId('hook', param(ask, 'id')))
}

export function rotateHook({ hooks }: Parts, ask: UserAsk<undefined>): Promise<MadeHook> {
  return hooks.rotate(ask, parseId('hook', param(ask, 'id')))
}

export function turnHook({ hooks }: Parts, ask: UserAsk<InferOutput<typeof changeHookSchema>>): Promise<Hook> {
  return hooks.turn(ask, parseId('hook', param(ask, 'id')), ask.body.isOff)
}

export async function listDeliveries({ hooks }: Parts, ask: UserAsk<undefined>): Promise<{ items: HookDelivery[] }> {
  return { items: await hooks.deliveries(ask.who, parseId('hook', param(ask, 'id'))) }
}
