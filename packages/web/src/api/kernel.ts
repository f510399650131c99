/** What a session's kernel is asked beside runs, typed. */
import {
  type Completions,
  completionsSchema,
  type Inspection,
  inspectionSchema,
  type Variables,
  variablesSchema,
} from '@meshbook/core/api.ts'
import { request } from './http.ts'

export const kernelApi = {
  complete: (session: string, code: string, cursor: number, signal?: AbortSignal): Promise<Completions> =>
    request('POST', `/sessions/${session}/complete`, completionsSchema, {
      body: { code, cursor },
      ...(signal && { signal }),
    }),
  inspect: (session: string, code: string, cursor: number, signal?: AbortSignal): Promise<Inspection> =>
    request('POST', `/sessions/${session}/inspect`, inspectionSchema, {
      body: { code, cursor },
      ...(signal && { signal }),
    }),
  variables: (session: string): Promise<Variables> =>
    request('POST', `/sessions/${session}/variables`, variablesSchema, { body: {} }),
}
