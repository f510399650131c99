/** What every driver of the work queue must do (WQ70–WQ79). */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { OrgId } from '@meshbook/core/ids.ts'
import type { Job, WorkQueue } from '@meshbook/hub/queue/work-queue.ts'
import { eventually } from '../mesh-process.ts'

export interface OpenedQueue {
  queue: WorkQueue
  /** What the log was told. */
  lines: string[]
}

const org = 'org_1' as OrgId

/** Work that goes on until it is let go, so that a test sees who is in the middle of what. */
export class Gate {
  readonly begun: string[] = []
  readonly #open = new Map<string, () => void>()
  most = 0

  readonly handle = async ({ id }: Job): Promise<void> => {
    this.begun.push(id)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#open.set(id, resolve)
    this.most = Math.max(this.most, this.#open.size)
    await promise
    this.#open.delete(id)
  }

  letGo(): void {
    for (const resolve of this.#open.values()) resolve()
  }
}

export function workQueueContract(name: string, open: (t: TestContext) => Promise<OpenedQueue>): void {
  test(`WQ70 ${name}: a job is ids alone; what else is given is refused`, async t => {
    const { queue } = await open(t)
    for (const job of [
      { id: 'run_1', org, input: { password: 'hunter2' } },
      { id: 'https://example.com/?key=hunter2' },
      { id: 'run 1', org },
      { id: 'run_1', org: { name: 'hunter2' } },
    ])
      await assert.rejects(queue.add('orchestrator', job as unknown as Job), { code: 'BAD_REQUEST' })
    assert.equal(await queue.add('orchestrator', { id: 'run_1', org }), true)
  })

  test(`WQ71 WQ73 ${name}: in the order in which they came, each once while it waits, small priorities first`, async t => {
    const { queue } = await open(t)
    const begun: string[] = []
    for (const id of ['a', 'b', 'a', 'c', 'b']) assert.equal(await queue.add('orchestrator', { id, org }), true)
    for (const [id, priority] of [
      ['last', 9],
      ['later', 2],
    ] as const)
      await queue.add('orchestrator', { id, org }, { priority })
    queue.work('orchestrator', { concurrency: 1 }, ({ id }) => void begun.push(id), AbortSignal.timeout(60_000))
    await eventually('all were begun', () => begun.includes('last'))
    assert.deepEqual(begun, ['a', 'b', 'c', 'later', 'last'])
  })

  test(`WQ71 ${name}: what is added while it is worked on is worked on once more behind it`, async t => {
    const { queue } = await open(t)
    const gate = new Gate()
    queue.work('orchestrator', { concurrency: 2 }, gate.handle, AbortSignal.timeout(60_000))
    await queue.add('orchestrator', { id: 'a', org })
    await eventually('it has begun', () => gate.begun.length === 1)
    for (let i = 0; i < 3; i++) await queue.add('orchestrator', { id: 'a', org })
    await sleep(100)
    assert.deepEqual(gate.begun, ['a'])
    gate.letGo()
    await eventually('it has begun again', () => gate.begun.length === 2)
    gate.letGo()
    await queue.add('orchestrator', { id: 'b', org })
    await eventually('the other one has begun', () => gate.begun.includes('b'))
    assert.deepEqual(gate.begun, ['a', 'a', 'b'])
    gate.letGo()
  })

  test(`WQ71 WQ73 ${name}: a delay is kept, and one that is wanted sooner comes sooner`, async t => {
    const { queue } = await open(t)
    const begun: [string, number][] = []
    const handle = ({ id }: Job): void => void begun.push([id, performance.now() - at])
    queue.work('orchestrator', { concurrency: 1 }, handle, AbortSignal.timeout(60_000))
    const at = performance.now()
    await queue.add('orchestrator', { id: 'soon', org }, { delayMs: 300 })
    await queue.add('orchestrator', { id: 'sooner', org }, { delayMs: 60_000 })
    await queue.add('orchestrator', { id: 'sooner', org })
    await eventually('both came', () => begun.length === 2)
    const times = new Map(begun)
    assert.ok(times.get('soon')! >= 290, `after ${times.get('soon')} ms`)
    assert.equal(begun.filter(([id]) => id === 'sooner').length, 1)
  })

  test(`WQ74 ${name}: once in its time`, async t => {
    const { queue } = await open(t)
    const begun: string[] = []
    queue.work('system', { concurrency: 1 }, ({ id }) => void begun.push(id), AbortSignal.timeout(60_000))
    for (let i = 0; i < 3; i++) {
      await queue.add('system', { id: 'look' }, { onceInMs: 60_000 })
      await eventually('it came', () => begun.length > 0)
    }
    await queue.add('system', { id: 'other' }, { onceInMs: 60_000 })
    await eventually('the other came', () => begun.includes('other'))
    assert.deepEqual(begun, ['look', 'other'])
  })

  test(`WQ75 ${name}: so many at once and no more, also of those that are settled`, async t => {
    const { queue } = await open(t)
    const gate = new Gate()
    const handle = (job: Job, settle: () => void): Promise<void> => {
      if (job.id < 'j2') settle()
      return gate.handle(job)
    }
    queue.work('orchestrator', { concurrency: 3 }, handle, AbortSignal.timeout(60_000))
    for (let i = 0; i < 8; i++) await queue.add('orchestrator', { id: `j${i}`, org })
    await eventually('three have begun', () => gate.begun.length === 3)
    await sleep(150)
    assert.equal(gate.begun.length, 3)
    await eventually('all were begun', () => {
      gate.letGo()
      return gate.begun.length === 8
    })
    gate.letGo()
    assert.equal(gate.most, 3)
  })

  test(`WQ77 ${name}: work that throws is said and gone, and the next goes on`, async t => {
    const { queue, lines } = await open(t)
    const begun: string[] = []
    const handle = ({ id }: Job): void => {
      begun.push(id)
      if (id === 'bad') throw new Error('this does not go')
    }
    queue.work('orchestrator', { concurrency: 1 }, handle, AbortSignal.timeout(60_000))
    for (const id of ['bad', 'good']) await queue.add('orchestrator', { id, org })
    await eventually('both were begun', () => begun.length === 2)
    assert.deepEqual(begun, ['bad', 'good'])
    await eventually('it was said', () => lines.includes('a job of the work queue failed'))
    await queue.add('orchestrator', { id: 'bad', org })
    await eventually('it may come again', () => begun.length === 3)
  })

  test(`WQ78 ${name}: closing waits for what is worked on, no longer than it was told to, and takes nothing more`, async t => {
    const [first, second] = [await open(t), await open(t)]
    const gate = new Gate()
    for (const { queue } of [first, second])
      queue.work('step', { concurrency: 1 }, gate.handle, AbortSignal.timeout(60_000))
    for (const id of ['a', 'b']) await first.queue.add('step', { id, org })
    await second.queue.add('step', { id: 'c', org })
    await eventually('both work', () => gate.begun.length >= 2)
    const closed = first.queue.close(30_000)
    assert.equal(await first.queue.add('step', { id: 'd', org }), false)
    let isClosed = false
    void closed.then(() => {
      isClosed = true
    })
    await sleep(100)
    assert.equal(isClosed, false)
    await eventually('what was worked on has ended', () => {
      gate.letGo()
      return isClosed
    })
    const third = await open(t)
    third.queue.work('step', { concurrency: 1 }, gate.handle, AbortSignal.timeout(60_000))
    await third.queue.add('step', { id: 'e', org })
    await eventually('a step that does not end', () => {
      if (gate.begun.includes('e')) return true
      gate.letGo()
      return false
    })
    const at = performance.now()
    await Promise.all([second, third].map(({ queue }) => queue.close(100)))
    assert.ok(performance.now() - at < 20_000)
  })

  test(`WQ79 ${name}: of 5000 jobs none is lost and none is doubled`, async t => {
    const { queue } = await open(t)
    const begun = new Map<string, number>()
    const handle = ({ id }: Job): void => void begun.set(id, (begun.get(id) ?? 0) + 1)
    queue.work('orchestrator', { concurrency: 50 }, handle, AbortSignal.timeout(600_000))
    for (let i = 0; i < 5_000; i += 250) {
      const some = Array.from({ length: 250 }, (_, j) => `run_${i + j}`)
      await Promise.all(some.map(id => added(queue, { id, org })))
    }
    // Beside others a machine may be slow.
    await eventually('all were begun', () => begun.size === 5_000, 110_000)
    await sleep(100)
    assert.deepEqual(
      [...begun].filter(([, times]) => times > 1),
      [],
    )
  })
}

/** A hint that was not taken in is given again, as a look would. */
export async function added(queue: WorkQueue, job: Job): Promise<void> {
  while (!(await queue.add('orchestrator', job))) await sleep(50)
}
