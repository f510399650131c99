/**
 * What stands in a document's row in place of a snapshot that is an object: a mark that no V1 update can begin with
 * (its first number is longer than any that is read), and then JSON. Pure. The name holds the epoch, the position and
 * the time, so that a listing alone tells what cannot be of use any more.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { DocumentKey } from '@meshbook/relay/store/document-store.ts'
import * as v from 'valibot'

const mark = Buffer.concat([Buffer.alloc(12, 0xff), Buffer.from('meshbook object\n')])

const schema = v.strictObject({
  name: v.pipe(v.string(), v.maxLength(400)),
  bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
})
export type SnapshotReference = v.InferOutput<typeof schema>

export function isReference(data: Uint8Array): boolean {
  return data.byteLength >= mark.length && mark.equals(data.subarray(0, mark.length))
}

export function writeReference(reference: SnapshotReference): Uint8Array {
  return new Uint8Array(Buffer.concat([mark, Buffer.from(JSON.stringify(reference))]))
}

export function readReference(data: Uint8Array): SnapshotReference {
  try {
    return v.parse(schema, JSON.parse(Buffer.from(data.subarray(mark.length)).toString('utf8')))
  } catch (cause) {
    throw new MeshError('STORAGE_FAILED', { detail: 'the reference to a snapshot cannot be read', cause })
  }
}

export interface SnapshotName {
  epoch: number
  position: number
  madeAt: number
}

export function folderOf({ org, document }: DocumentKey): string {
  return `${org}/${document}/`
}

export function nameOf(key: DocumentKey, { epoch, position, madeAt }: SnapshotName, chance: string): string {
  return `${folderOf(key)}${epoch}-${position}-${madeAt}-${chance}`
}

/** Undefined for what is none of ours. */
export function parseName(name: string): (SnapshotName & { org: string; document: string }) | undefined {
  const match = /^([^/]+)\/([^/]+)\/(\d{1,15})-(\d{1,15})-(\d{1,15})-[0-9a-z]+$/.exec(name)
  if (!match) return undefined
  const [, org = '', document = '', epoch, position, madeAt] = match
  return { org, document, epoch: Number(epoch), position: Number(position), madeAt: Number(madeAt) }
}
