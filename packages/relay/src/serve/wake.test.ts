import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { Wake } from './wake.ts'

test('a reader that sleeps many times leaves one listener on the signal while it sleeps, and none afterwards', async () => {
  const [wake, stop] = [new Wake(), new AbortController()]
  for (let i = 0; i < 100; i++) {
    const slept = wake.sleep(stop.signal)
    assert.equal(getEventListeners(stop.signal, 'abort').length, 1)
    wake.wake()
    await slept
  }
  assert.equal(getEventListeners(stop.signal, 'abort').length, 0)
  const last = wake.sleep(stop.signal)
  stop.abort()
  await last
  await wake.sleep(stop.signal)
})
