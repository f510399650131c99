/** The routes of the vault: keys are set, listed and removed, and none is read (VA1). */
import { listOf } from '@meshbook/core/api.ts'
import { limits } from '@meshbook/core/limits.ts'
import { keySchema, newKeySchema } from '@meshbook/core/tasks-api.ts'
import type { Parts } from '../parts.ts'
import { listKeys, putKey, removeKey, turnKeys } from './key-handlers.ts'
import { type Route, userRoute } from './route.ts'

export function keyRoutes(parts: Parts): Route[] {
  const path = '/api/v1/keys'
  const own = { about: 'self' } as const
  return [
    userRoute({
      ...{ ...own, method: 'GET', path, scope: 'read', answer: listOf(keySchema) },
      summary: 'Keys of model providers and git hosts, without their values',
      handle: ask => listKeys(parts, ask),
    }),
    userRoute({
      ...{ ...own, method: 'PUT', path: `${path}/:name`, scope: 'all', answer: keySchema },
      summary: 'Set a key; its value is used by the hub and never shown',
      // JSON may write each byte as six.
      bodyBytes: 6 * limits.vaultValueBytes + 4_096,
      body: newKeySchema,
      handle: ask => putKey(parts, ask),
    }),
    userRoute({
      ...{ ...own, method: 'DELETE', path: `${path}/:name`, scope: 'all' },
      summary: 'Remove a key',
      handle: ask => removeKey(parts, ask),
    }),
    userRoute({
      ...{ ...own, method: 'POST', path: `${path}/turn`, scope: 'all' },
      rate: 'heavy',
      summary: 'Seal all values anew, with a new data key',
      handle: ask => turnKeys(parts, ask),
    }),
  ]
}
