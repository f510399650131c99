/** A sample of `npm run soak -- slow-readers`. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../mesh-process.ts'
import { HubProcess } from './hub-process.ts'
import { slowReaders } from './slow-readers.ts'

test('S24 readers who do not read cost a bounded amount of memory, the others get everything, and they too once they read (RL30)', async t => {
  const hub = new HubProcess(join(await temporaryFolder(t), 'data'))
  t.after(() => hub.kill())
  const figures = await slowReaders(await hub.ready(), 60, 150)
  assert.equal(figures.caughtUp, 60, JSON.stringify(figures))
  assert.ok(figures.rssGrowthMiB < 200, JSON.stringify(figures))
})
