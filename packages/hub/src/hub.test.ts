import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import { completed, started, stdout, TestDevice } from './testing/test-device.ts'
import { startTestHub } from './testing/test-hub.ts'

test('a run goes from POST to its device and back to the log', async t => {
  const { hub, json, project, document } = await startTestHub(t)
  const device = new TestDevice()
  assert.equal(await hub.registerDevice(device.publicKey, 'Desk', 'desktop'), device.id)
  await device.join(t, hub, [project.id])
  const { id } = await document('a.md', '# A\n')
  const run = await json<Run>('POST', '/runs', { document: id, language: 'python', code: 'print(1)' })
  assert.equal(run.status, 'queued')
  const { lease } = await device.next('LEASE')
  assert.equal(lease.run, run.id)
  assert.equal(lease.code, 'print(1)')
  const ack = await device.emit(lease, 1, [started, stdout('1\n'), completed])
  assert.equal(ack.seq, 3)
  const done = await json<Run>('GET', `/runs/${run.id}`)
  assert.equal(done.status, 'completed')
  assert.equal(done.deviceName, 'Desk')
  assert.equal(done.path, 'a.md')
})
