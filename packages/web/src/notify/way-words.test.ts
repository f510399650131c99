import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WayTest } from '@meshbook/core/notify-api.ts'
import { awaitsWords, failureOf, healthOf, testWords } from './way-words.ts'

const failure = { at: 5_000, code: 'not-accepted' as const, detail: 'answered 403', next: 'Subscribe again.' }
const made: WayTest = { id: 't', station: 'made', madeAt: 1, acceptedAt: null, confirmedAt: null, failure: null }
const push = { kind: 'push' as const, host: 'push.example' }

test('NT20 PH51 a way says when the phone confirmed last, and does not say more than is known', () => {
  assert.match(healthOf({ kind: 'push', acceptedAt: 1, confirmedAt: 2 }, 10), /^Push last confirmed at /)
  assert.match(
    healthOf({ kind: 'push', acceptedAt: 1, confirmedAt: null }, 10),
    /^Last accepted at .*, never confirmed$/,
  )
  assert.match(healthOf({ kind: 'ntfy', acceptedAt: 1, confirmedAt: null }, 10), /^Last accepted at [^,]+$/)
  assert.equal(healthOf({ kind: 'push', acceptedAt: null, confirmedAt: null }, 10), 'Nothing was sent this way yet')
})

test('NT20 PH51 a failure is said with its next step, until it has worked again', () => {
  assert.equal(failureOf({ failure: null, acceptedAt: 1 }, 10), undefined)
  assert.match(
    failureOf({ failure, acceptedAt: 4_000 }, 9_000)!.text,
    /^Failed at .*: answered 403\. Subscribe again\.$/,
  )
  const over = failureOf({ failure, acceptedAt: 6_000 }, 9_000)
  assert.ok(over?.isOver && over.text.endsWith('It has worked since.'))
})

test('NT31 an address says that it awaits its code, until when, and that another one is needed', () => {
  const shown = 'ad…@example.org'
  assert.equal(awaitsWords({ codeUntil: null, shown }, 10), undefined)
  assert.match(awaitsWords({ codeUntil: 20, shown }, 10)!, /^A code was sent to ad…@example\.org, good until .*Type it/)
  for (const codeUntil of [0, 10]) assert.match(awaitsWords({ codeUntil, shown }, 10)!, /Have another one sent\.$/)
})

test('NT21 PH51 a test names the station where it ended', () => {
  const accepted: WayTest = { ...made, station: 'accepted', acceptedAt: 2 }
  const says = (test: WayTest, way: Parameters<typeof testWords>[1], isUnderWay: boolean) =>
    testWords(test, way, isUnderWay, 10)
  assert.match(
    says({ ...made, failure }, push, false),
    /^It ended at the hub: made, but push\.example did not accept it\.$/,
  )
  assert.match(says(made, push, true), /Waiting for push\.example/)
  assert.match(says(accepted, push, true), /Waiting for the phone/)
  assert.match(says(accepted, push, false), /^It ended at push\.example: accepted, but not shown/)
  assert.equal(says(accepted, { kind: 'ntfy', host: 'ntfy.sh' }, false), 'ntfy.sh accepted it.')
  assert.match(says({ ...accepted, station: 'confirmed', confirmedAt: 3 }, push, false), /^It went the whole way/)
})
