/** The routes of saved sessions (HS1…). Parts are for devices; what is said of a record is for all who may see its session. */
import { listOf } from '@meshbook/core/api.ts'
import { limits } from '@meshbook/core/limits.ts'
import {
  changeSnapshotSchema,
  missingPartsSchema,
  partIdsSchema,
  refusedSnapshotSchema,
  takenPartsSchema,
} from '@meshbook/core/moves-api.ts'
import { snapshotInfoSchema, snapshotRecordSchema, storedRecordSchema } from '@meshbook/core/snapshot.ts'
import * as v from 'valibot'
import type { Parts } from '../parts.ts'
import { type Route, userRoute } from './route.ts'
import {
  addSnapshot,
  deleteSnapshot,
  getSnapshot,
  listSnapshots,
  missingParts,
  putParts,
  readParts,
  refuseSnapshot,
  renameSnapshot,
} from './snapshot-handlers.ts'

/** Ids of so many parts as JSON. */
const partIdsBytes = limits.snapshotPartsPerRequest * 70 + 1_000

export function snapshotRoutes(parts: Parts): Route[] {
  const saved = '/api/v1/snapshots'
  const own = { about: 'self', devices: true } as const
  const one = { the: 'snapshot', named: 'id' } as const
  return [
    userRoute({
      ...{ ...own, method: 'POST', path: `${saved}/parts/missing`, scope: 'run', answer: missingPartsSchema },
      rate: 'transfer',
      summary: 'Which of these sealed parts the hub does not have; for devices',
      bodyBytes: partIdsBytes,
      body: partIdsSchema,
      handle: ask => missingParts(parts, ask),
    }),
    userRoute({
      ...{ ...own, method: 'POST', path: `${saved}/parts`, scope: 'run', answer: takenPartsSchema, takesBytes: true },
      rate: 'transfer',
      summary: 'Bring sealed parts, each as its id, its length and its bytes; for devices',
      handle: ask => putParts(parts, ask),
    }),
    userRoute({
      ...{ ...own, method: 'POST', path: `${saved}/parts/read`, scope: 'run', produces: 'application/octet-stream' },
      rate: 'transfer',
      summary: 'Fetch sealed parts, as many of the first as go into one answer; for devices of their owner',
      bodyBytes: partIdsBytes,
      body: partIdsSchema,
      handle: ask => readParts(parts, ask),
    }),
    userRoute({
      ...{ method: 'POST', path: saved, scope: 'run', devices: true, answer: snapshotInfoSchema, status: 201 },
      about: { the: 'session', named: 'session', in: 'body' },
      summary: 'Record what a device saved of a session; 409 with `missing` while parts are not there',
      bodyBytes: limits.snapshotRecordBytes,
      body: snapshotRecordSchema,
      handle: ask => addSnapshot(parts, ask),
    }),
    userRoute({
      ...{
        method: 'GET',
        path: saved,
        about: 'shared',
        scope: 'read',
        devices: true,
        answer: listOf(snapshotInfoSchema),
      },
      summary: 'What is saved of a session, of the sessions of a project, or of all of yours, newest first',
      query: { session: 'only of this session', project: 'only of this project' },
      handle: ask => listSnapshots(parts, ask),
    }),
    userRoute({
      ...{ method: 'GET', path: `${saved}/:id`, about: one, scope: 'read', devices: true },
      summary: 'What is said of a saved session; for a device of its owner also its parts',
      answer: v.union([storedRecordSchema, snapshotInfoSchema]),
      handle: ask => getSnapshot(parts, ask),
    }),
    userRoute({
      ...{ method: 'PATCH', path: `${saved}/:id`, about: one, scope: 'run', answer: snapshotInfoSchema },
      summary: 'Give a saved session a name, which keeps it, or take the name away',
      body: changeSnapshotSchema,
      handle: ask => renameSnapshot(parts, ask),
    }),
    userRoute({
      ...{ method: 'DELETE', path: `${saved}/:id`, about: one, scope: 'run' },
      summary: 'Delete a saved session; its parts go when nothing else needs them',
      handle: ask => deleteSnapshot(parts, ask),
    }),
    userRoute({
      ...{ method: 'POST', path: `${saved}/:id/refused`, about: one, scope: 'run', devices: true },
      summary: 'Say that a device of its owner found it damaged or foreign; it is offered no more',
      body: refusedSnapshotSchema,
      handle: ask => refuseSnapshot(parts, ask),
    }),
  ]
}
