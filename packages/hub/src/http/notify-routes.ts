/** The routes of telling people. All but receipts are about what is the caller's alone. */
import { listOf } from '@meshbook/core/api.ts'
import { limits } from '@meshbook/core/limits.ts'
import {
  lookingSchema,
  madeWaySchema,
  mailCodeSchema,
  mailOfferSchema,
  newWaySchema,
  notifySettingsSchema,
  pushKeySchema,
  receiptSchema,
  waySchema,
  wayTestSchema,
} from '@meshbook/core/notify-api.ts'
import { RateLimiter } from '@meshbook/relay/serve/rate-limiter.ts'
import type { Parts } from '../parts.ts'
import {
  addWay,
  confirmWay,
  getMailOffer,
  getNotifySettings,
  getPushKey,
  listWays,
  look,
  putNotifySettings,
  removeWay,
  sendWayCode,
  takeReceipt,
  testWay,
} from './notify-handlers.ts'
import { publicRoute, type Route, userRoute } from './route.ts'

export function notifyRoutes(parts: Parts): Route[] {
  const push = '/api/v1/push'
  const receipts = new RateLimiter(limits.receiptsPerMinute, parts.now)
  const own = { about: 'self' } as const
  return [
    userRoute({
      ...{ ...own, method: 'GET', path: `${push}/key`, scope: 'read', answer: pushKeySchema },
      summary: 'The key that browsers subscribe to push with, and whether push can work at this address',
      handle: () => getPushKey(parts),
    }),
    userRoute({
      ...{ ...own, method: 'GET', path: `${push}/ways`, scope: 'read', answer: listOf(waySchema) },
      summary: 'Your ways to be told, how they are, and how far their last test came',
      handle: ask => listWays(parts, ask),
    }),
    userRoute({
      ...{ ...own, method: 'POST', path: `${push}/ways`, scope: 'all', answer: madeWaySchema, status: 201 },
      summary:
        'Add a push subscription, an ntfy topic, a webhook, a Slack-compatible one or a mail address; the secret of a webhook is shown once, an address gets a code',
      body: newWaySchema,
      handle: ask => addWay(parts, ask),
    }),
    userRoute({
      ...{ ...own, method: 'DELETE', path: `${push}/ways/:id`, scope: 'all' },
      summary: 'Remove a way, with what waits for it',
      handle: ask => removeWay(parts, ask),
    }),
    userRoute({
      ...{ ...own, method: 'POST', path: `${push}/ways/:id/test`, scope: 'all', answer: wayTestSchema },
      summary: 'Send a message this way now, and say at which station it is',
      handle: ask => testWay(parts, ask),
    }),
    userRoute({
      ...{ ...own, method: 'POST', path: `${push}/ways/:id/code`, scope: 'all', answer: waySchema },
      summary: 'Send another code to a mail address that awaits one; the one before is void',
      handle: ask => sendWayCode(parts, ask),
    }),
    userRoute({
      ...{ ...own, method: 'POST', path: `${push}/ways/:id/confirm`, scope: 'all', answer: waySchema },
      summary: 'Confirm a mail address by the code that was sent there',
      body: mailCodeSchema,
      handle: ask => confirmWay(parts, ask),
    }),
    userRoute({
      ...{ ...own, method: 'GET', path: `${push}/mail`, scope: 'read', answer: mailOfferSchema },
      summary: 'Whether this hub sends mail, and from which address',
      handle: () => getMailOffer(parts),
    }),
    publicRoute({
      ...{ method: 'POST', path: `${push}/receipts`, body: receiptSchema },
      summary: 'Confirm that a message was shown, by the token that stands in it; tells nothing',
      handle: ask => takeReceipt(parts, receipts, ask),
    }),
    userRoute({
      ...{ ...own, method: 'GET', path: `${push}/settings`, scope: 'read', answer: notifySettingsSchema },
      summary: 'What you want to be told, and when not',
      handle: ask => getNotifySettings(parts, ask),
    }),
    userRoute({
      ...{ ...own, method: 'PUT', path: `${push}/settings`, scope: 'all', answer: notifySettingsSchema },
      summary: 'Set what you want to be told; a kind that is not named is on',
      body: notifySettingsSchema,
      handle: ask => putNotifySettings(parts, ask),
    }),
    userRoute({
      ...{ ...own, method: 'POST', path: `${push}/looking`, scope: 'read' },
      summary:
        'This page is in front of its user, or not any more: the end of what was asked for here is then not told',
      body: lookingSchema,
      handle: ask => look(parts, ask),
    }),
  ]
}
