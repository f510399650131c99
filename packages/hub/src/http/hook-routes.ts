/** The routes of hooks: kept by their owners, called by anybody who can sign. */
import { listOf } from '@meshbook/core/api.ts'
import {
  changeHookSchema,
  hookAnswerSchema,
  hookDeliverySchema,
  hookSchema,
  madeHookSchema,
  newHookSchema,
} from '@meshbook/core/hooks-api.ts'
import { limits } from '@meshbook/core/limits.ts'
import { RateLimiter } from '@meshbook/relay/serve/rate-limiter.ts'
import type { Parts } from '../parts.ts'
import { addHook, listDeliveries, listHooks, removeHook, rotateHook, takeDelivery, turnHook } from './hook-handlers.ts'
import { publicRoute, type Route, userRoute } from './route.ts'

export function hookRoutes(parts: Parts): Route[] {
  const hooks = '/api/v1/hooks'
  const tries = new RateLimiter(limits.hookTriesPerMinute, parts.now)
  return [
    publicRoute({
      method: 'POST',
      path: '/hooks/:id',
      answer: hookAnswerSchema,
      bodyBytes: limits.hookBodyBytes,
      summary:
        'Deliver an event to a hook or to the trigger of a workflow, signed with its secret; answered with 202 and what became of it',
      handle: ask => takeDelivery(parts, tries, ask),
    }),
    userRoute({
      ...{ about: 'self', method: 'GET', path: hooks, scope: 'read', answer: listOf(hookSchema) },
      summary: 'Your hooks, and what became of their last delivery',
      handle: ask => listHooks(parts, ask),
    }),
    userRoute({
      ...{ method: 'POST', path: hooks, scope: 'all', answer: madeHookSchema, status: 201 },
      about: { the: 'project', named: 'project', in: 'body' },
      summary: 'Make a hook that starts tasks; its secret is shown once',
      body: newHookSchema,
      handle: ask => addHook(parts, ask),
    }),
    userRoute({
      ...{ about: 'self', method: 'PATCH', path: `${hooks}/:id`, scope: 'all', answer: hookSchema },
      summary: 'Turn a hook off or on; off, deliveries are noted and start nothing',
      body: changeHookSchema,
      handle: ask => turnHook(parts, ask),
    }),
    userRoute({
      ...{ about: 'self', method: 'GET', path: `${hooks}/:id/deliveries`, scope: 'read' },
      answer: listOf(hookDeliverySchema),
      summary: 'What became of the last deliveries of a hook, newest first',
      handle: ask => listDeliveries(parts, ask),
    }),
    userRoute({
      ...{ about: 'self', method: 'DELETE', path: `${hooks}/:id`, scope: 'all' },
      summary: 'Remove a hook; tasks that it started go on',
      handle: ask => removeHook(parts, ask),
    }),
    userRoute({
      ...{ about: 'self', method: 'POST', path: `${hooks}/:id/secret`, scope: 'all', answer: madeHookSchema },
      summary: 'Replace the secret of a hook; the old one is void at once',
      handle: ask => rotateHook(parts, ask),
    }),
  ]
}
