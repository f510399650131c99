import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import { parseHubConfig } from '../config.ts'
import { completed, started, stdout, TestDevice } from '../testing/test-device.ts'
import { startTestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'

test('RU40 RU42 a log expires by the setting of the hub: 410 for its events, while the run is still known', async t => {
  const env = { MESHBOOK_RUN_RETENTION_DAYS: '0.25' }
  const s = await startTestHub(t, { env, limits: { runRetentionMs: 240 } })
  const desk = new TestDevice()
  await s.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, s.hub, [s.project.id])
  const { id: document } = await s.document('a.md')
  const run = (id: string, session: string) =>
    s.json<Run>('POST', '/runs', { id, document, language: 'python', code: '1', session })
  await run('ended', 'one')
  const { lease } = await desk.next('LEASE')
  const at = Date.now()
  await desk.emit(lease, 1, [started, stdout('a'), { ...completed, at } as typeof completed])
  await run('going', 'two')
  await desk.emit((await desk.next('LEASE')).lease, 1, [started])
  const events = (id: string) => s.api('GET', `/runs/${id}/events`)
  await new Promise(resolve => setTimeout(resolve, 600))
  assert.equal((await events('ended')).status, 200)
  s.clock.offsetMs += 6 * 3_600_000 + 1_000
  await until(async () => (await s.json<Run>('GET', '/runs/ended')).logExpiredAt !== null)
  const gone = await events('ended')
  assert.deepEqual([gone.status, ((await gone.json()) as { code: string }).code], [410, 'LOG_EXPIRED'])
  const { status, seq, durationMs } = await s.json<Run>('GET', '/runs/ended')
  assert.deepEqual([status, seq, durationMs], ['completed', 3, 5])
  assert.equal((await s.json<Run>('GET', '/runs/going')).logExpiredAt, null)
})

test('RU40 the setting is a number of days', () => {
  const days = (text?: string) => parseHubConfig(text === undefined ? {} : { MESHBOOK_RUN_RETENTION_DAYS: text })
  assert.deepEqual([days().runRetentionDays, days('7').runRetentionDays], [30, 7])
  for (const wrong of ['0', '-1', 'week', '1e9']) assert.throws(() => days(wrong), { code: 'BAD_CONFIG' })
})
