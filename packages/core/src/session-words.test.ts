import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  asOfWords,
  clockWords,
  freshnessOf,
  hasMoveEnded,
  heldBy,
  insideWords,
  movingWords,
  type Saved,
  savedWords,
  shareOf,
  sizeWords,
} from './session-words.ts'

const at = new Date(2026, 4, 3, 14, 2, 30).getTime()
const now = at + 60_000
const saved = (change: Partial<Saved> = {}): Saved => ({
  snapshot: 'snp_01' as Saved['snapshot'],
  asOf: { at, run: null },
  kind: 'image',
  bytes: 38_000,
  behind: 0,
  state: 'saved',
  ...change,
})

test('sizes have three figures at most, and the next unit begins where it is shorter', () => {
  const words = [0, 999, 1_000, 38_400, 999_499, 999_600, 1_234_000, 12_340_000, 1_171_000_000].map(sizeWords)
  assert.deepEqual(words, ['0 B', '999 B', '1 KB', '38 KB', '999 KB', '1.0 MB', '1.2 MB', '12 MB', '1.2 GB'])
})

test('a time of today is a time; of another day it has the date', () => {
  assert.equal(clockWords(at, now), '14:02')
  assert.match(clockWords(at - 86_400_000, now), /2.*14:02/)
})

test('how fresh a saved state is, is said with the number of cells that are missing', () => {
  assert.equal(asOfWords(saved(), now), 'as of 14:02')
  assert.equal(asOfWords(saved({ behind: 1 }), now), 'as of 14:02, 1 cell behind')
  assert.equal(asOfWords(saved({ behind: 3 }), now), 'as of 14:02, 3 cells behind')
  assert.equal(asOfWords({ asOf: null, behind: 2 }, now), 'nothing saved yet')
})

test('a session with nothing saved is not yet movable; a failure is said also where an older state is there', () => {
  const none = { snapshot: null, asOf: null, kind: null, bytes: 0 }
  assert.equal(savedWords(saved({ ...none, state: 'none' }), now), 'not yet movable')
  assert.equal(savedWords(saved({ ...none, state: 'saving' }), now), 'not yet movable: saving')
  assert.equal(savedWords(saved({ ...none, state: 'failed' }), now), 'saving failed')
  assert.equal(savedWords(saved({ ...none, state: 'off' }), now), 'not saved')
  assert.equal(savedWords(saved({ state: 'failed', behind: 2 }), now), 'as of 14:02, 2 cells behind (saving failed)')
  assert.deepEqual(
    [
      saved(),
      saved({ behind: 1 }),
      saved({ state: 'saving' }),
      saved({ state: 'failed' }),
      saved({ state: 'off' }),
    ].map(freshnessOf),
    ['current', 'behind', 'saving', 'failed', 'current'],
  )
})

test('a move says its phase, and bytes where bytes are counted', () => {
  assert.equal(
    movingWords({ phase: 'fetch', done: 38_000_000, total: 120_000_000 }),
    'Fetching its state: 38 MB of 120 MB',
  )
  assert.equal(movingWords({ phase: 'start', done: 1, total: 1 }), 'Starting it…')
  assert.equal(movingWords({ phase: 'open', done: 0, total: 0 }), 'Opening its state…')
  assert.equal(shareOf({ done: 0, total: 0 }), undefined)
  assert.equal(shareOf({ done: 5, total: 4 }), 1)
  assert.deepEqual(
    (['waiting', 'saving', 'restoring', 'done', 'failed', 'cancelled'] as const).map(state => hasMoveEnded({ state })),
    [false, false, false, true, true, true],
  )
})

test('a run that waits for a device that does not answer is told from its reasons', () => {
  assert.deepEqual(heldBy(['It is live there.', 'Waiting for MacBook (12 s)']), { device: 'MacBook', seconds: 12 })
  assert.deepEqual(heldBy(['Waiting for Ada (old) (3 s)']), { device: 'Ada (old)', seconds: 3 })
  assert.equal(heldBy(['Waiting for a device.']), undefined)
})

test('what is inside is named by its largest variables, and the rest is counted', () => {
  const inside = { variables: [], more: 0, processes: 1, threads: 1 }
  assert.equal(insideWords(inside), 'no variables')
  const variables = [{ name: 'a' }, { name: 'df', bytes: 1_171_000_000 }, { name: 'x', bytes: 28 }]
  assert.equal(insideWords({ ...inside, variables, more: 4 }), 'df (1.2 GB), x (28 B), a and 4 more')
  assert.equal(
    insideWords({ variables: [], more: 12, processes: 3, threads: 5 }),
    '12 variables; 3 processes; 5 threads',
  )
})
