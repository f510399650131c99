/** What a backup says about itself: `format.json` before everything else, `manifest.json` after it. */
import { MeshError } from '@meshbook/core/errors.ts'
import * as v from 'valibot'

/** A reader refuses a higher one. */
export const formatVersion = 1

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const plainName = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_]{0,62}$/))
const assetName = v.pipe(v.string(), v.regex(/^sha256-[0-9a-f]{64}$/))

export const formatSchema = v.object({
  format: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** Of the Meshbook that made it. */
  version: v.string(),
  madeAt: count,
  /** Version of each module's tables. */
  schemas: v.record(v.string(), count),
  tables: v.array(v.object({ name: plainName, columns: v.array(plainName) })),
  /** Public half of the recovery key, so that the restored hub goes on with it. */
  recipient: v.nullable(v.string()),
})
export type Format = v.InferOutput<typeof formatSchema>

export const manifestSchema = v.object({
  parts: v.array(v.object({ name: v.string(), rows: count, bytes: count, sha256: v.string() })),
  /** Rows of each table. */
  tables: v.record(plainName, count),
  orgs: v.array(v.object({ id: v.string(), name: v.string() })),
  assets: v.object({ count, bytes: count, missing: v.array(assetName), damaged: v.array(assetName) }),
})
export type Manifest = v.InferOutput<typeof manifestSchema>
export type Part = Manifest['parts'][number]

/** The version first: a newer format need not look like this one in anything else. */
export function parseFormat(text: string): Format {
  const json = parseJson(text)
  const { format } = parseAs(v.object({ format: v.number() }), json, 'format.json')
  if (format > formatVersion)
    throw new MeshError('BACKUP_TOO_NEW', { detail: `its format is ${format}, this Meshbook reads ${formatVersion}` })
  return parseAs(formatSchema, json, 'format.json')
}

export function parseManifest(text: string): Manifest {
  return parseAs(manifestSchema, parseJson(text), 'manifest.json')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new MeshError('BACKUP_DAMAGED', { detail: 'what it says about itself is not JSON', cause })
  }
}

function parseAs<T>(schema: v.GenericSchema<unknown, T>, value: unknown, name: string): T {
  const parsed = v.safeParse(schema, value)
  if (parsed.success) return parsed.output
  throw new MeshError('BACKUP_DAMAGED', { detail: `${name} is not understood` })
}
