/** Shapes of the HTTP API for workers, under /api/v1 (beside `api.ts`). */
import * as v from 'valibot'
import { limits } from './limits.ts'
import {
  deviceIdSchema,
  documentIdSchema,
  keyCopySchema,
  languageSchema,
  nameSchema,
  projectIdSchema,
} from './messages.ts'
import { deviceKeysSchema } from './pairing-api.ts'

const ms = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

/** `off`: the hub has no copy. `outdated`: it has not the newest version, and hands out none. */
export const restoringStates = ['off', 'on', 'outdated'] as const
export type RestoringState = (typeof restoringStates)[number]

/** `GET /compute` */
export const computeStatusSchema = v.object({
  /** Null: this hub makes no containers. */
  driver: v.nullable(v.string()),
  /** What the containers run on; null while it cannot be used. */
  engine: v.nullable(v.string()),
  languages: v.array(languageSchema),
  /** What is missing, and what to do. */
  problem: v.nullable(v.string()),
  fix: v.nullable(v.string()),
  most: ms,
  idleMinutes: v.number(),
  memoryBytes: ms,
  cpus: v.number(),
  workers: v.array(
    v.object({
      id: v.string(),
      project: projectIdSchema,
      projectName: v.nullable(nameSchema),
      state: v.picklist(['starting', 'up', 'stopping']),
      device: v.nullable(deviceIdSchema),
      since: ms,
    }),
  ),
  restoring: v.object({ state: v.picklist(restoringStates), since: v.nullable(ms) }),
})
export type ComputeStatus = v.InferOutput<typeof computeStatusSchema>

/** `POST /compute/restoring/recipient`: to whom copies of the owner's data key are sealed. */
export const restoringRecipientSchema = v.object({ id: deviceIdSchema, ...deviceKeysSchema.entries })
export type RestoringRecipient = v.InferOutput<typeof restoringRecipientSchema>

/** `PUT /compute/restoring`: one copy of each version, sealed by a device of the user. `DELETE` turns it off. */
export const restoringCopiesSchema = v.object({
  copies: v.pipe(v.array(keyCopySchema), v.minLength(1), v.maxLength(limits.devicesPerUser)),
})

/** `POST /workers/self`, on the socket for workers alone. */
export const joinWorkerSchema = v.object({
  token: v.pipe(v.string(), v.maxLength(100)),
  publicKey: deviceKeysSchema.entries.publicKey,
})
export const joinedWorkerSchema = v.object({
  device: deviceIdSchema,
  project: v.object({
    id: projectIdSchema,
    name: nameSchema,
    owner: nameSchema,
    tree: documentIdSchema,
  }),
})
