import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Version } from '@meshbook/core/api.ts'
import { authorsText, byDay, sizeText, whatText } from './version-words.ts'

const now = new Date(2026, 10, 21, 12).getTime()
const hour = 3_600_000
const version = (change: Partial<Version>): Version => ({
  version: 1,
  at: now,
  kind: 'edit',
  of: null,
  name: null,
  chars: 1,
  added: 1,
  removed: 0,
  authors: [],
  unattributed: false,
  ...change,
})
const author = (name: string, here?: boolean) => ({
  kind: 'device' as const,
  id: name,
  name,
  user: 'ada',
  ...(here && { here }),
})

test('versions stand under their day, newest first', () => {
  const days = byDay(
    [0, 1, 20, 72, 24 * 400].map(hours => version({ at: now - hours * hour })),
    now,
  )
  assert.deepEqual(
    days.map(({ title, versions }) => [title, versions.length]),
    [
      ['Today', 2],
      ['Yesterday', 1],
      ['Wednesday 18 November', 1],
      ['Friday, 17 October 2025', 1],
    ],
  )
})

test('who brought it is said as far as it is known, and this browser is called so', () => {
  const said = (change: Partial<Version>) => authorsText(version(change))
  assert.equal(said({ authors: [author('Desk'), author('Chrome', true)] }), 'Desk and This browser')
  assert.equal(said({ authors: [author('Desk'), author('Desk'), author('Phone')] }), '2 × Desk and Phone')
  assert.equal(said({ authors: [author('Desk')], unattributed: true }), 'Desk and unknown')
  assert.equal(said({ unattributed: true }), 'unknown')
})

test('the size of a change and what it was are said in words', () => {
  assert.equal(sizeText(version({ added: 1, removed: 2 })), '1 line added, 2 lines removed')
  assert.equal(sizeText(version({ added: 0, removed: 0 })), 'no change')
  assert.equal(whatText(version({ kind: 'undo', of: 3 })), 'undid version 3')
})
