/**
 * Shapes of the HTTP API for saved sessions and for moving sessions, under /api/v1 (beside `api.ts`). Parts are bytes:
 * a request or an answer with several is a row of frames, each a part's id (32 bytes), its length (4 bytes, most
 * significant first) and its bytes, as they are sealed.
 */
import * as v from 'valibot'
import { type ErrorCode, isErrorCode } from './errors.ts'
import { limits } from './limits.ts'
import { deviceIdSchema, moveIdSchema, nameSchema, sessionIdSchema, snapshotIdSchema } from './messages.ts'
import { partIdSchema } from './snapshot.ts'

const ms = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

/** `POST /snapshots/parts/missing`: which of these the hub does not have. `POST /snapshots/parts/read`: those bytes. */
export const partIdsSchema = v.object({
  parts: v.pipe(v.array(partIdSchema), v.minLength(1), v.maxLength(limits.snapshotPartsPerRequest)),
})
export const missingPartsSchema = v.object({ missing: v.array(partIdSchema) })
/** Answer to `POST /snapshots/parts`: how many came, those that were there already among them. */
export const takenPartsSchema = v.object({ parts: ms, bytes: ms })

/** `POST /snapshots/:id/refused`: a device could not use it. */
export const refusedSnapshotSchema = v.object({
  code: v.custom<ErrorCode>(isErrorCode, 'expected an error code'),
  detail: v.pipe(v.string(), v.maxLength(limits.problemTextChars)),
})

/** `PATCH /snapshots/:id` */
export const changeSnapshotSchema = v.object({ name: v.nullable(nameSchema) })

/** `POST /sessions/:id/migrate`. Without `to`, the best device there is. */
export const migrateSchema = v.object({ to: v.optional(deviceIdSchema) })
/** `POST /sessions/:id/fork`: a copy of the live state as a session of its own; `name` as notebooks name sessions. */
export const forkSchema = v.object({ name: v.optional(nameSchema), to: v.optional(deviceIdSchema) })
/** `POST /sessions/:id/snapshots`: saves now, and keeps it under the name. */
export const saveSessionSchema = v.object({ name: nameSchema })
/** `POST /snapshots/:id/restore`: into its own session, whose present state is kept as a snapshot, or as a new one. */
export const restoreSnapshotSchema = v.object({ as: v.optional(nameSchema), to: v.optional(deviceIdSchema) })
/** `POST /runs/:id/elsewhere`: it waits for the device that has the session no longer. */

export const moveKinds = ['migrate', 'fork', 'save', 'restore', 'home'] as const
export const moveStates = ['waiting', 'saving', 'restoring', 'done', 'failed', 'cancelled'] as const
/** `GET /moves/:id`, and the answer to all that begin one. `DELETE /moves/:id` cancels it, while nothing has moved. */
export const moveSchema = v.object({
  id: moveIdSchema,
  kind: v.picklist(moveKinds),
  session: sessionIdSchema,
  /** The session that it makes, for `fork` and `restore` with `as`. */
  makes: v.nullable(sessionIdSchema),
  from: v.nullable(deviceIdSchema),
  to: v.nullable(deviceIdSchema),
  state: v.picklist(moveStates),
  snapshot: v.nullable(snapshotIdSchema),
  /** Why it failed, as a code of the catalogue and in words. */
  code: v.nullable(v.string()),
  detail: v.nullable(v.string()),
  askedBy: v.string(),
  askedAt: ms,
  endedAt: v.nullable(ms),
})
export type Move = v.InferOutput<typeof moveSchema>

/** `PATCH /sessions/:id`: what holds for the session where no notebook says otherwise. */
export const sessionPolicySchema = v.object({
  failover: v.optional(v.union([v.literal('wait'), v.object({ elsewhereAfterMs: ms })])),
  onLoss: v.optional(v.picklist(['interrupt', 'resume', 'again'])),
})
export type SessionPolicy = v.InferOutput<typeof sessionPolicySchema>
