import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Gate } from '@meshbook/core/api.ts'
import { type Fence, parseFence } from '@meshbook/core/ids.ts'
import { newerGate, newerRun } from './newer-word.ts'

const gate = (more: Partial<Gate>): Gate => ({ id: 'gate', state: 'open', receivedAt: null, ...more }) as Gate

test('an answer that comes after the event of what happened since takes nothing back', () => {
  const received = gate({ state: 'approved', receivedAt: 5 })
  assert.equal(newerGate(received, gate({ state: 'approved' })), received)
  assert.equal(newerGate(received, gate({})), received)
  assert.equal(newerGate(gate({ state: 'approved' }), received), received)
  assert.equal(newerGate(undefined, received), received)
})

test('the text of a gate stays when an event comes without it, and comes with a late answer', () => {
  assert.deepEqual(
    newerGate(gate({ shown: 'rm' }), gate({ state: 'rejected' })),
    gate({ state: 'rejected', shown: 'rm' }),
  )
  assert.deepEqual(
    newerGate(gate({ state: 'rejected' }), gate({ shown: 'rm' })),
    gate({ state: 'rejected', shown: 'rm' }),
  )
})

test('of two words about a run the one after its end, of the higher fence or of the longer log counts', () => {
  const run = (endedAt: number | null, fence: Fence | null, seq: number) => ({ endedAt, fence, seq })
  const order = [
    run(null, null, 0),
    run(null, parseFence(1), 1),
    run(null, parseFence(1), 4),
    run(null, parseFence(2), 0),
    run(9, parseFence(2), 3),
  ]
  for (const [i, first] of order.entries())
    for (const second of order.slice(i)) {
      assert.equal(newerRun(first, second), second)
      assert.equal(newerRun(second, first), second)
    }
})

test('of two words that say as much the last one counts: a name or a reason has changed', () => {
  const [one, other] = [gate({ title: 'one' }), gate({ title: 'other' })]
  assert.equal(newerGate(one, other), other)
})
