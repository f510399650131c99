/** Budgets and statements of months over a real database: what is counted is what the ledger says (GW50–GW62). */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type ModelCallId, newId, type OrgId, parseRunId, systemRandom, type UserId } from '@meshbook/core/ids.ts'
import { noUsage } from '@meshbook/core/model-prices.ts'
import type { MonthBudget, Statement } from '@meshbook/core/models-api.ts'
import { boundsOf, monthOf } from '@meshbook/core/months.ts'
import { statementCsv, sumOfRows } from '@meshbook/core/statement.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import fc from 'fast-check'
import type { BudgetHolder } from '../store/model-calls.ts'
import { type AllProcedures, hubModules } from '../store/open-store.ts'
import { startTestHub, type TestHub, temporaryFolder } from '../testing/test-hub.ts'
import { addTestUser } from '../testing/test-user.ts'

const id = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, Date.now(), systemRandom)
const november = boundsOf('2026-11')
const bound = { inputTokens: 10, outputTokens: 10 }
const priced = { provider: 'anthropic', price: 'listed', hub: 'here' }

const openStore = async (t: TestContext) => {
  const file = join(await temporaryFolder(t), 'hub.db')
  const store = await SqliteDatabase.open<AllProcedures>({ file, modules: hubModules })
  t.after(() => store.close())
  return store
}

const call = fc.record({
  // About both ends of the month, to the millisecond.
  at: fc.oneof(
    fc.integer({ min: -2, max: 2 }).map(ms => november.from + ms),
    fc.integer({ min: -2, max: 2 }).map(ms => november.to + ms),
    fc.integer({ min: november.from, max: november.to - 1 }),
  ),
  user: fc.constantFrom('a', 'b'),
  model: fc.constantFrom('small', 'a model with spaces', '=model'),
  held: fc.integer({ min: 0, max: 5_000_000 }),
  costs: fc.integer({ min: 0, max: 5_000_000 }),
  ends: fc.constantFrom('reported', 'estimated', 'released', 'bound', 'late', 'open'),
})

test('GW52 GW60 GW61 whatever calls there are, rows and budgets of a month sum up to its ledger, to the millionth', async t => {
  const store = await openStore(t)
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 25 }), fc.nat({ max: 25 }), async (calls, setAt) => {
      const org = id('org') as OrgId
      const at = { org, project: null, now: november.from + 5 }
      for (const [n, { at: now, user, model, held, costs, ends }] of calls.entries()) {
        if (n === setAt) await store.call('setMonthBudget', { ...at, microUsd: 1e12 })
        const callId = id('modelCall') as ModelCallId
        const holder: BudgetHolder = n % 2 === 0 ? { token: 'tok' } : { task: parseRunId(`r${n}`), cap: {} }
        const about = { ...priced, ...bound, org, user: user as UserId, id: callId, holder, model, now }
        await store.call('holdModelCall', { ...about, microUsd: held })
        const usage = { ...noUsage, outputTokens: costs % 1_000 }
        const end = { org, id: callId, usage, microUsd: ends === 'released' ? 0 : costs, now: november.to + 9 }
        if (ends === 'late') await store.call('settleModelCall', { ...end, how: 'bound', microUsd: held })
        if (ends !== 'open') await store.call('settleModelCall', { ...end, how: ends === 'late' ? 'reported' : ends })
      }
      const inMonth = calls.filter(({ at: began }) => monthOf(began) === '2026-11')
      const done = inMonth.filter(({ ends }) => ends !== 'open')
      const spent = done.reduce((sum, { ends, costs }) => sum + (ends === 'released' ? 0 : costs), 0)
      const openOnes = inMonth.filter(({ ends }) => ends === 'open')
      const held = openOnes.reduce((sum, one) => sum + one.held, 0)

      const statement = await store.query('modelStatement', { org, month: '2026-11', now: november.to })
      assert.deepEqual([statement.total.microUsd, statement.total.calls], [spent, done.length])
      assert.deepEqual(sumOfRows(statement.rows), statement.total)
      assert.deepEqual(statement.open, { calls: openOnes.length, microUsd: held })
      assert.equal(statement.isFinal, openOnes.length === 0)
      const { total } = await store.query('modelUsage', { org, ...november })
      assert.deepEqual(statement.total, total, 'the ledger of the month')
      const columns = statementCsv(statement).split('\r\n').slice(1, -1)
      assert.equal(
        columns.reduce((sum, line) => sum + Number(line.split(',').at(-2)), 0),
        spent,
      )
      assert.ok(columns.every(line => !line.includes(',=')))

      if (setAt < calls.length) {
        const [budget] = await store.query('listMonthBudgets', at)
        assert.deepEqual([budget!.spentMicroUsd, budget!.heldMicroUsd], [spent, held])
        await store.call('setMonthBudget', { ...at, microUsd: null })
      }
      const again = await store.call('setMonthBudget', { ...at, microUsd: 1e12 })
      assert.deepEqual([again!.spentMicroUsd, again!.heldMicroUsd], [spent, held], 'from the ledger, as it was moved')
    }),
    { numRuns: 60 },
  )
})

test('GW51 calls beside each other never exceed the budget of a month, nor hold anything when they are refused', async t => {
  const store = await openStore(t)
  const org = id('org') as OrgId
  const now = november.from + 1
  await store.call('setMonthBudget', { org, project: null, microUsd: 1_000, now })
  const ids = Array.from({ length: 100 }, () => id('modelCall') as ModelCallId)
  const about = { ...priced, ...bound, org, user: 'u' as UserId, model: 'm', microUsd: 30, now }
  const held = await Promise.all(
    ids.map((one, n) => store.call('holdModelCall', { ...about, id: one, holder: { token: `t${n % 7}` } })),
  )
  assert.equal(held.filter(one => one.held).length, 33)
  const [full] = await store.query('listMonthBudgets', { org, project: null, now })
  assert.deepEqual([full!.heldMicroUsd, full!.toldPercent], [990, 100])
  const refused = held.find(one => !one.held)
  assert.ok(refused && !refused.held && refused.month?.scope === 'all')
  const nextMonth = { ...about, id: id('modelCall') as ModelCallId, holder: { token: 't' }, now: november.to }
  assert.equal((await store.call('holdModelCall', nextMonth)).held, true, 'another month')
})

interface Told {
  kind: string
  title: string
  text: string
}

/** What the hub has for its user to be told, by a way that is never reached. */
async function scene(t: TestContext): Promise<TestHub & { told(): Promise<Told[]> }> {
  const hub = await startTestHub(t)
  await hub.json('POST', '/push/ways', { kind: 'ntfy', server: 'http://127.0.0.1:8080', topic: 'x' })
  const { DatabaseSync } = await import('node:sqlite')
  const file = join(hub.folder, 'hub.db')
  const told = async () => {
    const database = new DatabaseSync(file, { readOnly: true })
    const rows = database
      .prepare("SELECT kind, title, text FROM notices WHERE kind = 'budget' ORDER BY made_at, title")
      .all()
    database.close()
    return rows as unknown as Told[]
  }
  return { ...hub, told }
}

test('GW53 GW54 owners are told once at 50, 80 and 100 %, of a refusal too, and again only for another cap', async t => {
  const hub = await scene(t)
  const kim = await addTestUser(hub, 'kim')
  await hub.json('POST', `/projects/${hub.project.id}/members`, { user: 'kim', roles: ['editor'] })
  const path = `/projects/${hub.project.id}/budget`
  assert.equal(await kim.status('PUT', path, { microUsd: 5 }), 403)
  assert.equal(await kim.status('GET', path), 200)
  assert.equal(await hub.json<MonthBudget>('GET', path).then(({ capMicroUsd }) => capMicroUsd), null)
  const set = await hub.json<MonthBudget>('PUT', '/budget', { microUsd: 1_000_000 })
  assert.deepEqual([set.project, set.capMicroUsd, set.spentMicroUsd], [null, 1_000_000, 0])
  const { org } = await hub.json<{ org: OrgId }>('GET', '/me')
  await hub.hub.close()
  const store = await SqliteDatabase.open<AllProcedures>({ file: join(hub.folder, 'hub.db'), modules: hubModules })
  t.after(() => store.close())
  const now = Date.now()
  const user = 'someone' as UserId
  const spend = async (microUsd: number) => {
    const callId = id('modelCall') as ModelCallId
    const about = { ...priced, ...bound, org, user, id: callId, holder: { token: 't' }, model: 'm', microUsd, now }
    const { held } = await store.call('holdModelCall', about)
    if (held) await store.call('settleModelCall', { org, id: callId, how: 'reported', usage: noUsage, microUsd, now })
    return held
  }
  const percents = async () => (await hub.told()).map(({ title }) => /\d+ %|used up/.exec(title)?.[0]).sort()
  assert.equal(await spend(499_999), true)
  assert.deepEqual(await percents(), [])
  assert.equal(await spend(1), true)
  assert.deepEqual(await percents(), ['50 %'])
  await spend(100)
  assert.deepEqual(await percents(), ['50 %'], 'once')
  assert.equal(await spend(499_000), true)
  assert.deepEqual(await percents(), ['50 %', '80 %'])
  assert.equal(await spend(10_000), false)
  assert.equal(await spend(10_000), false)
  assert.deepEqual(await percents(), ['50 %', '80 %', 'used up'])
  await store.call('setMonthBudget', { org, project: null, microUsd: 1_600_000, now })
  await spend(1)
  assert.deepEqual((await percents()).length, 3, 'what the new cap has passed is not told')
  await spend(300_000)
  assert.deepEqual(await percents(), ['50 %', '80 %', '80 %', 'used up'])
  for (const { title, text } of await hub.told()) assert.match(title + text, /budget of everything.*\$\d/s)
})

test('GW54 GW60 GW62 budgets are noted; a statement is JSON or CSV, of the own org alone, and says what is wrong', async t => {
  const hub = await startTestHub(t)
  const kim = await addTestUser(hub, 'kim')
  await hub.json('PUT', `/projects/${hub.project.id}/budget`, { microUsd: 7_000_000 })
  await hub.json('PUT', '/budget', { microUsd: 9_000_000 })
  const { items } = await hub.json<{ items: MonthBudget[] }>('GET', '/budgets')
  assert.deepEqual(
    items.map(({ name, capMicroUsd }) => [name, capMicroUsd]),
    [
      [null, 9_000_000],
      ['demo', 7_000_000],
    ],
  )
  assert.deepEqual((await kim.json<{ items: [] }>('GET', '/budgets')).items, [])
  assert.equal(await kim.status('PUT', `/projects/${hub.project.id}/budget`, { microUsd: 1 }), 404)
  await hub.json('PUT', '/budget', { microUsd: null })
  assert.equal((await hub.json<{ items: [] }>('GET', '/budgets')).items.length, 1)
  const noted = await hub.json<{ items: { detail: object }[] }>('GET', '/audit?action=budget-set')
  assert.equal(noted.items.length, 3)
  for (const microUsd of [0, -1, 0.5, 'x', undefined])
    assert.equal((await hub.api('PUT', '/budget', { microUsd })).status, 400, String(microUsd))
  const statement = await hub.json<Statement>('GET', '/statement?month=2026-11')
  assert.deepEqual([statement.rows, statement.zone, statement.from], [[], 'UTC', november.from])
  const csv = await hub.api('GET', '/statement?month=2026-11&as=csv')
  assert.match(csv.headers.get('content-type')!, /^text\/csv/)
  assert.match(await csv.text(), /^month_utc,org,project_id,project,member_id,member,provider,model,/)
  for (const query of ['month=2026-13', 'month=now', 'as=pdf'])
    assert.equal((await hub.api('GET', `/statement?${query}`)).status, 400, query)
})
