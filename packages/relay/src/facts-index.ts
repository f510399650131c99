/**
 * The facts of a snapshot in a few bytes, stored beside it: so that a large document can be served at once, without
 * reading through its content first.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import type { UpdateFacts } from './update-facts.ts'

/** Numbers as varuints: the clients with their first and last clocks, then each client's deleted ranges, as differences. */
export function encodeFacts({ structs, deletes }: UpdateFacts): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, structs.length)
  for (const numbers of structs) for (const number of numbers) encoding.writeVarUint(encoder, number)
  encoding.writeVarUint(encoder, deletes.size)
  for (const [client, ranges] of deletes) {
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, ranges.length)
    let last = 0
    for (const number of ranges) {
      encoding.writeVarUint(encoder, number - last)
      last = number
    }
  }
  return encoding.toUint8Array(encoder)
}

/** Throws STORAGE_FAILED for bytes that are not whole. */
export function decodeFacts(bytes: Uint8Array): UpdateFacts {
  try {
    const decoder = decoding.createDecoder(bytes)
    const read = () => decoding.readVarUint(decoder)
    const structs = times(read(), (): UpdateFacts['structs'][number] => [read(), read(), read()])
    return { structs, deletes: new Map(times(read(), () => [read(), readRanges(read)])) }
  } catch (cause) {
    throw new MeshError('STORAGE_FAILED', { detail: 'the index of a snapshot cannot be read', cause })
  }
}

function readRanges(read: () => number): number[] {
  let last = 0
  return times(read(), () => {
    last += read()
    return last
  })
}

function times<T>(count: number, make: () => T): T[] {
  const made: T[] = []
  for (let i = 0; i < count; i++) made.push(make())
  return made
}
