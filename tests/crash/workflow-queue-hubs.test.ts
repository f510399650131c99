/** Two hubs on one PostgreSQL and one Redis share the runs that one of them was given; one is killed, and all end. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import type { WorkflowRun } from '@meshbook/core/workflows-api.ts'
import { eventually, temporaryFolder } from '../mesh-process.ts'
import { onDatabase, TestPostgres } from '../postgres.ts'
import { TestRedis } from '../redis.ts'
import { type HubAddress, HubProcess } from './hub-process.ts'

const server = await TestPostgres.start({ after })
const runs = 24
/** So that one hub has no room for all of them. */
const limits = { workflowsAtOnce: 8, workflowDueMs: 200, workflowRestMs: 60_000, leaseMs: 3_000, queueLockMs: 2_000 }

/** Answers the first step when it is let go, and counts what had its effect. */
async function startEffects() {
  const keys: string[] = []
  const waiting: (() => void)[] = []
  let isOpen = false
  const answering = createServer((request, response) => {
    keys.push(String(request.headers['idempotency-key']))
    request.resume()
    const answer = (): void =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ n: 1 }))
    if (isOpen) answer()
    else waiting.push(answer)
  })
  answering.listen(0, '127.0.0.1')
  await once(answering, 'listening')
  const open = (): void => {
    isOpen = true
    for (const answer of waiting.splice(0)) answer()
  }
  const close = (): void => {
    answering.closeAllConnections()
    answering.close()
  }
  return { keys, open, close, url: `http://127.0.0.1:${(answering.address() as AddressInfo).port}/` }
}

test('WQ80 WQ82 WQ85 runs given to one hub are shared by both by the queue; one is killed, and all end', async t => {
  const [redis, database, effects] = [await TestRedis.start(t), await server.newDatabase(), await startEffects()]
  t.after(effects.close)
  const env = {
    ...{ MESHBOOK_DATABASE_URL: database.url, MESHBOOK_DATABASE_OWNER_URL: database.ownerUrl },
    ...{ MESHBOOK_REDIS_URL: redis.url, MESHBOOK_WORKFLOWS_PRIVATE: '1', MESHBOOK_RATE_LIMITS: 'off' },
  }
  const begin = async (): Promise<{ hub: HubProcess; at: HubAddress }> => {
    const hub = new HubProcess(await temporaryFolder(t), env, [], limits)
    t.after(() => hub.kill())
    return { hub, at: await hub.ready() }
  }
  const [given, other] = [await begin(), await begin()]
  const api = async <T>({ at }: { at: HubAddress }, method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await fetch(`${at.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${at.token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
    return JSON.parse(text) as T
  }
  const call = { http: { url: effects.url, method: 'POST', body: 'x' } }
  const steps = { first: call, second: { needs: ['first'], ...call } }
  const files = { 'two.yaml': JSON.stringify({ meshbook: 'workflow/v1', name: 'two', steps }) }
  const ids = Array.from({ length: runs }, (_, i) => `run_shared${i}`)
  for (const id of ids) await api(given, 'POST', '/workflow-runs', { id, file: 'two.yaml', files })
  const held = (): Promise<number[]> =>
    onDatabase(database.ownerUrl, async client => {
      await client.query("SELECT set_config('meshbook.org', '*', false)")
      const sql = 'SELECT COUNT(*)::int AS n FROM workflow_runs WHERE executor IS NOT NULL GROUP BY executor'
      return (await client.query<{ n: number }>(sql)).rows.map(({ n }) => n)
    })
  await eventually('both hubs are full, and neither has more than its room', async () => {
    const counts = await held()
    assert.ok(
      counts.every(n => n <= limits.workflowsAtOnce),
      String(counts),
    )
    return counts.length === 2 && counts.every(n => n === limits.workflowsAtOnce)
  })
  await given.hub.kill()
  effects.open()
  await eventually('all have ended', async () => {
    const { items } = await api<{ items: WorkflowRun[] }>(other, 'GET', '/workflow-runs?open=1&limit=200')
    return items.length === 0
  })
  for (const id of ids) {
    const { status } = await api<WorkflowRun>(other, 'GET', `/workflow-runs/${id}`)
    assert.equal(status, 'completed', id)
  }
  // Nobody knows of the calls of the hub that was killed: they come again, under the same key.
  assert.equal(new Set(effects.keys).size, 2 * runs)
})
