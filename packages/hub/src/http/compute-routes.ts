/** The routes of workers: how they are, and whether the hub may restore the caller's sessions in them. */
import { computeStatusSchema, restoringCopiesSchema, restoringRecipientSchema } from '@meshbook/core/compute-api.ts'
import type { Parts } from '../parts.ts'
import { computeStatus, restoringOff, restoringOn, restoringRecipient } from './compute-handlers.ts'
import { type Route, userRoute } from './route.ts'

export function computeRoutes(parts: Parts): Route[] {
  const path = '/api/v1/compute'
  return [
    userRoute({
      method: 'GET',
      path,
      about: 'self',
      scope: 'read',
      summary:
        'Containers of the hub: whether there can be some, which there are, and whether sessions may be restored there',
      answer: computeStatusSchema,
      handle: ask => computeStatus(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${path}/restoring/recipient`,
      about: 'self',
      scope: 'all',
      summary: 'To whom a device seals copies of the data key, so that the hub may restore sessions',
      answer: restoringRecipientSchema,
      handle: () => restoringRecipient(parts),
    }),
    userRoute({
      method: 'PUT',
      path: `${path}/restoring`,
      about: 'self',
      scope: 'all',
      summary: 'Let the hub restore your sessions: copies of your data key, sealed for it by one of your devices',
      body: restoringCopiesSchema,
      handle: ask => restoringOn(parts, ask),
    }),
    userRoute({
      method: 'DELETE',
      path: `${path}/restoring`,
      about: 'self',
      scope: 'all',
      summary: 'Delete the copies of your data key that the hub has',
      handle: ask => restoringOff(parts, ask),
    }),
  ]
}
