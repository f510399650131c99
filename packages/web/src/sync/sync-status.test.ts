import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { peersOf } from './peers.ts'
import { losesWork, type SyncFacts, syncStatus, syncText } from './sync-status.ts'

const facts = fc.record({
  connected: fc.boolean(),
  caughtUp: fc.boolean(),
  unacked: fc.nat(3),
  unstored: fc.nat(3),
  storeFailed: fc.boolean(),
  refused: fc.constantFrom(undefined, 'You may not do this'),
}) as fc.Arbitrary<SyncFacts>

test('"Synced" is said exactly when all is durable on the hub and nothing is refused (I1)', () => {
  fc.assert(
    fc.property(facts, now => {
      const durable = now.connected && now.caughtUp && now.unacked === 0 && now.refused === undefined
      assert.equal(syncText(syncStatus(now)) === 'Synced ✓', durable)
    }),
  )
})

test('"saved locally" is never said while this browser has not stored the changes', () => {
  fc.assert(
    fc.property(facts, now => {
      if (syncText(syncStatus(now)) !== 'Offline, changes saved locally') return
      assert.ok(!now.storeFailed && now.unstored === 0 && now.unacked > 0)
    }),
  )
})

test('closing the page is warned about only when work would be lost', () => {
  const base = { connected: false, caughtUp: false, unacked: 1, unstored: 0, storeFailed: false, refused: undefined }
  assert.equal(losesWork(base), false)
  assert.equal(losesWork({ ...base, storeFailed: true }), true)
  assert.equal(losesWork({ ...base, storeFailed: true, unacked: 0 }), false)
})

test('what strangers say of themselves is shown as a short name and nothing else', () => {
  const states = new Map<number, unknown>([
    [1, { user: { name: 'me' } }],
    [2, { user: { name: 'x'.repeat(500) } }],
    [3, null],
    [4, { user: 'text' }],
  ])
  const peers = peersOf(states, 1)
  assert.deepEqual(
    peers.map(peer => peer.name.length),
    [60, 5, 5],
  )
})
