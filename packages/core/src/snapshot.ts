/**
 * A saved session: what is said of it in the open, so that a hub can keep it, list it and choose where it may go on. What
 * was saved is in its parts, which only the owner's devices can open. It knows nothing of how a session is saved.
 */
import * as v from 'valibot'
import type { SnapshotId } from './ids.ts'
import { limits } from './limits.ts'
import {
  asOfSchema,
  cpuFeaturesSchema,
  deviceIdSchema,
  fenceSchema,
  hashSchema,
  headIdSchema,
  type Ladder,
  languageSchema,
  type lostItemSchema,
  lostItemsSchema,
  nameSchema,
  sessionIdSchema,
  snapshotIdSchema,
  snapshotKindSchema,
  snapshotKinds,
} from './messages.ts'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const words = v.pipe(v.string(), v.maxLength(limits.problemTextChars))
const short = v.pipe(v.string(), v.maxLength(200))

export type SnapshotKind = (typeof snapshotKinds)[number]
export type LostItem = v.InferOutput<typeof lostItemSchema>

export const insideSchema = v.object({
  variables: v.pipe(
    v.array(v.object({ name: short, type: short, bytes: v.optional(count) })),
    v.maxLength(limits.snapshotShownVariables),
  ),
  /** Variables beyond those that are named. */
  more: count,
  processes: count,
  threads: count,
})
export type Inside = v.InferOutput<typeof insideSchema>

/** What the target has to be like (`snapshot-fit.ts`). */
export const snapshotFitSchema = v.object({
  os: short,
  arch: short,
  /** Processor features that the image may use; empty for a portable one. */
  cpu: cpuFeaturesSchema,
  language: languageSchema,
  /** Of the interpreter: `3.11.7`. */
  version: short,
  /** Name of the kernelspec, where the notebook names one. */
  kernelspec: v.optional(nameSchema),
})
export type SnapshotFit = v.InferOutput<typeof snapshotFitSchema>

export type AsOf = v.InferOutput<typeof asOfSchema>

/** A part's name: a keyed hash of what it holds, so that equal parts are kept once and nobody else can guess them. */
export const partIdSchema = hashSchema
export type PartId = v.InferOutput<typeof partIdSchema>

/** What everybody who may see the session may know of a record. */
const shown = {
  id: snapshotIdSchema,
  session: sessionIdSchema,
  head: headIdSchema,
  fence: fenceSchema,
  device: deviceIdSchema,
  kind: snapshotKindSchema,
  /** Named ones are kept until somebody deletes them. */
  name: v.nullable(nameSchema),
  asOf: asOfSchema,
  fit: snapshotFitSchema,
  inside: insideSchema,
  lost: lostItemsSchema,
  /** Of all its parts, as they are stored. */
  bytes: count,
  /** Of those that were new with it. */
  addedBytes: count,
  /** For how long the session stood still while it was saved. */
  pauseMs: v.pipe(v.number(), v.minValue(0)),
}

/** Body of `POST /snapshots`: taken once every part that it names is at the hub. */
export const snapshotRecordSchema = v.object({
  ...shown,
  /** The version of the owner's data key that it is sealed with. */
  keyVersion: v.pipe(count, v.minValue(1)),
  /** The part that says what the others are. */
  manifest: partIdSchema,
  /** All of them, the manifest among them, each once. */
  parts: v.pipe(v.array(partIdSchema), v.minLength(1), v.maxLength(limits.snapshotParts)),
})
export type SnapshotRecord = v.InferOutput<typeof snapshotRecordSchema>

/** `GET /snapshots`, newest first. */
export const snapshotInfoSchema = v.object({
  ...shown,
  deviceName: v.nullable(v.string()),
  storedAt: count,
  /** Why it is not used any more: a device found it damaged or foreign. */
  refused: v.optional(words),
})
export type SnapshotInfo = v.InferOutput<typeof snapshotInfoSchema>

/** What a device can restore, told in REGISTER. */
export const restoreAbilitySchema = v.object({
  kinds: v.pipe(v.array(snapshotKindSchema), v.maxLength(snapshotKinds.length)),
  os: short,
  arch: short,
  cpu: cpuFeaturesSchema,
})
export type RestoreAbility = v.InferOutput<typeof restoreAbilitySchema>

export type Rung = Ladder[number]

/** `GET /snapshots/:id` for a device: the record to restore from. */
export const storedRecordSchema = v.object({ ...snapshotRecordSchema.entries, storedAt: count })
export type StoredRecord = v.InferOutput<typeof storedRecordSchema>

export const snapshotUses = ['auto', 'criu', 'portable', 'off'] as const
/** `MESHBOOK_SNAPSHOT`. */
export const snapshotUseSchema = v.picklist(snapshotUses)
export type SnapshotUse = (typeof snapshotUses)[number]

export type { SnapshotId }
