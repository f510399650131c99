/** kill -9 of the hub in the middle of calls of models: what was held is settled at its bound, and no budget is exceeded (GW26). */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ModelKey, UsageReport } from '@meshbook/core/models-api.ts'
import { startProvider } from '@meshbook/hub/testing/model-provider.ts'
import { rawRequest } from '@meshbook/hub/testing/raw-request.ts'
import { eventually, temporaryFolder } from '../mesh-process.ts'
import { type HubAddress, HubProcess } from './hub-process.ts'

const kills = 3
const callsAtOnce = 2
const microUsd = 20_000

test('GW20 GW26 kill -9 of the hub while models answer: each call costs its bound, once, and the budget holds over all kills', async t => {
  const provider = await startProvider(t, 'a-key-of-the-provider')
  provider.script = () => ({ says: ['Hello', 60_000], usage: { input: 100, output: 100 } })
  const data = join(await temporaryFolder(t), 'hub')
  let hub = new HubProcess(data, { MESHBOOK_ANTHROPIC_URL: provider.url })
  t.after(() => hub.kill())
  let at = await hub.ready()
  await asked(at, 'PUT', '/keys/anthropic', { kind: 'anthropic', value: provider.key })
  const { token } = await asked<ModelKey>(at, 'POST', '/model-keys', { name: 'program', budget: { microUsd } })
  const ask = () => model(at, token!)
  let spent = 0
  for (let kill = 1; kill <= kills; kill++) {
    const broken = Array.from({ length: callsAtOnce }, () => ask().catch(() => undefined))
    const held = await eventually('the calls are under way', async () => {
      const { heldMicroUsd } = await asked<UsageReport>(at, 'GET', '/usage')
      return provider.seen.length === kill * callsAtOnce && heldMicroUsd
    })
    await hub.kill()
    await Promise.all(broken)
    hub = new HubProcess(data, { MESHBOOK_ANTHROPIC_URL: provider.url })
    at = await hub.ready()
    spent += held
    const { total, heldMicroUsd } = await asked<UsageReport>(at, 'GET', '/usage')
    assert.deepEqual([total.calls, total.microUsd, heldMicroUsd], [kill * callsAtOnce, spent, 0])
  }
  assert.ok(spent <= microUsd, `${spent}`)
  provider.script = () => ({ usage: { input: 100, output: 100 } })
  const statuses: number[] = []
  for (let call = 0; call < 20; call++) statuses.push((await ask()).status)
  assert.deepEqual(new Set(statuses), new Set([200, 402]))
  const { total, heldMicroUsd } = await asked<UsageReport>(at, 'GET', '/usage')
  const answered = statuses.filter(status => status === 200).length
  assert.deepEqual([total.microUsd, heldMicroUsd], [spent + answered * 600, 0])
  assert.ok(total.microUsd <= microUsd, `${total.microUsd}`)
})

const model = (at: HubAddress, token: string) =>
  rawRequest(`${at.url}/gateway/anthropic/v1/messages`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'anthropic-version': '2023-06-01',
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      ...{ model: 'claude-haiku-4-5', max_tokens: 100, stream: true },
      messages: [{ role: 'user', content: 'Hello' }],
    }),
  })

async function asked<T>(at: HubAddress, method: string, path: string, body?: object): Promise<T> {
  const answer = await fetch(`${at.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${at.token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`)
  return (await answer.json()) as T
}
