import 'fake-indexeddb/auto'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NewTask } from '@meshbook/core/tasks-api.ts'
import { IDBFactory } from 'fake-indexeddb'
import fc from 'fast-check'
import { postTask } from './post-task.ts'
import { TaskOutbox } from './task-outbox.ts'
import { TaskStore } from './task-store.ts'

const task = (id: string) => ({ id, prompt: `do ${id}`, repo: 'https://git.example/a' }) as NewTask & { id: string }

/** A hub that knows tasks by their id, and a way to it that fails as told. */
function world(factory = new IDBFactory()) {
  const hub = { taken: new Map<string, number>(), stopped: new Set<string>(), clock: 0 }
  const way = { fails: [] as ('before' | 'after' | 'refused')[] }
  const open = () =>
    new TaskOutbox({
      store: new TaskStore(factory),
      post: async ({ id }) => {
        const fails = way.fails.shift()
        if (fails === 'before') return { is: 'unknown' }
        if (fails === 'refused') return { is: 'refused', code: 'TOO_MANY', message: 'Too many', hint: '' }
        hub.taken.set(id, (hub.taken.get(id) ?? 0) + 1)
        return fails === 'after' ? { is: 'unknown' } : { is: 'taken' }
      },
      stop: async id => {
        hub.stopped.add(id)
        return true
      },
      alone: work => work(),
      news: () => undefined,
      now: () => hub.clock,
      wantedMs: 100,
    })
  return { hub, way, open }
}

test('PH90 PH91 what is given is stored first, sent in order, and forgotten when the hub has it', async () => {
  const { hub, way, open } = world()
  const outbox = open()
  way.fails.push('before')
  for (const id of ['a', 'b']) await outbox.add(task(id))
  await outbox.add(task('a'))
  assert.equal(await outbox.send(), true)
  assert.deepEqual([...hub.taken], [])
  const after = open()
  await after.read()
  assert.deepEqual(
    after.tasks.value.map(({ id, state }) => [id, state.is]),
    [
      ['a', 'sending'],
      ['b', 'queued'],
    ],
  )
  assert.equal(await after.send(), false)
  assert.deepEqual([...hub.taken.keys()], ['a', 'b'])
  assert.deepEqual(after.tasks.value, [])
})

test('PH91 what waited too long asks, what is refused says why, and both are sent when wanted', async () => {
  const { hub, way, open } = world()
  const outbox = open()
  await outbox.add(task('a'))
  hub.clock = 200
  assert.equal(await outbox.send(), false)
  assert.equal(outbox.tasks.value[0]!.state.is, 'asks')
  await outbox.want('a')
  way.fails.push('refused')
  await outbox.send()
  assert.deepEqual(outbox.tasks.value[0]!.state, { is: 'refused', message: 'Too many', hint: '' })
  await outbox.want('a')
  await outbox.send()
  assert.deepEqual([...hub.taken], [['a', 1]])
})

test('PH92 what is taken back before it was sent is never sent; what may have arrived is stopped at the hub', async () => {
  const { hub, way, open } = world()
  const outbox = open()
  await outbox.add(task('a'))
  assert.equal(await outbox.takeBack('a'), true)
  await outbox.send()
  assert.deepEqual([...hub.taken], [])
  await outbox.add(task('b'))
  way.fails.push('after')
  await outbox.send()
  assert.equal(await outbox.takeBack('b'), false)
  await outbox.send()
  assert.deepEqual([[...hub.stopped], outbox.tasks.value], [['b'], []])
})

test('PH91 whatever fails when, and however often the app is ended, the hub has each task, under one id', async () => {
  const step = fc.constantFrom('before', 'after', 'new app', 'ok')
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async steps => {
      const { hub, way, open } = world()
      let outbox = open()
      for (const id of ['a', 'b', 'c']) await outbox.add(task(id))
      for (const what of steps) {
        if (what === 'new app') outbox = open()
        else if (what !== 'ok') way.fails.push(what)
        await outbox.send()
      }
      way.fails.length = 0
      await outbox.send()
      assert.deepEqual([...hub.taken.keys()], ['a', 'b', 'c'])
      assert.deepEqual(outbox.tasks.value, [])
    }),
    { numRuns: 30 },
  )
})

test('PH91 only an answer of the hub about this task counts', async () => {
  const answer = (status: number, body: unknown) =>
    postTask(task('a'), (async () => new Response(JSON.stringify(body), { status })) as typeof fetch)
  assert.deepEqual(await answer(201, { id: 'a', prompt: 'do a' }), { is: 'taken' })
  assert.deepEqual(await answer(200, { id: 'b', prompt: 'do a' }), { is: 'unknown' })
  assert.deepEqual(await answer(200, 'a page of somebody else'), { is: 'unknown' })
  assert.deepEqual(await answer(401, { code: 'UNAUTHENTICATED' }), { is: 'unknown' })
  assert.deepEqual(await answer(503, { code: 'BUSY' }), { is: 'unknown' })
  const refused = await answer(400, { code: 'BAD_REQUEST', title: 'Wrong', hint: 'Mend it' })
  assert.deepEqual(refused, { is: 'refused', code: 'BAD_REQUEST', message: 'Wrong', hint: 'Mend it' })
})
