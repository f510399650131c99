/** Two hubs on one PostgreSQL tell people once between them (NT4, NT10, NT12, NT23). */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { PushKey, Way } from '@meshbook/core/notify-api.ts'
import { hubModules } from '@meshbook/hub/store/open-store.ts'
import { completed, started, TestDevice } from '@meshbook/hub/testing/test-device.ts'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import { until } from '@meshbook/hub/testing/until.ts'
import { migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import { TestPostgres } from '../postgres.ts'
import { PushService } from '../push-service.ts'

const server = await TestPostgres.start({ after })

test('NT10 NT12 several hubs share the key; each message goes out once, whichever hub sends it, and a receipt counts at every hub', async t => {
  const { url, ownerUrl } = await server.newDatabase()
  await migratePostgres({ ownerUrl, modules: hubModules, role: new URL(url).username })
  const service = await PushService.start(t)
  const env = { MESHBOOK_DATABASE_URL: url, MESHBOOK_PUSH_SERVICES: service.origin }
  const options = { env, limits: { noticeLookMs: 15 } }
  const [a, b] = [await startTestHub(t, options), await startTestHub(t, options)]
  const { key } = await a.json<PushKey>('GET', '/push/key')
  assert.equal((await b.json<PushKey>('GET', '/push/key')).key, key)
  const phone = service.subscribe(key)
  const { id: way } = await a.json<Way>('POST', '/push/ways', { kind: 'push', subscription: phone })
  await b.json('PUT', '/push/settings', { kinds: {}, afterSeconds: 0, quiet: null, projects: [] })
  const desk = new TestDevice()
  await a.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, a.hub, [a.project.id])
  const { id: document } = await a.document('n.md', 'x')
  const count = 20
  for (let n = 0; n < count; n++) {
    const id = `run-${n}`
    await [a, b][n % 2]!.json('POST', '/runs', { id, session: id, document, language: 'python', code: id })
    const { lease } = await desk.next('LEASE', ({ lease }) => lease.run === id)
    await desk.emit(lease, 1, [started, completed])
  }
  await until(() => phone.received.length >= count, 20_000)
  await new Promise(resolve => setTimeout(resolve, 1_000))
  assert.equal(new Set(phone.received.map(({ payload }) => payload.id)).size, count)
  assert.equal(phone.attempts, count)
  const { receipt } = phone.received.at(-1)!.payload
  const headers = { 'content-type': 'application/json' }
  await fetch(`${b.hub.url}/api/v1/push/receipts`, { method: 'POST', headers, body: JSON.stringify({ receipt }) })
  const [shown] = (await a.json<{ items: Way[] }>('GET', '/push/ways')).items
  assert.deepEqual([shown!.id, shown!.confirmedAt !== null], [way, true])
  assert.deepEqual(service.wrongs, [])
})
