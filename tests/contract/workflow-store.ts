/**
 * What every store must do with runs of workflows: taken once under fences and leases, a log of whole groups, things sent
 * that are not lost, places in order, and nothing of one org for another (WQ1–WQ31, WQ50).
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import {
  type Fence,
  newId,
  type OrgId,
  type ProjectId,
  parseFence,
  parseRunId,
  parseSeq,
  type RunId,
  systemRandom,
  type UserId,
} from '@meshbook/core/ids.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { WorkflowEvent } from '@meshbook/core/workflow/workflow-events.ts'
import type { HubStore } from '@meshbook/hub/store/hub-store.ts'
import { logged } from '@meshbook/hub/store/run-log.ts'
import type { TakenWorkflowRun } from '@meshbook/hub/store/workflow-runs.ts'
import { type OpenRunStore, worldOf } from './run-store.ts'

const now = 1_800_000_000_000
const leaseMs = 60_000
const id = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, now, systemRandom)
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')
const does = (event: WorkflowEvent): RunEvent => ({ type: 'workflow', at: now, event })
const step = (path: string): RunEvent[] => [
  does({ type: 'attempt-began', path, attempt: 1, group: 1 }),
  does({ type: 'step-ended', path, outcome: 'succeeded', output: { value: `ä\0${path}` } }),
]
const completed: RunEvent = { type: 'completed', at: now, durationMs: 1 }
const shown = 'Go on?'
const digest = hashOf(shown)
const text = 'meshbook: workflow/v1'

export interface WorkflowStoreWorld {
  store: HubStore
  org: OrgId
  project: ProjectId
  order(name?: string, known?: RunId, user?: UserId): Promise<RunId>
  take(run: RunId, executor?: string, at?: number): Promise<TakenWorkflowRun | null>
  write(
    run: { id: RunId; fence: Fence },
    first: number,
    ...events: RunEvent[]
  ): Promise<{ seq: number; refused?: string; run: Run | null }>
  signal(run: RunId, name: string, key?: string): Promise<number>
  due(at?: number): Promise<RunId[]>
  rest(run: TakenWorkflowRun, dueAt: number | null, inbox?: number): Promise<boolean>
  enter(run: RunId, limit: number, onConflict?: 'queue' | 'reject' | 'replace'): Promise<string>
}

export async function workflowWorldOf(store: HubStore): Promise<WorkflowStoreWorld> {
  const { org, project } = await worldOf(store)
  return ofOrg(store, org, project)
}

export function ofOrg(store: HubStore, org: OrgId, project: ProjectId): WorkflowStoreWorld {
  return {
    store,
    org,
    project,
    async order(name = 'demo', known, user) {
      const run = known ?? parseRunId(id('run'))
      const definition = hashOf(text)
      const began = does({ type: 'began', name, definition, children: [], inputs: {} })
      await store.call('createWorkflowRun', {
        ...{ org, id: run, project, name, definition, hash: hashOf(name), texts: [[definition, text]], now },
        ...{ opening: [began], newSession: id('session'), requestedBy: 'me', credential: null },
        asker: user ? { org, user } : null,
      })
      return run
    },
    take: (run, executor = 'one', at = now) =>
      store.call('takeWorkflowRun', { org, id: run, executor, leaseUntil: at + leaseMs, now: at }),
    write: (run, first, ...events) =>
      store.call('appendWorkflow', {
        ...{ org, id: run.id, fence: run.fence, first: parseSeq(first), events: events.map(logged), now },
      }),
    signal: (run, name, key) =>
      store.call('sendToWorkflow', { org, id: run, item: { type: 'signal', name, value: 1 }, key: key ?? null, now }),
    due: async (at = now) => (await store.query('dueWorkflowRuns', { now: at, rows: 100 })).map(due => due.id),
    rest: ({ id: run, fence }, dueAt, inbox = 0) =>
      store.call('restWorkflowRun', { org, id: run, fence, inbox, dueAt, waits: 'signal', now }),
    enter: (run, limit, onConflict = 'queue') =>
      store.call('enterWorkflowPlace', { org, id: run, key: 'k', limit, onConflict, now }),
  }
}

const logOf = async ({ store, org }: WorkflowStoreWorld, run: RunId): Promise<RunEvent[]> => {
  const page = await store.query('readEvents', { org, id: run, after: 0, mostBytes: 1e9 })
  return page!.events.map(event => JSON.parse(event.text) as RunEvent)
}

export function workflowStoreContract(name: string, open: OpenRunStore): void {
  const world = async (t: Parameters<OpenRunStore>[0]) => workflowWorldOf(await open(t))

  test(`WQ1 the same id with the same words is the same run, with others it is refused (${name})`, async t => {
    const { order, store, org } = await world(t)
    const run = await order('demo', parseRunId('run_a'))
    await order('demo', run)
    await assert.rejects(order('other', run), /RUN_EXISTS|exists/i)
    const found = (await store.query('findWorkflowRun', { org, id: run }))!
    assert.deepEqual([found.name, found.status, found.seq, found.waits], ['demo', 'queued', 0, ''])
    const { items } = await store.query('listWorkflowRuns', {
      asker: { org, user: id('user') },
      before: null,
      rows: 10,
    })
    assert.deepEqual(items, [found])
    const texts = await store.query('workflowDefinitions', { org, hashes: [found.definition, 'b'.repeat(64)] })
    assert.deepEqual(texts, [[hashOf(text), text]])
  })

  test(`WQ10 one taker of a due run wins, and one whose lease is over is refused from then on (${name})`, async t => {
    const w = await world(t)
    const run = await w.order()
    assert.deepEqual(await w.due(), [run])
    const both = await Promise.all([w.take(run, 'one'), w.take(run, 'two')])
    const [first] = both.filter(taken => taken !== null)
    assert.equal(both.filter(taken => taken !== null).length, 1)
    assert.deepEqual([first!.seq, first!.fence, await w.due()], [1, 1, []])
    assert.equal((await w.write(first!, 2, ...step('a'))).seq, 3)
    const later = now + leaseMs
    assert.deepEqual(await w.due(later), [run])
    const second = (await w.take(run, 'three', later))!
    assert.deepEqual([second.fence, second.seq], [2, 3])
    assert.equal((await w.write(first!, 4, ...step('b'))).refused, 'STALE_FENCE')
    assert.equal((await w.write(second, 4, ...step('b'))).seq, 5)
    assert.equal(await w.rest(first!, null), false)
  })

  test(`WQ10 WQ12 leases are renewed for who has them, and freed of all who are gone (${name})`, async t => {
    const w = await world(t)
    const [a, b] = [await w.order(), await w.order()]
    const taken = (await w.take(a, 'one'))!
    await w.take(b, 'two')
    const still = await w.store.call('renewWorkflowRuns', {
      org: w.org,
      executor: 'one',
      leaseUntil: now + 2 * leaseMs,
    })
    assert.deepEqual(still, [{ id: a, fence: taken.fence, inbox: 0 }])
    assert.deepEqual(await w.due(now + leaseMs), [b])
    assert.equal(await w.store.call('freeWorkflowRuns', { but: 'one', now }), 1)
    assert.deepEqual(await w.due(), [b])
  })

  test(`WQ4 a group is in the log whole or not at all, in order, and behind its end there is nothing (${name})`, async t => {
    const w = await world(t)
    const run = (await w.take(await w.order()))!
    await w.write(run, 2, ...step('a'))
    assert.equal((await w.write(run, 3, ...step('b'))).refused, 'SEQ_GAP')
    assert.equal((await w.write(run, 9, ...step('b'))).refused, 'SEQ_GAP')
    assert.equal((await w.write({ id: run.id, fence: parseFence(7) }, 4, ...step('b'))).refused, 'STALE_FENCE')
    assert.equal((await w.write({ id: parseRunId('run_no'), fence: run.fence }, 4)).refused, 'NOT_FOUND')
    const gate = id('gate')
    const nonce = 'n'.repeat(22)
    const opened: RunEvent = { type: 'gate-opened', at: now, gate, nonce, title: 'Go', shown, expiresAt: now + 1 }
    // The second of the group cannot be: a gate of that id is there. So the first is not there either.
    await w.write(run, 4, opened)
    await assert.rejects(w.write(run, 5, ...step('c'), opened))
    assert.equal((await w.write(run, 5, ...step('c'))).seq, 6)
    const ended = does({ type: 'ended', outcome: 'completed' })
    assert.equal((await w.write(run, 7, ended, completed)).seq, 8)
    assert.equal((await w.write(run, 9, ...step('d'))).refused, 'RUN_ENDED')
    const log = await logOf(w, run.id)
    assert.equal(log.length, 8)
    assert.deepEqual(log.slice(1, 3), step('a'))
    const row = (await w.store.query('findWorkflowRun', { org: w.org, id: run.id }))!
    assert.deepEqual([row.status, row.seq, row.dueAt, row.executor], ['completed', 8, null, null])
    assert.equal((await w.store.query('findGate', { org: w.org, id: gate }))!.state, 'void')
    assert.deepEqual(await w.due(now * 2), [])
  })

  test(`WQ4 WQ10 what is asked for at once comes to the same as one after the other (${name})`, async t => {
    const w = await world(t)
    const failed: RunEvent = {
      type: 'failed',
      at: now,
      durationMs: 1,
      error: { name: 'E', message: 'e', traceback: [] },
    }
    const order = () => w.order('demo', undefined, id('user'))
    const seen = async (run: RunId) => {
      const row = (await w.store.query('findWorkflowRun', { org: w.org, id: run }))!
      const shown = (await w.store.query('showRun', { org: w.org, id: run }))!
      const rest = { ...row, id: 0, requestedAt: 0, askedBy: 0 }
      return [rest, { ...shown, id: 0 }, await logOf(w, run)]
    }
    const act = async (run: RunId, end: RunEvent) => {
      const taken = (await w.take(run))!
      assert.deepEqual(taken.opening, (await logOf(w, run)).slice(0, 1))
      await w.write(taken, 2, ...step('a'))
      const ended = await w.write(taken, 4, ...step('b'), end)
      assert.equal(ended.run?.endedAt, now)
    }
    const [one, two] = [await order(), await order()]
    await act(one, completed)
    await act(two, failed)
    const runs = await Promise.all(Array.from({ length: 12 }, order))
    await Promise.all(runs.map((run, i) => act(run, i % 2 ? failed : completed)))
    const [good, bad] = [await seen(one), await seen(two)]
    for (const [i, run] of runs.entries()) assert.deepEqual(await seen(run), i % 2 ? bad : good)
    // One that nobody has, one under an old fence, one that has ended, and the same run twice: each has its own answer.
    const [three, four] = await Promise.all([order(), order()].map(async run => (await w.take(await run))!))
    const answers = await Promise.all([
      w.write(three!, 2, ...step('a')),
      w.write(three!, 4, ...step('b')),
      w.write({ id: four!.id, fence: parseFence(9) }, 2, ...step('a')),
      w.write({ id: one, fence: three!.fence }, 7, ...step('c')),
      w.write({ id: parseRunId('run_no'), fence: three!.fence }, 2, ...step('a')),
      w.write(four!, 2, ...step('a'), completed),
    ])
    assert.deepEqual(
      answers.map(({ seq, refused }) => refused ?? seq),
      [3, 5, 'STALE_FENCE', 'RUN_ENDED', 'NOT_FOUND', 4],
    )
    assert.equal(await w.take(four!.id, 'two', now + 2 * leaseMs), null)
  })

  test(`WQ20 WQ11 what is sent is numbered once, and makes a run due that nobody holds, also in the moment that it is left (${name})`, async t => {
    const w = await world(t)
    const run = await w.order()
    assert.deepEqual(
      [await w.signal(run, 'a', 'x'), await w.signal(run, 'a', 'x'), await w.signal(run, 'b')],
      [1, 1, 2],
    )
    const items = await w.store.query('readWorkflowInbox', { org: w.org, id: run, after: 1 })
    assert.deepEqual(
      items.map(item => JSON.parse(item)),
      [{ type: 'signal', name: 'b', value: 1, inbox: 2 }],
    )
    const first = (await w.take(run))!
    assert.equal(first.inbox, 2)
    await w.signal(run, 'c')
    assert.equal(await w.rest(first, null, 2), true)
    assert.deepEqual(await w.due(), [run], 'it came while the run was left')
    const second = (await w.take(run))!
    await w.rest(second, now + 5_000, 3)
    assert.deepEqual([await w.due(), await w.due(now + 5_000)], [[], [run]])
    await w.signal(run, 'd')
    assert.deepEqual(await w.due(), [run])
    const third = (await w.take(run))!
    await w.write(third, 2, does({ type: 'ended', outcome: 'completed' }), completed)
    await assert.rejects(w.signal(run, 'e'), /RUN_ENDED|ended/i)
    await assert.rejects(w.signal(parseRunId('run_no'), 'e'), /nothing here/)
  })

  test(`WQ21 a decision and what the run hears of it are one step; one that does not fit decides nothing (${name})`, async t => {
    const w = await world(t)
    const run = (await w.take(await w.order()))!
    const gate = id('gate')
    const nonce = 'n'.repeat(22)
    const choices = ['blue', 'red']
    const opened: RunEvent = {
      type: 'gate-opened',
      at: now,
      gate,
      nonce,
      title: 'Go',
      shown,
      choices,
      expiresAt: now + 9,
    }
    await w.write(run, 2, opened)
    await w.rest(run, now + 9)
    const decide = (choice?: string) => {
      const answer = { decision: 'approved' as const, digest, nonce, ...(choice !== undefined && { choice }) }
      return w.store.call('decideGate', { org: w.org, id: gate, answer, by: 'me', now })
    }
    await assert.rejects(decide())
    await assert.rejects(decide('green'))
    assert.deepEqual(await w.due(), [])
    const races = await Promise.allSettled([decide('red'), decide('blue')])
    assert.equal(races.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.deepEqual(await w.due(), [run.id])
    const items = await w.store.query('readWorkflowInbox', { org: w.org, id: run.id, after: 0 })
    assert.equal(items.length, 1)
    const { type, verdict, by } = JSON.parse(items[0]!)
    assert.deepEqual([type, verdict, by], ['decide', 'approved', 'me'])
  })

  test(`WQ30 WQ31 places are given in order, come back with the end of a run, and wake who waits (${name})`, async t => {
    const w = await world(t)
    const runs = [await w.order(), await w.order(), await w.order(), await w.order()] as const
    const held = []
    for (const run of runs) held.push((await w.take(run))!)
    assert.deepEqual([await w.enter(runs[0], 1), await w.enter(runs[0], 1)], ['entered', 'entered'])
    assert.deepEqual([await w.enter(runs[1], 1), await w.enter(runs[2], 1)], ['waits', 'waits'])
    assert.equal(await w.enter(runs[3], 1, 'reject'), 'refused')
    await w.rest(held[1]!, null)
    await w.store.call('endRun', { org: w.org, id: runs[0], as: 'cancelled', reason: 'x', now })
    assert.deepEqual(await w.due(), [runs[1]])
    assert.equal(await w.enter(runs[2], 1), 'waits', 'it came later')
    assert.equal(await w.enter(runs[1], 1), 'entered')
    assert.equal(await w.enter(runs[3], 1, 'replace'), 'waits')
    await w.enter(runs[3], 1, 'replace')
    const told = await w.store.query('readWorkflowInbox', { org: w.org, id: runs[1], after: 0 })
    assert.deepEqual(
      told.map(item => (JSON.parse(item) as { type: string }).type),
      ['cancel'],
    )
    // The next one is just being put aside when its place comes free.
    await w.store.call('endRun', { org: w.org, id: runs[1], as: 'cancelled', reason: 'x', now })
    await w.rest(held[2]!, null)
    assert.deepEqual(await w.due(), [runs[2]])
  })

  test(`WQ14 a checkpoint is kept by who holds the run, replaced, and gone with its end (${name})`, async t => {
    const w = await world(t)
    const run = (await w.take(await w.order()))!
    const { store, org } = w
    const save = (fence: Fence, seq: number) =>
      store.call('saveWorkflowCheckpoint', { org, id: run.id, fence, seq, version: 1, state: `{"s":${seq}}` })
    const read = (version = 1) => store.query('workflowCheckpoint', { org, id: run.id, version })
    await save(run.fence, 1)
    await save(run.fence, 2)
    await save(parseFence(9), 3)
    assert.deepEqual([await read(), await read(2)], [{ seq: 2, state: '{"s":2}' }, null])
    await w.write(run, 2, does({ type: 'ended', outcome: 'completed' }), completed)
    assert.equal(await read(), null)
  })

  test(`WQ50 nothing of a run is there for another org, whoever asks for it by its id (${name})`, async t => {
    const own = await world(t)
    const { store } = own
    const { org } = await store.call('addUser', { org: id('org'), user: id('user'), name: 'eve', now })
    const run = (await own.take(await own.order()))!
    await own.signal(run.id, 'a')
    await own.enter(run.id, 1)
    const other = ofOrg(store, org as OrgId, own.project)
    const at = { org: org as OrgId, id: run.id }
    assert.equal(await store.query('findWorkflowRun', at), null)
    assert.equal(await other.take(run.id, 'eve', now * 2), null)
    assert.equal((await other.write(run, 2, ...step('a'))).refused, 'NOT_FOUND')
    assert.deepEqual(await store.query('readWorkflowInbox', { ...at, after: 0 }), [])
    assert.deepEqual(await store.query('workflowDefinitions', { org: at.org, hashes: [hashOf(text)] }), [])
    assert.equal(await other.rest(run, null), false)
    assert.equal(await other.enter(run.id, 1), 'refused')
    await assert.rejects(other.signal(run.id, 'b'))
    await assert.rejects(other.order())
    assert.deepEqual((await store.query('findWorkflowRun', { org: own.org, id: run.id }))!.inbox, 1)
  })
}
