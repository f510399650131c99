/**
 * What every database must do about keys and calls of models: the same procedures, with the same answers, on SQLite and on
 * PostgreSQL; and a budget that a hundred calls beside each other do not exceed, through one hub and through two.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ModelCallId, newId, type OrgId, parseRunId, systemRandom, type UserId } from '@meshbook/core/ids.ts'
import { noUsage } from '@meshbook/core/model-prices.ts'
import type { ModelKey, UsageReport } from '@meshbook/core/models-api.ts'
import type { BudgetHolder } from '@meshbook/hub/store/model-calls.ts'
import { type AllProcedures, hubModules } from '@meshbook/hub/store/open-store.ts'
import { startProvider } from '@meshbook/hub/testing/model-provider.ts'
import { rawRequest } from '@meshbook/hub/testing/raw-request.ts'
import { startTestHub, type TestHub, temporaryFolder } from '@meshbook/hub/testing/test-hub.ts'
import type { Database } from '@meshbook/relay/sql/database.ts'
import { PostgresDatabase } from '@meshbook/relay/sql/postgres-database.ts'
import { migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import { TestPostgres } from '../postgres.ts'
import { startTwoHubs } from '../two-hubs.ts'

type Store = Database<AllProcedures>

const server = await TestPostgres.start({ after })
/** As many connections to one database as are asked for. */
const databases: Record<string, (t: TestContext, count: number) => Promise<Store[]>> = {
  async SQLite(t, count) {
    const file = join(await temporaryFolder(t), 'hub.db')
    const store = await SqliteDatabase.open<AllProcedures>({ file, modules: hubModules })
    t.after(() => store.close())
    return Array.from({ length: count }, () => store)
  },
  async PostgreSQL(t, count) {
    const { url, ownerUrl } = await server.newDatabase()
    await migratePostgres({ ownerUrl, modules: hubModules, role: new URL(url).username })
    const stores = await Promise.all(
      Array.from({ length: count }, () => PostgresDatabase.open<AllProcedures>({ url, modules: hubModules })),
    )
    t.after(() => Promise.all(stores.map(store => store.close())))
    return stores
  },
}

const now = 1_800_000_000_000
const day = 86_400_000
const id = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, now, systemRandom)
const [org, user] = [id('org'), id('user')] as [OrgId, UserId]
const task = parseRunId('task-1')

const callOf = (callId: ModelCallId, holder: BudgetHolder, microUsd: number) => ({
  ...{ org, user, id: callId, holder, microUsd, hub: 'here', now },
  ...{ provider: 'anthropic', model: 'a model with spaces', price: 'listed', inputTokens: 70, outputTokens: 30 },
})
const usage = { inputTokens: 5, outputTokens: 6, cacheReadTokens: 7, cacheWriteTokens: 8 }

for (const [name, open] of Object.entries(databases)) {
  test(`${name}: GW20 of calls that are held at the same moment none goes beyond the budget`, async t => {
    const stores = await open(t, 2)
    const holder = { task, cap: { microUsd: 1_000 } }
    const ids = Array.from({ length: 100 }, () => id('modelCall'))
    const held = await Promise.all(ids.map((one, i) => stores[i % 2]!.call('holdModelCall', callOf(one, holder, 30))))
    const taken = ids.filter((_, i) => held[i]!.held)
    assert.equal(taken.length, 33)
    const refused = held.find(one => !one.held)
    assert.deepEqual(refused, {
      held: false,
      state: { cap: { microUsd: 1_000 }, spent: { microUsd: 0, tokens: 0 }, held: { microUsd: 990, tokens: 3_300 } },
    })
    const settle = (one: ModelCallId) => ({ org, id: one, how: 'reported' as const, usage, microUsd: 10, now: now + 1 })
    const settled = await Promise.all(
      [...taken, ...taken].map((one, i) => stores[i % 2]!.call('settleModelCall', settle(one))),
    )
    assert.equal(settled.filter(Boolean).length, 33, 'GW22 each once')
    const spending = await stores[0]!.query('modelSpending', { org, task })
    assert.deepEqual([spending.calls, spending.microUsd, spending.heldMicroUsd], [33, 330, 0])
    const tokens = { task, cap: { tokens: 33 * 26 + 100 } }
    const last = await stores[1]!.call('holdModelCall', callOf(id('modelCall'), tokens, 1e9))
    assert.equal(last.held, true, 'only what has a cap is capped')
    assert.equal((await stores[0]!.call('holdModelCall', callOf(id('modelCall'), tokens, 1))).held, false)
  })

  test(`${name}: GW22 GW26 GW31 calls are settled once, those of hubs that are gone at their bound; sums are numbers`, async t => {
    const [store] = (await open(t, 1)) as [Store]
    const token = id('token')
    const budget = { microUsd: 500, tokens: 10_000 }
    const key = { org, user, id: token, hash: 'h', name: 'program', scopes: [], budget, now }
    assert.equal(await store.call('makeModelKey', key), true)
    const [mine, other, free, beating] = [id('modelCall'), id('modelCall'), id('modelCall'), id('modelCall')]
    assert.deepEqual(await store.call('holdModelCall', callOf(mine, { token }, 100)), { held: true })
    assert.deepEqual(await store.call('holdModelCall', { ...callOf(other, { token }, 200), hub: 'gone' }), {
      held: true,
    })
    const beats = { ...callOf(beating, { task, cap: {} }, 7), hub: 'beats', now: now + day }
    assert.deepEqual(await store.call('holdModelCall', beats), { held: true })
    assert.deepEqual(await store.call('holdModelCall', callOf(free, { token: id('token') }, 1e12)), { held: true })
    const settled = { org, id: free, how: 'released' as const, usage: noUsage, microUsd: 0, now }
    assert.equal(await store.call('settleModelCall', settled), true)
    assert.equal(await store.call('settleModelCall', { ...settled, microUsd: 99 }), false)
    assert.equal(await store.call('settleModelCall', { ...settled, id: id('modelCall') }), false)
    await store.call('beatHub', { org, hub: 'beats', now, forgetBefore: 0 })
    const left = { hub: 'here', now }
    assert.equal(await store.call('settleLeftCalls', { ...left, beatSince: now - 1 }), 1)
    assert.equal(await store.call('settleLeftCalls', { ...left, beatSince: now - 1 }), 0)
    const keys = () => store.query('listModelKeys', { org, user })
    const shown = { id: token, name: 'program', budget, spent: { microUsd: 200, tokens: 100 }, createdAt: now }
    assert.deepEqual(await keys(), [shown])
    assert.equal(await store.call('settleLeftCalls', { ...left, beatSince: null }), 1, 'alone, every other is gone')
    const report = await store.query('modelUsage', { org, from: now, to: now + 2 * day })
    const bound = (calls: number) => ({
      calls,
      usage: { ...noUsage, inputTokens: 70 * calls, outputTokens: 30 * calls },
    })
    assert.deepEqual(report.total, { ...bound(2), calls: 3, microUsd: 207 })
    assert.equal(report.heldMicroUsd, 100)
    const unknown = { prompt: null, project: null, budgetMicroUsd: null }
    assert.deepEqual(report.tasks, [{ task, ...unknown, ...bound(1), microUsd: 7 }])
    assert.deepEqual(
      report.days.map(({ day: name, microUsd }) => [name, microUsd]),
      [
        ['2027-01-16', 7],
        ['2027-01-15', 200],
      ],
    )
    const [model] = report.models
    assert.deepEqual([model?.provider, model?.model, model?.price], ['anthropic', 'a model with spaces', 'listed'])
    assert.deepEqual(report.tokens.find(row => row.token === token)?.name, 'program')
    assert.deepEqual((await store.query('modelUsage', { org: id('org'), from: 0, to: now })).total.calls, 0)
    const late = { org, id: other, how: 'reported' as const, usage, microUsd: 1, now }
    assert.equal(await store.call('settleModelCall', { ...late, how: 'bound' }), false)
    assert.equal(await store.call('settleModelCall', late), true, 'a hub that was only silent knows what it cost')
    assert.equal(await store.call('settleModelCall', { ...late, microUsd: 50 }), false, 'once')
    assert.equal(await store.call('settleLeftCalls', { ...left, beatSince: null }), 0)
    assert.deepEqual(await keys(), [{ ...shown, spent: { microUsd: 1, tokens: 26 } }])
    const after = await store.query('modelUsage', { org, from: now, to: now + 2 * day })
    assert.deepEqual([after.total.microUsd, after.heldMicroUsd], [8, 100])
  })

  test(`${name}: GW51 GW52 GW60 budgets and statements of a month are the same on every database, and over two hubs`, async t => {
    const stores = await open(t, 2)
    const [store] = stores as [Store]
    const about = { org, project: null, now }
    const month = '2027-01'
    const set = await store.call('setMonthBudget', { ...about, microUsd: 1_000 })
    const standing = { project: null, name: null, month, heldMicroUsd: 0, spentMicroUsd: 0, toldPercent: 0 }
    assert.deepEqual(set, { ...standing, capMicroUsd: 1_000 })
    const ids = Array.from({ length: 60 }, () => id('modelCall'))
    const held = await Promise.all(
      ids.map((one, i) => stores[i % 2]!.call('holdModelCall', callOf(one, { token: `t${i}` }, 30))),
    )
    const taken = ids.filter((_, i) => held[i]!.held)
    assert.equal(taken.length, 33)
    for (const one of taken.slice(0, 2))
      await store.call('settleModelCall', { org, id: one, how: 'reported', usage, microUsd: 7, now })
    const [budget] = await stores[1]!.query('listMonthBudgets', about)
    assert.deepEqual(budget, {
      ...{ ...standing, capMicroUsd: 1_000, toldPercent: 100 },
      ...{ spentMicroUsd: 14, heldMicroUsd: 930 },
    })
    const statement = await store.query('modelStatement', { org, month, now })
    const row = { project: null, projectName: null, user, userName: null, provider: 'anthropic', price: 'listed' }
    const twice = { inputTokens: 10, outputTokens: 12, cacheReadTokens: 14, cacheWriteTokens: 16 }
    const sum = { calls: 2, usage: twice, microUsd: 14 }
    assert.deepEqual(statement.rows, [{ ...row, model: 'a model with spaces', ...sum }])
    assert.deepEqual([statement.total, statement.open, statement.isFinal], [sum, { calls: 31, microUsd: 930 }, false])
    assert.equal(await store.call('setMonthBudget', { ...about, project: id('project'), microUsd: 1 }), null)
    await store.call('setMonthBudget', { ...about, microUsd: null })
    assert.deepEqual(await store.query('listMonthBudgets', about), [])
    assert.deepEqual((await store.query('runsByDay', { org, from: 0, to: now })).days, [])
  })

  test(`${name}: VA2 VA20 VA21 VA23 keys are stored sealed, in their org, and change whole or not at all`, async t => {
    const [store] = (await open(t, 1)) as [Store]
    assert.equal(await store.query('dataKey', { org, made: null, now }), null)
    const made = await Promise.all(['a', 'b'].map(one => store.call('dataKey', { org, made: one, now })))
    assert.deepEqual(made[0], made[1])
    const row = { org, name: 'openai', kind: 'openai' as const, at: null, inside: false, ends: '4711', version: 1, now }
    const stored = await store.call('putKey', { ...row, sealed: 's1' })
    const { version: _, inside: __, org: ___, now: ____, ...plain } = row
    assert.deepEqual(stored, { ...plain, createdAt: now, changedAt: now, usedAt: null })
    assert.equal(await store.call('putKey', { ...row, sealed: 's', version: 2 }), null)
    const used = { org, name: 'openai', changedAt: now, now: now + 1 }
    assert.deepEqual([await store.call('useKey', used), await store.call('useKey', used)], [true, false])
    await store.call('touchKey', { ...used, now: now + 2 })
    assert.equal((await store.query('listKeys', { org }))[0]?.usedAt, now + 2)
    const again = await store.call('putKey', { ...row, at: 'https://models.example', inside: true, sealed: 's2' })
    assert.deepEqual([again?.usedAt, again?.changedAt, again?.createdAt], [null, now + 1, now])
    const { wrapped } = made[0]!
    const [sealed] = await store.query('sealedKeys', { org })
    const { ends: _ends, ...kept } = plain
    const expected = { ...kept, at: 'https://models.example', org, inside: true, version: 1, sealed: 's2', wrapped }
    assert.deepEqual(sealed, { ...expected, changedAt: now + 1, usedAt: null })
    assert.deepEqual(await store.query('sampleKeys'), [sealed])
    assert.deepEqual(await store.query('sealedKeys', { org: id('org') }), [])
    const turn = { org, version: 2, wrapped: 'w2', now }
    const keys = [{ name: 'openai', was: 's1', sealed: 's3' }]
    assert.equal(await store.call('turnDataKey', { ...turn, keys }), false)
    assert.equal(await store.call('turnDataKey', { ...turn, keys: [] }), false)
    assert.equal(await store.call('turnDataKey', { ...turn, keys: [{ ...keys[0]!, was: 's2' }] }), true)
    assert.equal((await store.query('sealedKeys', { org }))[0]?.sealed, 's3')
    const under = await store.query('underMaster')
    assert.deepEqual(under, {
      data: [{ org, version: 2, sealed: 'w2' }],
      compute: [],
      restoring: [],
      hooks: [],
      ways: [],
    })
    const changed = {
      data: [{ org, version: 2, was: 'w2', sealed: 'w3' }],
      compute: [],
      restoring: [],
      hooks: [],
      ways: [],
    }
    assert.deepEqual([await store.call('sealAgain', changed), await store.call('sealAgain', changed)], [1, 0])
    assert.equal(await store.call('removeKey', { org, name: 'openai' }), true)
    assert.equal(await store.call('removeKey', { org, name: 'openai' }), false)
    assert.deepEqual(await store.query('underMaster'), { data: [], compute: [], restoring: [], hooks: [], ways: [] })
  })
}

/** A hundred requests over the hubs, of which each may cost more than it does. `meanwhile`: while they are under way. */
async function ruin(
  hubs: TestHub[],
  provider: { seen: unknown[] },
  meanwhile: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  const [first] = hubs as [TestHub]
  const microUsd = 20_000
  const { token } = await first.json<ModelKey>('POST', '/model-keys', { name: 'many', budget: { microUsd } })
  const wire = { 'anthropic-version': '2023-06-01', 'content-type': 'application/json' }
  const headers = { authorization: `Bearer ${token}`, ...wire }
  const asking = Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const url = `${hubs[i % hubs.length]!.hub.url}/gateway/anthropic/v1/messages`
      const messages = [{ role: 'user', content: 'Hello' }]
      const body = JSON.stringify({ model: 'claude-haiku-4-5', max_tokens: 100, stream: i % 2 === 0, messages })
      return (await rawRequest(url, { method: 'POST', headers, body })).status
    }),
  )
  const [statuses] = await Promise.all([asking, meanwhile()])
  const answered = statuses.filter(status => status === 200).length
  assert.ok(answered >= 5, `${answered}`)
  assert.deepEqual(new Set(statuses), new Set([200, 402]))
  assert.equal(provider.seen.length, answered)
  const { total, heldMicroUsd } = await first.json<UsageReport>('GET', '/usage')
  assert.deepEqual([total.calls, total.microUsd, heldMicroUsd], [answered, answered * 600, 0])
  assert.ok(total.microUsd <= microUsd)
}

const masterKey = 'cd'.repeat(32)

test('GW20 a hundred calls over HTTP never exceed a budget: one hub on SQLite', async t => {
  const provider = await startProvider(t, 'a-key-of-the-provider')
  provider.script = () => ({ says: [30, 'Hello'], usage: { input: 100, output: 100 } })
  const hub = await startTestHub(t, { env: { MESHBOOK_ANTHROPIC_URL: provider.url } })
  await hub.json('PUT', '/keys/anthropic', { kind: 'anthropic', value: provider.key })
  await ruin([hub], provider)
})

test('GW20 GW22 a hundred calls over HTTP never exceed a budget: two hubs on PostgreSQL, which share the vault', async t => {
  const provider = await startProvider(t, 'a-key-of-the-provider')
  provider.script = () => ({ says: [30, 'Hello'], usage: { input: 100, output: 100 } })
  const env = { MESHBOOK_ANTHROPIC_URL: provider.url, MESHBOOK_MASTER_KEY: masterKey }
  const { a, b } = await startTwoHubs(t, server, { redis: false, env })
  await b.json('PUT', '/keys/anthropic', { kind: 'anthropic', value: provider.key })
  await ruin([a, b], provider)
})

test('GW20 GW26 two hubs on PostgreSQL of which each takes the other for gone in the middle of its calls: each call costs once what it cost', async t => {
  const provider = await startProvider(t, 'a-key-of-the-provider')
  provider.script = () => ({ says: [1_000, 'Hello'], usage: { input: 100, output: 100 } })
  const env = { MESHBOOK_ANTHROPIC_URL: provider.url, MESHBOOK_MASTER_KEY: masterKey }
  const { a, b, database } = await startTwoHubs(t, server, { redis: false, env })
  await b.json('PUT', '/keys/anthropic', { kind: 'anthropic', value: provider.key })
  let bound = 0
  const takeForGone = async (): Promise<void> => {
    // No beat is as late as that.
    const gone = { hub: 'a third', beatSince: Number.MAX_SAFE_INTEGER, now: Date.now() }
    for (let look = 0; look < 500 && bound < 3; look++, await sleep(10))
      bound += await database.call('settleLeftCalls', gone)
  }
  await ruin([a, b], provider, takeForGone)
  assert.ok(bound >= 3, `${bound}`)
})
