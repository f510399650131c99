/** The routes of triggers of workflows, typed. */
import { listOf } from '@meshbook/core/api.ts'
import {
  type NewTrigger,
  nextTimesSchema,
  type Trigger,
  type TriggerOutcome,
  triggerOutcomeSchema,
  triggerSchema,
} from '@meshbook/core/workflow/trigger-info.ts'
import { unknown } from 'valibot'
import { request } from '../api/http.ts'

const named = (id: string): string => `/triggers/${encodeURIComponent(id)}`

export const triggersApi = {
  page: (cursor: string | undefined): Promise<{ items: Trigger[]; next?: string | undefined }> =>
    request('GET', `/triggers?limit=50${cursor === undefined ? '' : `&cursor=${cursor}`}`, listOf(triggerSchema)),
  pin: (body: NewTrigger): Promise<Trigger> => request('POST', '/triggers', triggerSchema, { body }),
  turn: (id: string, enabled: boolean): Promise<Trigger> =>
    request('PATCH', named(id), triggerSchema, { body: { enabled } }),
  remove: (id: string) => request('DELETE', named(id), unknown()),
  next: async (id: string): Promise<number[]> =>
    (await request('GET', `${named(id)}/next?count=5`, nextTimesSchema)).items,
  outcomes: async (id: string): Promise<TriggerOutcome[]> =>
    (await request('GET', `${named(id)}/outcomes`, listOf(triggerOutcomeSchema))).items,
}
