/** Telling people: their ways, what they want to be told, receipts. */
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type {
  lookingSchema,
  MailOffer,
  mailCodeSchema,
  NewWay,
  NotifySettings,
  PushKey,
  receiptSchema,
  Way,
  WayTest,
} from '@meshbook/core/notify-api.ts'
import type { RateLimiter } from '@meshbook/relay/serve/rate-limiter.ts'
import { hashSecret } from '@meshbook/relay/serve/secrets.ts'
import type { InferOutput } from 'valibot'
import { pushKeyAt } from '../notify/push-key.ts'
import { parseWay } from '../notify/ways.ts'
import type { Parts } from '../parts.ts'
import { type Ask, json, param, type UserAsk } from './route.ts'

export function getPushKey({ pushKey, config, url }: Parts): PushKey {
  return pushKeyAt(pushKey, config.publicUrl ?? url())
}

export async function addWay({ ways }: Parts, ask: UserAsk<NewWay>): Promise<Response> {
  if (ask.body.kind === 'push' && ask.who.credential.kind === 'device')
    throw new MeshError('FORBIDDEN', { detail: 'a browser says its own subscription' })
  const { way, created } = await ways.add(ask, ask.body)
  return json(way, created ? 201 : 200)
}

export async function listWays({ ways }: Parts, { who }: UserAsk<undefined>): Promise<{ items: Way[] }> {
  return { items: await ways.list(who) }
}

export async function removeWay({ ways }: Parts, ask: UserAsk<undefined>): Promise<void> {
  await ways.remove(ask, parseWay(param(ask, 'id')))
}

export async function testWay({ ways }: Parts, ask: UserAsk<undefined>): Promise<WayTest> {
  return ways.test(ask.who, parseWay(param(ask, 'id')))
}

export async function getMailOffer({ ways }: Parts): Promise<MailOffer> {
  return ways.mailOffer()
}

export async function sendWayCode({ ways }: Parts, ask: UserAsk<undefined>): Promise<Way> {
  return ways.sendCode(ask.who, parseWay(param(ask, 'id')))
}

export async function confirmWay({ ways }: Parts, ask: UserAsk<InferOutput<typeof mailCodeSchema>>): Promise<Way> {
  return ways.confirm(ask, parseWay(param(ask, 'id')), ask.body.code)
}

/** Nothing is told to who sends one, known or not (NT20). */
export async function takeReceipt(
  { store, now }: Parts,
  receipts: RateLimiter,
  { body, visit }: Ask<InferOutput<typeof receiptSchema>>,
): Promise<void> {
  receipts.count(visit.address)
  const found = await store.query('findReceipt', { hash: hashSecret(body.receipt) })
  if (found) await store.call('confirmDelivery', { ...found, now: now() })
}

export async function getNotifySettings({ store }: Parts, { who }: UserAsk<undefined>): Promise<NotifySettings> {
  return store.query('notifySettings', { org: who.org, user: who.user })
}

export async function putNotifySettings(
  { store }: Parts,
  { who, body: settings }: UserAsk<NotifySettings>,
): Promise<NotifySettings> {
  await store.call('setNotifySettings', { org: who.org, user: who.user, settings })
  return settings
}

/** Only a page is looked at; from a program it means nothing. */
export async function look({ store, now }: Parts, ask: UserAsk<InferOutput<typeof lookingSchema>>): Promise<void> {
  const { org, credential } = ask.who
  if (credential.kind !== 'session') return
  const until = ask.body.visible ? now() + limits.lookingMs : 0
  await store.call('setLooking', { org, id: credential.id, until })
}
