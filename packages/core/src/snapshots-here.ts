/** What a device says of the saving of its own sessions (`GET /here/snapshots`, `meshbook sessions doctor`). */
import * as v from 'valibot'
import { limits } from './limits.ts'
import {
  asOfSchema,
  headIdSchema,
  languageSchema,
  lostItemsSchema,
  nameSchema,
  projectIdSchema,
  sessionIdSchema,
  snapshotIdSchema,
  snapshotKindSchema,
} from './messages.ts'
import { snapshotUseSchema } from './snapshot.ts'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const words = v.pipe(v.string(), v.maxLength(limits.problemTextChars))

/** One way of saving, and whether this machine has it. */
export const snapshotAbilitySchema = v.object({
  kind: snapshotKindSchema,
  /** `measuring`: it is being found out. */
  state: v.picklist(['measuring', 'able', 'unable']),
  why: v.optional(words),
  next: v.optional(words),
})
export type SnapshotAbility = v.InferOutput<typeof snapshotAbilitySchema>

/** The last record of one kind that was made of a live session. */
export const savedHereSchema = v.object({
  kind: snapshotKindSchema,
  /** Why the session cannot be saved so. */
  unfit: v.optional(words),
  snapshot: v.nullable(snapshotIdSchema),
  asOf: v.nullable(asOfSchema),
  bytes: count,
  addedBytes: count,
  /** For how long the session stood still, and how long it took in all. */
  pauseMs: v.pipe(v.number(), v.minValue(0)),
  tookMs: count,
  /** It is at the hub, and not only here. */
  atHub: v.boolean(),
  /** What it leaves out. */
  lost: lostItemsSchema,
  error: v.optional(words),
})
export type SavedHere = v.InferOutput<typeof savedHereSchema>

export const sessionHereSchema = v.object({
  session: sessionIdSchema,
  head: headIdSchema,
  project: projectIdSchema,
  name: nameSchema,
  language: languageSchema,
  /** Runs that are in no record yet. */
  behind: count,
  saved: v.pipe(v.array(savedHereSchema), v.maxLength(2)),
  /** What its processes have that no saved state can bring back: connections, memory of graphics cards, pipes to outside. */
  cannot: lostItemsSchema,
})
export type SessionHere = v.InferOutput<typeof sessionHereSchema>

export const snapshotsHereSchema = v.object({
  use: snapshotUseSchema,
  abilities: v.pipe(v.array(snapshotAbilitySchema), v.maxLength(2)),
  sessions: v.pipe(v.array(sessionHereSchema), v.maxLength(1_000)),
})
export type SnapshotsHere = v.InferOutput<typeof snapshotsHereSchema>
