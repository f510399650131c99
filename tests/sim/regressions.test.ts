import './world/take-over.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from './simulate.ts'
import { slowStores } from './world/slow-store.ts'

/** Seeds whose worlds showed a bug of the product, by what was mended. */
const mended: readonly [what: string, ...seeds: number[]][] = [
  ['a reader that leaves with a full backlog does not hang the hub (RL30)', 19],
  ['a new file whose first row could not be stored is not let go (DV44)', 223, 319, 604, 849, 1619, 2169],
  ['what a device set aside before it forgot everything removes nothing (DV24)', 1542],
  ['a stream that the hub ended for its disk is opened again (DV15)', 27, 136],
  ['a move that was cut off before it was noted is no deletion (DV26)', 571],
  ['a file that a power cut takes back from the trash does not come back as a document (DV27)', 921],
  ['what comes to a document while it goes to rest is in its file (DV44)', 5307, 8077, 8559, 9072, 9203],
  ['a document that is open before its folder is attached keeps its file up to date (DV44)', 7048],
  ['a file that was replaced between a swap and a power cut had the swapped-in text (DV25)', 1788],
  ['what a crash left of a file that was set aside long ago by the clock brings nothing back (DV24)', 9476],
  ['a line that was continued elsewhere is not doubled by an older buffer (DV23)', 4438],
  ['a clock that is set back does not keep a deleted file (DV26)', 4883, 4973, 5865, 7037],
  ['a file that could not be made before the device was stopped is no deletion (DV26)', 3600],
  ['a recovery that the disk refused is done before anything else happens to the file (DV25)', 4333],
  ['what was left from before a device forgot everything undoes no write (DV25)', 8403, 13760, 16442, 17093],
  ['a text of the hub that the disk refused is stored as soon as it takes it (DV61)', 896],
  ['a write that the store refused leaves no private name (DV25)', 12974],
  ['a file that was renamed after a kill in the middle of its write has the new text (DV25)', 2009, 3431],
  ['a delete from elsewhere that the disk refused is made as soon as it takes it (DV27)', 28469],
  ['a document gets no file that another has not left yet (DV27)', 18113],
  ['a folder whose first attempt was closed leaves nothing open (DV44)', 71],
]

for (const [what, ...seeds] of mended)
  test(`mended: ${what}`, async () => {
    for (const seed of seeds) assert.deepEqual((await simulate(seed)).failures, [], `seed ${seed}`)
  })

test('mended: what a slow disk stores when its document was let go already is in its file (DV44)', async () => {
  for (const seed of [59, 84, 142])
    assert.deepEqual((await simulate(seed, { variations: slowStores })).failures, [], `seed ${seed}`)
})

test('mended: a file whose move could not be stored is known where it is (DV27)', async () => {
  assert.deepEqual((await simulate(851, { variations: slowStores })).failures, [], 'seed 851')
})
