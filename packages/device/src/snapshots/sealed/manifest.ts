/**
 * What a record's manifest binds (SN4): every open fact that somebody relies on, all parts by a digest of their names, and
 * the backend's plan. Compressed JSON. Pure.
 */
import { createHash } from 'node:crypto'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { PartId, SnapshotRecord } from '@meshbook/core/snapshot.ts'
import * as v from 'valibot'
import type { Plan } from '../port.ts'
import { sealBytes } from './seal-part.ts'

/** What the hub counts itself, or somebody may change, is not bound. */
const boundNames = ['id', 'session', 'head', 'fence', 'device', 'kind', 'asOf', 'fit', 'inside', 'lost'] as const
export type BoundFacts = Pick<SnapshotRecord, (typeof boundNames)[number] | 'keyVersion'>

const manifestVersion = 1
const manifestSchema = v.strictObject({
  version: v.literal(manifestVersion),
  facts: v.string(),
  parts: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  plan: v.record(v.string(), v.unknown()),
})

/** Decompressed; a manifest is a part, and its JSON compresses well. */
const mostPlanBytes = 64 * 1024 * 1024

/** The bytes of the part. `parts`: all the others. */
export function writeManifest(facts: BoundFacts, parts: readonly PartId[], plan: Plan): Uint8Array {
  const text = JSON.stringify({ version: manifestVersion, facts: textOf(facts), parts: digestOf(parts), plan })
  const bytes = zstdCompressSync(text)
  if (bytes.byteLength + sealBytes > limits.snapshotPartBytes || text.length > mostPlanBytes)
    throw new MeshError('SNAPSHOT_FAILED', { detail: 'the plan of the saved session is too large' })
  return bytes
}

/** Throws SNAPSHOT_REFUSED unless the record is the one that the manifest was made for. */
export function planOf(manifest: Uint8Array, record: SnapshotRecord): Plan {
  const { facts, parts, plan } = parsed(manifest)
  if (facts !== textOf(record)) throw refused('what is said of it is not what was saved')
  const others = record.parts.filter(part => part !== record.manifest)
  const isEach = new Set(record.parts).size === record.parts.length && others.length === record.parts.length - 1
  if (!isEach || parts !== digestOf(others)) throw refused('its parts are not those that were saved')
  return plan
}

function parsed(manifest: Uint8Array): v.InferOutput<typeof manifestSchema> {
  try {
    const text = zstdDecompressSync(manifest, { maxOutputLength: mostPlanBytes }).toString('utf8')
    return v.parse(manifestSchema, JSON.parse(text))
  } catch (cause) {
    throw new MeshError('SNAPSHOT_REFUSED', { detail: 'what it holds is not understood', cause })
  }
}

/** One text for equal facts, whatever the order in which they are written down. */
function textOf(facts: BoundFacts): string {
  return JSON.stringify([...boundNames, 'keyVersion' as const].map(name => ordered(facts[name])))
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => [key, ordered(each)]))
}

function digestOf(parts: readonly PartId[]): string {
  const hash = createHash('sha256')
  for (const part of [...parts].sort()) hash.update(part)
  return hash.digest('hex')
}

function refused(detail: string): MeshError {
  return new MeshError('SNAPSHOT_REFUSED', { detail })
}
