/** kill -9 of the hub while it tells people: what was made is told, and what was confirmed as taken is not told twice (NT4, NT12, I9). */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PushKey, Way } from '@meshbook/core/notify-api.ts'
import { completed, started, TestDevice } from '@meshbook/hub/testing/test-device.ts'
import { temporaryFolder } from '../mesh-process.ts'
import { PushService } from '../push-service.ts'
import { type HubAddress, HubProcess } from './hub-process.ts'

const kills = 4

test('NT4 NT12 kill -9 of the hub at any moment: each end of a run that was acknowledged is told, and what was taken is told once', async t => {
  const service = await PushService.start(t)
  const data = join(await temporaryFolder(t), 'hub')
  const env = { MESHBOOK_PUSH_SERVICES: service.origin }
  let hub = new HubProcess(data, env)
  t.after(() => hub.kill())
  let at = await hub.ready()
  const { key } = await asked<PushKey>(at, 'GET', '/push/key')
  const phone = service.subscribe(key)
  // The token of the command line is another one after each start, and a way goes with what it was made with (NT23).
  const { token } = await asked<{ token: string }>(at, 'POST', '/tokens', { name: 'phone' })
  const subscribed = { kind: 'push', subscription: phone }
  const { id: way } = await asked<Way>({ ...at, token }, 'POST', '/push/ways', subscribed)
  await asked(at, 'PUT', '/push/settings', { kinds: {}, afterSeconds: 0, quiet: null, projects: [] })
  const { id: document } = await asked<{ id: string }>(at, 'POST', '/documents', { project: at.project, path: 'n.md' })
  const device = new TestDevice()
  await asked(at, 'POST', '/devices', { publicKey: device.publicKey, name: 'Desk', kind: 'desktop' })
  const told = (): string[] => phone.received.map(({ payload }) => String(payload.url))
  const acknowledged: string[] = []
  for (let kill = 0; kill < kills; kill++) {
    await device.join(t, { url: at.url } as Parameters<TestDevice['join']>[1], [at.project as never])
    for (let n = 0; n < 3; n++) {
      const id = `run-${kill}-${n}`
      await asked(at, 'POST', '/runs', { id, session: id, document, language: 'python', code: id })
      const { lease } = await device.next('LEASE', ({ lease }) => lease.run === id)
      await device.emit(lease, 1, [started, completed])
      acknowledged.push(`/m/runs/${id}`)
    }
    await sleep(kill * 230)
    await hub.kill()
    hub = new HubProcess(data, env)
    at = await hub.ready()
    assert.equal((await asked<PushKey>(at, 'GET', '/push/key')).key, key)
  }
  // One that was taken and not noted is told again once its lease is over, which is longer than this test waits.
  const deadline = performance.now() + 15_000
  const missing = (): string[] => acknowledged.filter(url => !told().includes(url))
  while (missing().length > 0 && performance.now() < deadline) await sleep(50)
  assert.deepEqual(missing(), [])
  await sleep(1_500)
  const twice = told().filter((url, n, all) => all.indexOf(url) !== n)
  assert.deepEqual(twice, [])
  assert.deepEqual(service.wrongs, [])
  const ways = await asked<{ items: Way[] }>(at, 'GET', '/push/ways')
  assert.deepEqual(
    ways.items.map(({ id }) => id),
    [way],
  )
})

async function asked<T>(at: HubAddress, method: string, path: string, body?: object): Promise<T> {
  const answer = await fetch(`${at.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${at.token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
  return (text === '' ? undefined : JSON.parse(text)) as T
}
