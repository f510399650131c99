import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import fc from 'fast-check'
import { decodeFacts, encodeFacts } from './facts-index.ts'
import type { UpdateFacts } from './update-facts.ts'

const clock = fc.integer({ min: 0, max: 2 ** 50 })
const ranges = fc.uniqueArray(clock, { maxLength: 8 }).map(numbers => numbers.sort((a, b) => a - b))
const facts: fc.Arbitrary<UpdateFacts> = fc.record({
  structs: fc.array(fc.tuple(clock, clock, clock), { maxLength: 5 }),
  deletes: fc.array(fc.tuple(clock, ranges), { maxLength: 5 }).map(entries => new Map(entries)),
})

test('the facts of a snapshot come back as they were (RL56)', () => {
  fc.assert(fc.property(facts, some => assert.deepEqual(decodeFacts(encodeFacts(some)), { ...some })))
})

test('facts that are cut off are an error of the store, never fewer facts (RL56)', () => {
  const whole = encodeFacts({ structs: [[1, 0, 300]], deletes: new Map([[1, [5, 9]]]) })
  for (let length = 0; length < whole.byteLength; length++)
    assert.throws(
      () => decodeFacts(whole.subarray(0, length)),
      error => error instanceof MeshError && error.code === 'STORAGE_FAILED',
    )
})
