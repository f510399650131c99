/** A sample of `npm run soak -- power-cut`: kill -9 proves nothing about fsync, since the page cache survives it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canTrace } from './can-trace.ts'
import { cutDevice, recordDevice } from './power-cut/device-cuts.ts'
import { cutStore, recordStore } from './power-cut/store-cuts.ts'

const needsStrace = !canTrace && 'needs strace'

test('a power cut at any write loses nothing that was acknowledged, and leaves a store that goes on (I1, I9, RL51, RL80)', {
  skip: needsStrace,
}, async () => {
  const figures = await cutStore(await recordStore(11, 300), 11, 60)
  assert.equal(figures.lossy, 0, figures.firstLoss)
  assert.ok(figures.withChangesAtRisk > 30, JSON.stringify(figures))
})

test('the model finds what is wrong: without fsync, or with a late one, acknowledged edits are gone at most points', {
  skip: needsStrace,
}, async () => {
  for (const planted of ['no-fsync.ts', 'late-fsync.ts']) {
    const figures = await cutStore(await recordStore(12, 200, planted), 12, 12)
    assert.ok(figures.lossy > 4, `${planted}: ${JSON.stringify(figures)}`)
    assert.match(figures.firstLoss ?? '', /gone|malformed|missing|file is not a database/)
  }
})

test('a power cut while a device writes a file leaves the old or the new one whole, and every acknowledged line comes back (I13, DV24, DV25)', {
  skip: needsStrace,
}, async () => {
  const figures = await cutDevice(await recordDevice(60), 13, 60, 12)
  assert.deepEqual([figures.torn, figures.lossy], [0, 0], figures.firstLoss)
})
