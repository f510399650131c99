/**
 * Which parts make up which files, as a text. It is cut and stored like a file, so that a small change of a large session
 * uploads a small part of it; the plan only says where it is.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { hashSchema } from '@meshbook/core/messages.ts'
import type { PartId } from '@meshbook/core/snapshot.ts'
import { type SavedFile, savedFileSchema } from '@meshbook/kernels/wire/saved-folder.ts'
import * as v from 'valibot'
import type { Plan } from '../port.ts'

export interface ListedPart {
  id: PartId
  /** Of the piece that is in it. */
  bytes: number
}

/** Files one behind the other, cut as one. */
export interface FileRow {
  files: SavedFile[]
  parts: ListedPart[]
}

const format = 1
const mostListingBytes = 8 << 20
export const mostPieceBytes = 7 << 20

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const listedSchema = v.object({ id: hashSchema, bytes: v.pipe(count, v.minValue(1), v.maxValue(mostPieceBytes)) })
const planSchema = v.object({
  format: v.literal(format),
  listing: v.pipe(v.array(listedSchema), v.minLength(1), v.maxLength(2000)),
  sha256: hashSchema,
})
export type PortablePlan = v.InferOutput<typeof planSchema>

export function planOf(listing: ListedPart[], sha256: string): Plan {
  return { format, listing, sha256 } satisfies PortablePlan
}

export function readPlan(plan: Plan): PortablePlan {
  const parsed = v.safeParse(planSchema, plan)
  if (!parsed.success) throw refused('its plan is not one of this version')
  if (parsed.output.listing.reduce((sum, { bytes }) => sum + bytes, 0) > mostListingBytes)
    throw refused('its list of parts is too long')
  return parsed.output
}

export function refused(detail: string): MeshError {
  return new MeshError('SNAPSHOT_REFUSED', { detail })
}

export function writeListing(rows: readonly FileRow[]): string {
  return rows
    .map(({ files, parts }) =>
      [
        'row',
        ...files.map(({ name, bytes, sha256 }) => `file ${name} ${bytes} ${sha256}`),
        ...parts.map(({ id, bytes }) => `part ${id} ${bytes}`),
        '',
      ].join('\n'),
    )
    .join('')
}

/** Throws SNAPSHOT_REFUSED for what does not hold together: names twice, lengths that do not add up, too much of anything. */
export function readListing(text: string, limits: Limits): FileRow[] {
  const rows: FileRow[] = []
  const names = new Set<string>()
  for (const line of text.split('\n').slice(0, -1)) {
    const [word, ...fields] = line.split(' ')
    const row = rows.at(-1)
    if (word === 'row' && fields.length === 0) rows.push({ files: [], parts: [] })
    else if (word === 'file' && row && fields.length === 3) row.files.push(fileOf(fields, names))
    else if (word === 'part' && row && fields.length === 2) row.parts.push(partOf(fields))
    else throw refused('its list of parts cannot be read')
  }
  const total = rows.reduce((sum, row) => sum + bytesOfRow(row), 0)
  if (total > limits.snapshotBytes) throw refused('it is larger than what is restored')
  if (rows.reduce((sum, { parts }) => sum + parts.length, 0) > limits.snapshotParts)
    throw refused('it has too many parts')
  return rows
}

function fileOf([name, bytes, sha256]: string[], names: Set<string>): SavedFile {
  const parsed = v.safeParse(savedFileSchema, { name, bytes: Number(bytes), sha256 })
  if (!parsed.success) throw refused('it names a file that leads elsewhere')
  if (names.has(parsed.output.name)) throw refused('it names a file twice')
  names.add(parsed.output.name)
  return parsed.output
}

function partOf([id, bytes]: string[]): ListedPart {
  const parsed = v.safeParse(listedSchema, { id, bytes: Number(bytes) })
  if (!parsed.success) throw refused('it names a part that there cannot be')
  return parsed.output
}

export function bytesOfRow({ files, parts }: FileRow): number {
  const ofFiles = files.reduce((sum, { bytes }) => sum + bytes, 0)
  const ofParts = parts.reduce((sum, { bytes }) => sum + bytes, 0)
  if (ofFiles !== ofParts) throw refused('its parts are not as long as its files')
  return ofFiles
}
