/**
 * What every store must do with tasks: one worker at a time under fences, a log without gaps and with one end, messages
 * heard once (TK1, TK2, TK10–TK12, TK20, TK30, I4, I5).
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { approvalTitle, cellTool } from '@meshbook/core/cell-request.ts'
import {
  newId,
  parseAssetId,
  parseFence,
  parseRunId,
  parseSeq,
  type RunId,
  systemRandom,
  type WorkerId,
} from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { isTerminal, type RunEvent } from '@meshbook/core/run.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import { logged } from '@meshbook/hub/store/run-log.ts'
import type { NewTaskRow, TaskRow } from '@meshbook/hub/store/tasks.ts'
import * as fc from 'fast-check'
import { type OpenRunStore, type World, worldOf } from './run-store.ts'

const now = 1_800_000_000_000
const commit = 'c'.repeat(40)
const id = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, now, systemRandom)
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')
const does = (event: TaskEvent): RunEvent => ({ type: 'task', at: now, event })
const turn = does({ type: 'turn-began', turn: 1, model: 'm' })
const saved = does({ type: 'checkpoint', turn: 1, commit, files: 1, added: 1, removed: 0 })
const finished = does({ type: 'finished', outcome: 'done', summary: 'it works' })
const completed: RunEvent = { type: 'completed', at: now, durationMs: 1 }

interface TaskWorld extends World {
  order(prompt: string, id?: RunId, more?: Partial<NewTaskRow>): Promise<TaskRow>
  take(task: RunId, hub?: string, most?: number): Promise<{ task: TaskRow; worker: WorkerId } | null>
  write(task: TaskRow, first: number, ...events: RunEvent[]): Promise<{ seq: number; refused?: string }>
}

function taskWorldOf(world: World): TaskWorld {
  const { store, org, project } = world
  return {
    ...world,
    async order(prompt, known, more = {}) {
      const task = known ?? parseRunId(id('run'))
      const { task: made } = await store.call('createTask', {
        ...{
          org,
          id: task,
          project,
          repo: 'https://git.example/a.git',
          prompt,
          base: null,
          agent: 'meshbook',
          model: 'm',
        },
        ...{
          branch: `meshbook/${task}/x`,
          budget: { turns: 3 },
          tools: { shell: 'ask' as const },
          pullRequest: true,
          from: null,
        },
        ...{ hash: hashOf(prompt), newSession: id('session'), requestedBy: 'me', asker: null, credential: null, now },
        ...more,
      })
      return made
    },
    async take(task, hub = 'hub', most = 10) {
      const worker = id('worker')
      const taken = await store.call('takeTask', { org, id: task, hub, worker, tokenHash: hashOf(worker), most, now })
      return taken && { task: taken, worker }
    },
    write: (task, first, ...events) =>
      store.call('appendTask', {
        ...{ org, id: task.id, fence: task.fence!, first: parseSeq(first), events: events.map(logged), now },
      }),
  }
}

export function taskStoreContract(name: string, open: OpenRunStore, schedules: number): void {
  const world = async (t: TestContext) => taskWorldOf(await worldOf(await open(t)))

  test(`${name}: TK1 the same words under the same id are the same task`, async t => {
    const w = await world(t)
    const { id: task, position, budget, tools } = await w.order('mend it')
    assert.deepEqual([position, budget, tools], [0, { turns: 3 }, { shell: 'ask' }])
    assert.equal((await w.order('mend it', task)).id, task)
    await assert.rejects(w.order('break it', task), { code: 'RUN_EXISTS' })
    assert.equal((await w.order('another')).position, 1)
    const { user } = await w.store.call('firstUser', { org: w.org, user: id('user'), name: 'me', now, token: null })
    const list = { asker: { org: w.org, user }, before: null, rows: 1 }
    const first = await w.store.query('listTasks', { ...list, open: true, project: w.project })
    assert.equal(first.items.length, 1)
    const rest = await w.store.query('listTasks', { ...list, before: first.next })
    const prompts = [...first.items, ...rest.items].map(({ prompt }) => prompt)
    assert.deepEqual(prompts.toSorted(), ['another', 'mend it'])
    assert.equal((await w.store.query('sessionsWithQueue')).length, 0, 'no device takes it')
  })

  test(`${name}: TK10 of two hubs one takes a task, and no more than it has room for`, async t => {
    const w = await world(t)
    const [a, b] = [await w.order('a'), await w.order('b')]
    assert.deepEqual(
      (await w.store.query('tasksToTake', { rows: 10 })).map(({ id }) => id),
      [a.id, b.id],
    )
    const both = await Promise.all([w.take(a.id, 'one'), w.take(a.id, 'two')])
    assert.equal(both.filter(taken => taken !== null).length, 1)
    const [taken] = both.flatMap(each => each ?? [])
    assert.equal(await w.take(b.id, taken!.task.hub!, 1), null)
    const known = await w.store.query('taskOfWorker', { worker: taken!.worker, tokenHash: hashOf(taken!.worker) })
    assert.equal(known?.id, a.id)
    assert.equal(await w.store.query('taskOfWorker', { worker: taken!.worker, tokenHash: hashOf('x') }), null)
    assert.equal((await w.store.query('tasksOfHub', { hub: taken!.task.hub! })).length, 1)
    await w.store.call('noteTaskBase', { org: w.org, id: a.id, base: commit })
    await w.store.call('noteTaskReasons', { org: w.org, id: b.id, reasons: ['full'] })
    assert.equal((await w.store.query('findTask', { org: w.org, id: a.id }))?.baseCommit, commit)
    assert.deepEqual((await w.store.query('findTask', { org: w.org, id: b.id }))?.reasons, ['full'])
    const ids = [b.id, parseRunId('task-nobody-made')]
    assert.deepEqual(await w.store.query('tasksThere', { ids }), [{ org: w.org, id: b.id, isOver: false }])
    assert.deepEqual(await w.store.query('tasksThere', { ids: [] }), [])
  })

  test(`${name}: TK11, TK12, TK30 only the newest holder writes, and after the end nobody does`, async t => {
    const w = await world(t)
    const { org } = w
    const { id: task } = await w.order('a')
    const first = (await w.take(task))!
    assert.equal((await w.write(first.task, 1, turn, saved)).seq, 2)
    assert.deepEqual(await w.write(first.task, 2, saved, turn).then(({ seq, refused }) => [seq, refused]), [
      3,
      undefined,
    ])
    assert.equal((await w.write(first.task, 9, turn)).refused, 'SEQ_GAP')
    const lost = await w.store.call('loseTaskWorker', { org, id: task, worker: first.worker, reason: 'gone', now })
    assert.deepEqual([lost?.worker, lost?.replaced, lost?.seq], [null, 1, 4])
    assert.equal(
      await w.store.call('loseTaskWorker', { org, id: task, worker: first.worker, reason: 'again', now }),
      null,
    )
    const second = (await w.take(task))!
    assert.equal((await w.write(first.task, 5, turn)).refused, 'STALE_FENCE')
    assert.equal((await w.write(second.task, 5, finished)).refused, undefined)
    assert.equal(await w.store.call('holdTask', { org, id: task, hub: 'elsewhere' }), null)
    const held = (await w.store.call('holdTask', { org, id: task, hub: 'hub' }))!
    assert.equal((await w.write(second.task, 6, turn)).refused, 'STALE_FENCE')
    assert.equal((await w.write({ ...held.task, fence: held.fence }, 6, completed)).refused, undefined)
    assert.equal((await w.write({ ...held.task, fence: held.fence }, 7, turn)).refused, 'RUN_ENDED')
    await w.store.call('releaseTask', { org, id: task })
    const ended = await w.store.query('findTask', { org, id: task })
    assert.deepEqual([ended?.status, ended?.hub, ended?.worker, ended?.state.commit], ['completed', null, null, commit])
    assert.equal(await w.store.call('holdTask', { org, id: task, hub: 'hub' }), null)
    assert.equal(await w.take(task), null)
  })

  test(`${name}: TK20, TK21 messages are noted as heard, wishes are counted, and nothing is said to what has ended`, async t => {
    const w = await world(t)
    const { org } = w
    const { id: task } = await w.order('a')
    const say = (message: string, text: string) =>
      w.store.call('sayToTask', { org, id: task, message, text, by: 'me', now })
    await say('m1', 'one')
    await say('m1', 'one')
    await say('m2', 'two')
    await assert.rejects(say('m2', 'three'), { code: 'CONFLICT' })
    const taken = (await w.take(task))!
    await w.write(taken.task, 1, does({ type: 'heard', id: 'm1', by: 'me', text: 'one' }))
    const messages = await w.store.query('messagesOf', { org, id: task })
    assert.deepEqual(
      messages.map(({ id, heardAt }) => [id, heardAt !== null]),
      [
        ['m1', true],
        ['m2', false],
      ],
    )
    await w.store.call('wishOfTask', { org, id: task, action: 'pause', by: 'me', now })
    const { wish } = await w.store.call('wishOfTask', { org, id: task, action: 'stop', by: 'me', now })
    assert.deepEqual([wish?.action, wish?.number], ['stop', now + 1])
    const question = { type: 'input-request', at: now, id: 'q1', prompt: 'Which?', password: false } as RunEvent
    await assert.rejects(w.store.call('answerTask', { org, id: task, input: 'q1', text: 'x' }), { code: 'CONFLICT' })
    await w.write(taken.task, 2, question)
    const answered = await w.store.call('answerTask', { org, id: task, input: 'q1', text: 'the left one' })
    assert.deepEqual(answered.answer, { id: 'q1', text: 'the left one' })
    await assert.rejects(w.store.call('answerTask', { org, id: task, input: 'q1', text: 'y' }), { code: 'CONFLICT' })
    await w.write(taken.task, 3, saved)
    assert.equal(await w.store.query('checkpointAt', { org, id: task, turn: 0 }), null)
    assert.equal(await w.store.query('checkpointAt', { org, id: task, turn: 1 }), commit)
    const asset = parseAssetId(`sha256-${'a'.repeat(64)}`)
    assert.equal(await w.store.query('isAssetOfTask', { org, id: task, asset }), false)
    const held = (await w.store.call('holdTask', { org, id: task, hub: 'hub' }))!
    await w.write({ ...held.task, fence: held.fence }, 4, finished)
    await assert.rejects(say('m3', 'late'), { code: 'RUN_ENDED' })
  })

  test(`${name}: TK44 TK46 tasks are found by words and states; one that has ended is deleted with all that it said`, async t => {
    const w = await world(t)
    const { org, store } = w
    const asker = { org, user: id('user') }
    const [one, two] = [await w.order('Mend the Ärger_100% test'), await w.order('Write docs')]
    const found = async (more: object) => {
      const { items } = await store.query('listTasks', { asker, before: null, rows: 10, ...more })
      return items.map(({ id }) => id)
    }
    assert.deepEqual(await found({ find: ['mend', 'GIT.example'] }), [one.id])
    assert.deepEqual(await found({ find: ['Ärger_100%'] }), [one.id])
    assert.deepEqual(await found({ find: ['d_cs'] }), [])
    assert.deepEqual(await found({ find: ['docs'], state: 'queued' }), [two.id])
    for (const state of ['working', 'paused', 'waiting', 'starting', 'failed'] as const)
      assert.deepEqual(await found({ state }), [])
    await assert.rejects(store.call('deleteTask', { org, id: one.id }), { code: 'CONFLICT' })
    const taken = (await w.take(one.id))!
    await w.write(taken.task, 1, turn)
    assert.deepEqual(await found({ state: 'working' }), [one.id])
    await w.write(taken.task, 2, does({ type: 'paused', by: 'me', interrupted: false }))
    assert.deepEqual(await found({ state: 'paused' }), [one.id])
    await store.call('sayToTask', { org, id: one.id, message: 'm1', text: 'x', by: 'me', now })
    await w.write(taken.task, 3, completed)
    await store.call('releaseTask', { org, id: one.id })
    assert.equal((await store.call('deleteTask', { org, id: one.id }))?.id, one.id)
    assert.equal(await store.call('deleteTask', { org, id: one.id }), null)
    assert.equal(await store.query('findTask', { org, id: one.id }), null)
    assert.equal(await store.query('readEvents', { org, id: one.id, after: 0, mostBytes: 1 }), null)
    assert.deepEqual(await store.query('messagesOf', { org, id: one.id }), [])
    assert.deepEqual(await found({}), [two.id])
  })

  test(`${name}: TK50, TK51, TK52, TK57 a cell is allowed once for each agreement, under a run that follows from it`, async t => {
    const w = await world(t)
    const { org, store } = w
    const { user } = await store.call('firstUser', { org, user: id('user'), name: 'me', now, token: null })
    const own = { asker: { org, user }, credential: 'session:s1' }
    const { id: task } = await w.order('a', undefined, { ...own, tools: {} })
    const taken = (await w.take(task))!.task
    const words = hashOf('python in a.md')
    const ask = (call: string, more: object = {}) =>
      store.call('allowTaskCell', {
        ...{ org, task, fence: taken.fence!, call, digest: words, now, endsAt: now + 1_000 },
        ...more,
      })
    await assert.rejects(ask('c1'), { code: 'FORBIDDEN' })
    const nonce = 'n'.repeat(20)
    const agree = async (seq: number, by: string, shown = 'python in a.md') => {
      const gate = id('gate')
      const event = { gate, nonce, title: approvalTitle(cellTool), shown, expiresAt: now + 1_000 }
      await w.write(taken, seq, { type: 'gate-opened', at: now, ...event })
      await store.call('decideGate', {
        ...{ org, id: gate, by, now, answer: { decision: 'approved', nonce, digest: hashOf(shown) } as const },
      })
    }
    await agree(1, 'ann')
    await assert.rejects(ask('c1'), { code: 'FORBIDDEN', detail: 'ann agreed, but it needs me' })
    await agree(2, 'me')
    const asked = { org, task, fence: taken.fence!, call: 'c1', digest: words }
    assert.equal(await store.query('judgeTaskCell', asked), null, 'to look uses nothing up')
    // Whatever is killed between the permission and its run: asked again, it is the same.
    const both = await Promise.all([ask('c1'), ask('c1')])
    assert.deepEqual(both[0], both[1])
    assert.deepEqual(await store.query('findTaskCell', { org, task, call: 'c1' }), both[0])
    assert.deepEqual(await ask('c1', { now: now + 500, endsAt: now + 9_000 }), both[0], 'its time is not begun again')
    await assert.rejects(ask('c1', { digest: hashOf('other') }), { code: 'CONFLICT' })
    await assert.rejects(ask('c2'), { code: 'GATE_REPLAYED' })
    await agree(3, 'me', 'python in b.md')
    await assert.rejects(ask('c3', { digest: hashOf('python in c.md') }), { code: 'GATE_ALTERED' })
    await assert.rejects(ask('c1', { fence: parseFence(99) }), { code: 'STALE_FENCE' })
    await agree(4, 'me')
    const raced = await Promise.allSettled([ask('c4'), ask('c5')])
    assert.equal(raced.filter(({ status }) => status === 'fulfilled').length, 1, 'one agreement, one run')
    const open = await store.query('openTaskCells', { org, task })
    assert.deepEqual(
      open.map(({ isCancelled }) => isCancelled),
      [false, false],
    )
    assert.equal(new Set(open.map(({ run }) => run)).size, 2)
    assert.equal((await store.query('overdueTaskCells', { now: now + 999 })).length, 0)
    assert.equal((await store.query('overdueTaskCells', { now: now + 1_000 })).length, 2)
    for (const { call } of open) await store.call('closeTaskCell', { org, task, call })
    assert.deepEqual(await store.query('openTaskCells', { org, task }), [])
    await store.call('wishOfTask', { org, id: task, action: 'stop', by: 'me', now })
    await assert.rejects(ask('c1'), { code: 'RUN_ENDED' })

    const never = await w.order('b', undefined, { ...own, tools: { notebook_cell: 'never' } })
    const held = (await w.take(never.id))!.task
    await assert.rejects(ask('c1', { task: never.id, fence: held.fence }), { code: 'FORBIDDEN' })
    const auto = await w.order('c', undefined, { ...own, tools: { notebook_cell: 'auto' } })
    const fence = (await w.take(auto.id))!.task.fence!
    const calls = Array.from({ length: limits.goingCellsPerTask }, (_, number) => `c${number}`)
    for (const call of calls) await ask(call, { task: auto.id, fence })
    await assert.rejects(ask('one-more', { task: auto.id, fence }), { code: 'TOO_MANY' })
  })

  test(`${name}: TK53 a task acts with what the credential leaves that it was asked for with, and without one that is revoked`, async t => {
    const w = await world(t)
    const { org, store } = w
    const { user } = await store.call('firstUser', { org, user: id('user'), name: 'me', now, token: null })
    const token = id('token')
    const made = { org, user, id: token, hash: hashOf('mb_1'), name: 'x', scopes: ['read', 'run'] as const, now }
    await store.call('addToken', { ...made, scopes: [...made.scopes] })
    const askerOf = async (more: Partial<NewTaskRow>) =>
      store.query('askerOfTask', { org, id: (await w.order('a', undefined, more)).id })
    const asker = { org, user }
    const every = ['read', 'write', 'run']
    const of = (credential: string | null, scopes: string[]) => ({ org, user, name: 'me', credential, scopes })
    assert.deepEqual(await askerOf({ asker, credential: null }), of(null, every))
    assert.deepEqual(await askerOf({ asker, credential: 'session:s1' }), of('session:s1', every))
    assert.deepEqual(await askerOf({ asker, credential: `token:${token}` }), of(`token:${token}`, ['read', 'run']))
    await store.call('deleteToken', { org, user, id: token })
    for (const credential of [`token:${token}`, `device:${id('head')}`, 'ticket:t1'])
      assert.equal(await askerOf({ asker, credential }), null, credential)
    assert.equal(await askerOf({ asker: { org, user: id('user') }, credential: null }), null)
    assert.equal(await askerOf({ asker: null, credential: null }), null)
  })

  test(`${name}: I4, I5 whatever workers and hubs do, there is one holder, a log without gaps, and one end`, async t => {
    const w = await world(t)
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), steps => play(w, steps)),
      { numRuns: schedules },
    )
  })
}

type Step =
  | { do: 'take'; hub: 0 | 1 }
  | { do: 'write'; holder: number; back: number; what: 0 | 1 | 2 }
  | { do: 'lose' | 'end'; holder: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('take' as const), hub: fc.constantFrom(0 as const, 1 as const) }),
  fc.record({
    do: fc.constant('write' as const),
    holder: fc.nat(9),
    back: fc.nat(2),
    what: fc.constantFrom(0 as const, 1 as const, 2 as const),
  }),
  fc.record({ do: fc.constantFrom('lose' as const, 'end' as const), holder: fc.nat(9) }),
)

/** Holders write as if each were the only one; what the log then says must be one story. */
async function play(w: TaskWorld, steps: readonly Step[]): Promise<void> {
  const { org } = w
  const { id: task } = await w.order(`task ${steps.length}`)
  const holders: { task: TaskRow; worker: WorkerId | null; seq: number }[] = []
  const at = (number: number) => holders[number % Math.max(1, holders.length)]
  for (const each of steps) {
    if (each.do === 'take') {
      const taken = await w.take(task, `hub ${each.hub}`, 1_000)
      if (taken) holders.push({ ...taken, seq: taken.task.seq })
      continue
    }
    const holder = at(each.holder)
    if (!holder) continue
    if (each.do === 'write') {
      const before = holder.seq
      const done = await w.write(
        holder.task,
        Math.max(1, holder.seq + 1 - each.back),
        [turn, saved, finished][each.what]!,
      )
      const isNewest = holder === holders.at(-1)
      if (done.refused === undefined && done.seq > before) assert.ok(isNewest, 'an older holder has written')
      holder.seq = Math.max(holder.seq, isNewest ? done.seq : holder.seq)
    } else if (each.do === 'lose' && holder.worker) {
      await w.store.call('loseTaskWorker', { org, id: task, worker: holder.worker, reason: 'lost', now })
    } else if (each.do === 'end') {
      const held = await w.store.call('holdTask', { org, id: task, hub: holder.task.hub! })
      if (!held) continue
      holders.push({ task: { ...held.task, fence: held.fence }, worker: null, seq: held.task.seq })
      await w.write({ ...held.task, fence: held.fence }, held.task.seq + 1, completed)
      await w.store.call('releaseTask', { org, id: task })
    }
  }
  const log = await w.log(task)
  assert.deepEqual(
    log.map(({ seq }) => seq),
    log.map((_, index) => index + 1),
  )
  const ends = log.filter(({ event }) => isTerminal(event))
  assert.ok(ends.length <= 1 && (ends.length === 0 || ends[0] === log.at(-1)))
}
