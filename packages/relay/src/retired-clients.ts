/**
 * The Yjs clients of a document's earlier epochs. Whoever still holds text of theirs, and knows no epochs, holds the
 * content of before: merged with what took its place, all of it would stand there twice.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import type { UpdateFacts } from './update-facts.ts'

const none: ReadonlySet<number> = new Set()

/** Those of the content that ends now, then those that were retired before it; `most` in all. */
export function retire(ending: readonly UpdateFacts[], before: Uint8Array | undefined, most: number): Uint8Array {
  const clients = new Set(ending.flatMap(({ structs }) => structs.map(([client]) => client)))
  for (const client of readRetired(before)) clients.add(client)
  const kept = [...clients].slice(0, most)
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, kept.length)
  for (const client of kept) encoding.writeVarUint(encoder, client)
  return encoding.toUint8Array(encoder)
}

/** Throws STORAGE_FAILED for bytes that are not whole. */
export function readRetired(bytes: Uint8Array | undefined): ReadonlySet<number> {
  if (!bytes) return none
  try {
    const decoder = decoding.createDecoder(bytes)
    const clients = new Set<number>()
    for (let count = decoding.readVarUint(decoder); count > 0; count--) clients.add(decoding.readVarUint(decoder))
    return clients
  } catch (cause) {
    throw new MeshError('STORAGE_FAILED', { detail: 'the retired clients of a document cannot be read', cause })
  }
}
