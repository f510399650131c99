/** The hub's routes about saved states and moves of sessions, typed. */
import { type Run, runSchema } from '@meshbook/core/api.ts'
import { type Move, moveSchema, type SessionPolicy } from '@meshbook/core/moves-api.ts'
import { type SnapshotInfo, snapshotInfoSchema } from '@meshbook/core/snapshot.ts'
import * as v from 'valibot'
import { request } from '../api/http.ts'
import { all, first } from '../api/lists.ts'

const nothing = v.unknown()
const begin = (path: string, body: object): Promise<Move> => request('POST', path, moveSchema, { body })

export interface Where {
  name?: string
  to?: string
}

export const movesApi = {
  migrate: (session: string, to?: string) => begin(`/sessions/${session}/migrate`, to === undefined ? {} : { to }),
  fork: (session: string, body: Where) => begin(`/sessions/${session}/fork`, body),
  save: (session: string, name: string) => begin(`/sessions/${session}/snapshots`, { name }),
  restore: (snapshot: string, body: { as?: string; to?: string }) => begin(`/snapshots/${snapshot}/restore`, body),
  move: (id: string): Promise<Move> => request('GET', `/moves/${id}`, moveSchema),
  cancel: (id: string) => request('DELETE', `/moves/${id}`, nothing),
  elsewhere: (run: string) => request('POST', `/runs/${run}/elsewhere`, nothing, { body: {} }),
  setPolicy: (session: string, policy: SessionPolicy) =>
    request('PATCH', `/sessions/${session}`, nothing, { body: policy }),

  snapshots: (session: string): Promise<SnapshotInfo[]> => all(`/snapshots?session=${session}`, snapshotInfoSchema),
  nameSnapshot: (id: string, name: string | null) => request('PATCH', `/snapshots/${id}`, nothing, { body: { name } }),
  deleteSnapshot: (id: string) => request('DELETE', `/snapshots/${id}`, nothing),

  /** The newest of a session, newest first. */
  runsOf: (session: string): Promise<Run[]> => first(`/runs?session=${session}&limit=100`, runSchema),
}
