/** A sample of `npm run soak -- malformed`. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../mesh-process.ts'
import { HubProcess } from './hub-process.ts'
import { attackHub, attackRelay } from './malformed.ts'

test('hostile frames over real sockets: the hub goes on, and who is honest notices nothing (I3, I10, S2, S3, RL20)', async t => {
  const hub = new HubProcess(join(await temporaryFolder(t), 'data'))
  t.after(() => hub.kill())
  const figures = await attackHub(await hub.ready(), 21, 4_000, () => undefined)
  assert.equal(hub.child.exitCode, null, hub.errors)
  assert.ok(figures.connections > 100, JSON.stringify(figures))
  assert.ok(figures.longestHangMs < 1_000 && figures.rssGrowthMiB < 150, JSON.stringify(figures))
})

test('hostile frames straight into a relay: none is taken, none holds it up (I3, I10, RL20, RL26)', async () => {
  const figures = await attackRelay(22, 20_000)
  assert.ok(figures.connections > 1_000 && figures.longestHangMs < 1_000, JSON.stringify(figures))
})
