import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import { temporaryFolder } from '../mesh-process.ts'
import { TestPostgres } from '../postgres.ts'
import { startHubPair } from './hub-pair.ts'
import { HubProcess } from './hub-process.ts'
import { type RevocationFigures, revocations } from './revocations.ts'

const postgres = await TestPostgres.start({ after })

function check(figures: RevocationFigures): void {
  assert.equal(figures.takenAfter, 0, JSON.stringify(figures))
  assert.ok(figures.takenBefore > 0 && figures.sentAfter > 0, JSON.stringify(figures))
}

test('S8 RV1 RV2 a device that is shut out is cut, and nothing that it sends afterwards is taken', async t => {
  const hub = new HubProcess(join(await temporaryFolder(t), 'data'))
  t.after(() => hub.kill())
  const figures = await revocations(await hub.ready(), 15)
  check(figures)
  assert.ok(figures.p99Ms < 2_000, JSON.stringify(figures))
})

for (const redis of [true, false])
  test(`S8 CH4 CH10 RV2 the same where another hub is asked, ${redis ? 'with' : 'without'} Redis`, async t => {
    const { holder, other } = await startHubPair(t, postgres, { redis })
    const figures = await revocations(holder, 6, other)
    assert.ok(figures.p99Ms < limits.neighbourPollMs + 2_000, JSON.stringify(figures))
    check(figures)
  })
