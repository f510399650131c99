import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../mesh-process.ts'
import { HubProcess } from './hub-process.ts'
import { revocations } from './revocations.ts'

test('S8 RV1 RV2 a device that is shut out is cut, and nothing that it sends afterwards is taken', async t => {
  const hub = new HubProcess(join(await temporaryFolder(t), 'data'))
  t.after(() => hub.kill())
  const figures = await revocations(await hub.ready(), 15)
  assert.equal(figures.takenAfter, 0, JSON.stringify(figures))
  assert.ok(figures.takenBefore > 0 && figures.sentAfter > 0, JSON.stringify(figures))
  assert.ok(figures.p99Ms < 2_000, JSON.stringify(figures))
})
