/**
 * What every store must do with triggers of workflows: one for a file, runs with what they settle or not at all, ends and
 * changes that wait until somebody has decided, and nothing of one org for another (WQ60–WQ69).
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { newId, type OrgId, parseRunId, type RunId, systemRandom, type UserId } from '@meshbook/core/ids.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { TriggerKind } from '@meshbook/core/workflow/workflow-schema.ts'
import type { Firing, TriggerRow } from '@meshbook/hub/store/workflow-triggers.ts'
import type { OpenRunStore } from './run-store.ts'
import { type WorkflowStoreWorld, workflowWorldOf } from './workflow-store.ts'

const now = 1_800_000_000_000
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')
const text = 'meshbook: workflow/v1'
const id = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, now, systemRandom)
const completed: RunEvent = { type: 'completed', at: now, durationMs: 1 }

type Pin = {
  kind?: TriggerKind
  starts?: object
  text?: string
  enabled?: boolean
  maker?: { org: OrgId; user: UserId }
}

async function pin(w: WorkflowStoreWorld, file: string, a: Pin = {}): Promise<TriggerRow> {
  const { kind = 'schedule', starts = {}, enabled = null } = a
  const definition = hashOf(a.text ?? text)
  const { trigger } = await w.store.call('pinTrigger', {
    ...{ org: w.org, id: id('trigger'), project: w.project, file, kind, name: 'demo', definition, children: '[]' },
    ...{ texts: [[definition, a.text ?? text]], starts: JSON.stringify(starts), enabled, now },
    nextAt: kind === 'schedule' ? now + 10 : null,
    ...{ maker: a.maker ?? { org: w.org, user: id('user') }, madeBy: 'me' },
  })
  return trigger
}

function runOf(w: WorkflowStoreWorld, run: RunId, chain = 0): Firing['runs'][number] {
  const definition = hashOf(text)
  const began = { type: 'began' as const, name: 'demo', definition, children: [], inputs: {} }
  return {
    ...{ org: w.org, id: run, project: w.project, name: 'demo', definition, hash: hashOf(run), texts: [], now, chain },
    opening: [{ type: 'workflow', at: now, event: began }],
    ...{ newSession: id('session'), requestedBy: 'me (schedule)', asker: null, credential: null },
  }
}

function fire(w: WorkflowStoreWorld, trigger: TriggerRow, a: Partial<Firing>) {
  const { org, id, project, revision, settledAt } = trigger
  const settles = { by: 'schedule', settledAt: now + 10, nextAt: now + 20 } as const
  return w.store.call('fireTrigger', {
    ...{ org, id, project, revision, settledAt, settles, runs: [], outcomes: [], now: now + 10 },
    ...a,
  })
}

const found = async (w: WorkflowStoreWorld, { id }: TriggerRow) => (await w.store.query('findTrigger', { id }))!
const due = async (w: WorkflowStoreWorld, at = now) => w.store.query('dueTriggerEvents', { now: at, rows: 100 })
const outcomes = async (w: WorkflowStoreWorld, { org, id }: TriggerRow) =>
  (await w.store.query('triggerOutcomes', { org, id })).map(({ outcome }) => outcome)

/** One with an end and a change that wait. */
export async function waitingTrigger(w: WorkflowStoreWorld): Promise<TriggerRow> {
  await pin(w, 'f', { kind: 'files', starts: { paths: ['**'] } })
  const change = { what: { path: 'a.csv' }, device: null, at: now }
  await w.store.call('keepChanges', { org: w.org, project: w.project, changes: [change] })
  const after = await pin(w, 'r', { kind: 'run', starts: { of: 'ended' } })
  await end(w, await w.order('ended'))
  return after
}

async function end(w: WorkflowStoreWorld, run: RunId): Promise<void> {
  const taken = (await w.take(run))!
  const output = { type: 'ended', outcome: 'completed', output: { value: 7 } } as const
  await w.write(taken, 2, { type: 'workflow', at: now, event: output }, completed)
}

export function workflowTriggersContract(name: string, open: OpenRunStore): void {
  const world = async (t: Parameters<OpenRunStore>[0]) => workflowWorldOf(await open(t))

  test(`WQ60 one for a file and kind; a new text, or turning it, settles what was before (${name})`, async t => {
    const w = await world(t)
    const { store, org } = w
    const first = await pin(w, 'a')
    assert.deepEqual([first.enabled, first.revision, first.nextAt, first.settledAt], [1, 1, now + 10, now])
    const same = await pin(w, 'a')
    assert.deepEqual([same.id, same.revision, same.nextAt], [first.id, 2, now + 10])
    const other = await pin(w, 'a', { text: `${text}#` })
    assert.deepEqual([other.id, other.definition], [first.id, hashOf(`${text}#`)])
    assert.notEqual((await pin(w, 'a', { kind: 'webhook', starts: { secret: 'S' } })).id, first.id)
    const turn = (enabled: boolean) =>
      store.call('turnTrigger', { org, id: first.id, enabled, nextAt: now + 5, now: now + 1 })
    const off = (await turn(false))!
    assert.deepEqual([off.enabled, off.nextAt, (await due(w, now + 99)).length], [0, null, 0])
    assert.equal((await turn(false))!.revision, off.revision)
    const on = (await turn(true))!
    assert.deepEqual([on.enabled, on.nextAt, on.settledAt], [1, now + 5, now + 1])
    const asker = { org, user: id('user') }
    const page = await store.query('listTriggers', { asker, before: null, rows: 1 })
    assert.deepEqual([page.items.length, page.next !== null], [1, true])
    const all = await store.query('listTriggers', { asker, project: w.project, before: null, rows: 10 })
    assert.deepEqual(all.items.length, 2)
    assert.ok(await store.call('removeTrigger', { org, id: first.id }))
    assert.equal(await store.call('removeTrigger', { org, id: first.id }), false)
    assert.equal(await store.query('findTrigger', { id: first.id }), null)
  })

  test(`WQ63 runs, what they settle and their outcome are written once, by whoever is first (${name})`, async t => {
    const w = await world(t)
    const trigger = await pin(w, 'a')
    assert.deepEqual(
      (await due(w, now + 10)).map(one => [one.by, one.trigger.id]),
      [['schedule', trigger.id]],
    )
    const run = parseRunId('run_once')
    const both = await Promise.all([
      fire(w, trigger, { runs: [runOf(w, run)] }),
      fire(w, trigger, { runs: [runOf(w, run)] }),
    ])
    assert.equal(both.filter(one => one.fired).length, 1)
    const after = await found(w, trigger)
    assert.deepEqual(
      [after.settledAt, after.nextAt, after.lastOutcome, after.lastRun],
      [now + 10, now + 20, 'started', run],
    )
    assert.deepEqual(await due(w, now + 10), [])
    assert.equal((await w.store.query('findWorkflowRun', { org: w.org, id: run }))!.trigger, trigger.id)
    const asker = { org: w.org, user: id('user') }
    const runs = await w.store.query('listWorkflowRuns', { asker, trigger: trigger.id, before: null, rows: 10 })
    assert.deepEqual(
      runs.items.map(one => one.id),
      [run],
    )
    // One that fails in its middle leaves nothing.
    const broken = { ...runOf(w, parseRunId('run_b')), project: id('project') }
    await assert.rejects(fire(w, after, { runs: [runOf(w, parseRunId('run_a')), broken] }))
    assert.equal(await w.store.query('findWorkflowRun', { org: w.org, id: parseRunId('run_a') }), null)
    assert.deepEqual(await outcomes(w, trigger), ['started'])
    await w.store.call('turnTrigger', { org: w.org, id: trigger.id, enabled: false, nextAt: null, now })
    assert.equal((await fire(w, after, { runs: [runOf(w, parseRunId('run_c'))] })).fired, false)
    // The same run, told again after its trigger was settled otherwise, is not made twice.
    const on = (await w.store.call('turnTrigger', { org: w.org, id: trigger.id, enabled: true, nextAt: null, now }))!
    assert.deepEqual(await fire(w, on, { runs: [runOf(w, run)] }), { fired: true, started: [], refused: null })
  })

  test(`WQ62 where the maker may not run any more, nothing is started, and it is said (${name})`, async t => {
    const w = await world(t)
    const { org, user } = await w.store.call('addUser', { org: id('org'), user: id('user'), name: 'bob', now })
    const trigger = await pin(w, 'a', { maker: { org: org as OrgId, user: user as UserId } })
    const fired = await fire(w, trigger, { runs: [runOf(w, parseRunId('run_x'))] })
    assert.ok(fired.fired && fired.started.length === 0 && fired.refused !== null)
    assert.deepEqual(await outcomes(w, trigger), ['refused'])
    assert.equal(await w.store.query('findWorkflowRun', { org: w.org, id: parseRunId('run_x') }), null)
  })

  test(`WQ65 one number and one text of a delivery are one run (${name})`, async t => {
    const w = await world(t)
    const trigger = await pin(w, 'a', { kind: 'webhook', starts: { secret: 'S' } })
    const deliver = (delivery: string, digest: string, run: string) =>
      fire(w, trigger, {
        settles: { by: 'webhook', delivery, digest, keptSince: now - 1_000 },
        runs: [runOf(w, parseRunId(run))],
      })
    assert.equal((await deliver('1', 'a', 'run_1')).fired, true)
    for (const [number, digest, run] of [
      ['1', 'b', 'run_2'],
      ['2', 'a', 'run_1'],
    ] as const)
      assert.deepEqual(await deliver(number, digest, run), { fired: false, run: 'run_1' })
    const at = { org: w.org, hook: trigger.id, delivery: '1', digest: 'z' }
    assert.deepEqual(await w.store.query('findHookDelivery', at), { task: 'run_1' })
    const refusal = { org: w.org, hook: trigger.id, reason: 'no', now, since: now - 60_000 }
    assert.deepEqual(
      [await w.store.call('noteHookRefusal', refusal), await w.store.call('noteHookRefusal', refusal)],
      [true, false],
    )
    const noted = { at: now, outcome: 'ignored', run: null, reason: 'it is off' }
    assert.equal(await w.store.call('noteTriggerOutcome', { org: w.org, id: trigger.id, outcome: noted }), true)
    assert.equal(await w.store.call('noteTriggerOutcome', { org: w.org, id: id('trigger'), outcome: noted }), false)
    assert.deepEqual(await outcomes(w, trigger), ['ignored', 'refused', 'started'])
  })

  test(`WQ66 the end of a run waits for those that name it, until one transaction has settled it (${name})`, async t => {
    const w = await world(t)
    const { store, org } = w
    const trigger = await pin(w, 'r', { kind: 'run', starts: { of: ['ended', 'x'] } })
    await pin(w, 's', { kind: 'run', starts: { of: 'other' } })
    await pin(w, 'o', { kind: 'run', starts: { of: 'ended' }, enabled: false })
    const run = await w.order('ended')
    await end(w, run)
    const [one, ...rest] = await due(w)
    assert.ok(one?.by === 'run' && rest.length === 0)
    assert.deepEqual([one.trigger.id, one.run], [trigger.id, run])
    const known = (await store.query('endedWorkflow', { org, id: run }))!
    assert.deepEqual([known.name, known.status, known.chain, known.output], ['ended', 'completed', 0, { value: 7 }])
    const next = parseRunId('run_next')
    const firing = { settles: { by: 'run', run } as const, runs: [runOf(w, next, 1)] }
    assert.ok((await fire(w, trigger, firing)).fired)
    assert.equal((await fire(w, trigger, firing)).fired, false)
    assert.deepEqual(await due(w), [])
    await end(w, next)
    assert.equal((await store.query('endedWorkflow', { org, id: next }))!.chain, 1)
    // Cancelled by the hub itself, it has ended all the same.
    const cancelled = await w.order('ended')
    await store.call('endRun', { org, id: cancelled, as: 'cancelled', reason: 'enough', now })
    assert.equal((await due(w)).length, 1)
    await store.call('turnTrigger', { org, id: trigger.id, enabled: false, nextAt: null, now })
    assert.deepEqual(await due(w), [])
  })

  test(`WQ67 changes are gathered for each trigger and device until one event has taken them (${name})`, async t => {
    const w = await world(t)
    const { store, org, project } = w
    assert.equal(await store.query('watchesFiles', { org }), false)
    const csv = await pin(w, 'c', { kind: 'files', starts: { paths: ['*.csv'], quiet: '1s' } })
    const mine = await pin(w, 'm', { kind: 'files', starts: { paths: ['*'], device: 'laptop', quiet: '1s' } })
    assert.equal(await store.query('watchesFiles', { org }), true)
    const laptop = { id: 'dev_x', name: 'laptop' }
    const keep = (path: string, device: typeof laptop | null, at: number) =>
      store.call('keepChanges', { org, project, changes: [{ what: { path }, device, at }] })
    assert.equal(await keep('a.txt', null, now), 0)
    assert.equal(await keep('a.csv', null, now), 1)
    assert.equal(await keep('b.csv', laptop, now + 500), 2)
    assert.deepEqual(await due(w, now + 999), [])
    const first = await due(w, now + 1_000)
    assert.deepEqual(
      first.map(one => one.trigger.id),
      [csv.id],
    )
    const [one] = first
    assert.ok(one?.by === 'files' && one.device === '')
    await keep('c.csv', null, now + 900)
    // It grew meanwhile: what was decided is not all of it.
    const settles = { by: 'files', device: '', changes: one.changes } as const
    assert.equal((await fire(w, csv, { settles })).fired, false)
    const later = await due(w, now + 2_000)
    assert.equal(later.length, 3)
    for (const event of later)
      if (event.by === 'files') assert.ok((await fire(w, event.trigger, { settles: event })).fired)
    assert.deepEqual([await due(w, now + 9_000), mine.id === csv.id], [[], false])
    const document = id('document')
    await store.call('indexTree', { org, project, paths: [[document, 'd.csv']], now })
    const changes = [{ what: { document }, device: null, at: now }]
    assert.equal(await store.call('keepChanges', { org, project: null, changes }), 1)
  })

  test(`WQ69 nothing of a trigger is there for another org (${name})`, async t => {
    const w = await world(t)
    const trigger = await waitingTrigger(w)
    const { org: other } = await w.store.call('addUser', { org: id('org'), user: id('user'), name: 'eve', now })
    const org = other as OrgId
    const { store } = w
    assert.equal(await store.call('turnTrigger', { org, id: trigger.id, enabled: false, nextAt: null, now }), null)
    assert.equal(await store.call('removeTrigger', { org, id: trigger.id }), false)
    assert.deepEqual(await store.query('triggerOutcomes', { org, id: trigger.id }), [])
    const { items } = await store.query('listTriggers', { asker: { org, user: id('user') }, before: null, rows: 9 })
    assert.deepEqual(items, [])
    assert.equal((await fire({ ...w, org }, { ...trigger, org }, {})).fired, false)
    assert.equal((await found(w, trigger)).enabled, 1)
    assert.equal((await due(w, now + 99_999)).length, 2)
  })
}
