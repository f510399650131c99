import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browserName, endedHere, endedThere, hasEnded } from './pairing-words.ts'

test('a browser says what it is in words that its owner knows', () => {
  const android =
    'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36'
  const iphone =
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1'
  assert.equal(browserName(android), 'Chrome on Android')
  assert.equal(browserName(iphone), 'Safari on iPhone')
  assert.equal(
    browserName('Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0'),
    'Firefox on Windows',
  )
  assert.equal(browserName('curl'), 'A browser')
})

test('PR6 every end of a pairing says what to do, on both screens', () => {
  for (const state of ['denied', 'cancelled', 'expired'] as const) {
    assert.ok(hasEnded(state))
    for (const words of [endedHere, endedThere]) assert.match(words[state], /new (code|one)/)
  }
  for (const state of ['waiting', 'claimed', 'done'] as const) assert.equal(hasEnded(state), false)
})
