/** Cells that agents ask for (TK50–TK57), with agents that are scripts and devices that do what the test tells them. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Gate, Run } from '@meshbook/core/api.ts'
import type { ToWorker } from '@meshbook/core/broker.ts'
import { approvalTitle, type CellRequest, cellTool, cellWords } from '@meshbook/core/cell-request.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { Task } from '@meshbook/core/tasks-api.ts'
import { ScriptedSandboxes, type ScriptedWorker, completed as taskCompleted } from '../testing/scripted-tasks.ts'
import { completed, started, stdout, TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub, type TestHubOptions } from '../testing/test-hub.ts'
import { addTestUser, makeMember, setRoles } from '../testing/test-user.ts'
import { until } from '../testing/until.ts'

const repo = 'https://git.example/me/code.git'
const standing = 'print(1)'
const text = `---\nsession: lab\n---\n# a\n\n\`\`\`python\n${standing}\n\`\`\`\n`
const cell: CellRequest = { notebook: 'a.md', language: 'python', code: 'print(6 * 7)' }

type Answer<T extends ToWorker['type']> = Extract<ToWorker, { type: T }>

interface World {
  it: TestHub
  sandboxes: ScriptedSandboxes
  order(more?: object, as?: (method: string, path: string, body: unknown) => Promise<Task>): Promise<Task>
  worker(task: Task): Promise<ScriptedWorker>
  /** Opens a gate, as the agent would; decided as `me` where a decision is given. */
  gate(worker: ScriptedWorker, asked?: CellRequest, more?: { title?: string; decision?: string }): Promise<Gate>
  runs(): Promise<Run[]>
}

async function world(t: TestContext, options: TestHubOptions = {}): Promise<World> {
  const sandboxes = new ScriptedSandboxes()
  const it = await startTestHub(t, {
    ...options,
    limits: { workerLookMs: 20, ...options.limits },
    taskWork: sandboxes.work,
  })
  await it.document('a.md', text)
  return {
    it,
    sandboxes,
    order: (more = {}, as = it.json) =>
      as('POST', '/tasks', { repo, prompt: 'Look at the data', project: it.project.id, ...more }) as Promise<Task>,
    worker: async task => (await sandboxes.workerOf(task.id)).join(),
    gate: async (worker, asked = cell, { title = approvalTitle(cellTool), decision = 'approved' } = {}) => {
      const at = Date.now()
      const gate = newId('gate', at, systemRandom)
      const nonce = Buffer.from(systemRandom(16)).toString('base64url')
      const shown = cellWords(asked)
      const expiresAt = at + limits.taskApprovalMs
      await worker.write({ type: 'gate-opened', at, gate, nonce, title, shown, expiresAt } as RunEvent)
      const found = await it.json<Gate>('GET', `/gates/${gate}`)
      if (decision !== '') await it.json('POST', `/gates/${gate}/decide`, { decision, nonce, digest: found.digest })
      return found
    },
    runs: async () => (await it.json<{ items: Run[] }>('GET', '/runs')).items.filter(({ kind }) => kind === 'cell'),
  }
}

async function answerTo<T extends ToWorker['type']>(worker: ScriptedWorker, type: T, call: string): Promise<Answer<T>> {
  const find = () => worker.told.findLast(told => told.type === type && 'call' in told && told.call === call)
  await until(() => find() !== undefined)
  return find() as Answer<T>
}

const ask = (worker: ScriptedWorker, call = 'turn-1-a', request: CellRequest = cell) =>
  worker.say({ type: 'cell', call, request })

async function ends(worker: ScriptedWorker, call = 'turn-1-a', request: CellRequest = cell) {
  ask(worker, call, request)
  return answerTo(worker, 'cell-ended', call)
}

async function refused(worker: ScriptedWorker, call: string, request: CellRequest = cell) {
  ask(worker, call, request)
  const { code, detail } = await answerTo(worker, 'cell-refused', call)
  return [code, detail] as const
}

async function desk(t: TestContext, w: World): Promise<TestDevice> {
  const device = new TestDevice('Desk')
  await w.it.hub.registerDevice(device.publicKey, 'Desk', 'desktop')
  await device.join(t, w.it.hub, [w.it.project.id])
  return device
}

async function runsIt(device: TestDevice, ...events: RunEvent[]): Promise<Lease> {
  const { lease } = await device.next('LEASE')
  await device.emit(lease, 1, [started, ...events, completed])
  return lease
}

test('TK51, TK53, TK54 an approved cell runs as the user would run it, and the worker is told what came of it', async t => {
  const w = await world(t)
  const device = await desk(t, w)
  const worker = await w.worker(await w.order())
  await w.gate(worker)
  ask(worker)
  const lease = await runsIt(device, stdout('\u001b[31m42\u001b[0m\n'))
  assert.deepEqual([lease.code, lease.sessionName, lease.requestedBy], [cell.code, 'lab', 'me'])
  assert.equal(lease.timeoutMs, limits.toolRunMs)
  const began = await answerTo(worker, 'cell-began', 'turn-1-a')
  const { type: _, ...ended } = await answerTo(worker, 'cell-ended', 'turn-1-a')
  const run = began.run
  assert.deepEqual(ended, { call: 'turn-1-a', run, status: 'completed', device: 'Desk', reason: '', text: '42' })
  assert.deepEqual(
    (await w.runs()).map(({ id }) => id),
    [run],
  )
  assert.deepEqual(await ends(worker), { type: 'cell-ended', ...ended }, 'asked again it is the same run')
  assert.equal((await w.runs()).length, 1)
})

test('TK54 an error is told with its traceback, and what has no text by its type', async t => {
  const w = await world(t)
  const device = await desk(t, w)
  const worker = await w.worker(await w.order({ tools: { [cellTool]: 'auto' } }))
  ask(worker)
  const { lease } = await device.next('LEASE')
  const error = { name: 'NameError', message: 'x', traceback: ['line 1', 'NameError: x'] }
  await device.emit(lease, 1, [
    started,
    { type: 'display', at: 1, parts: [{ at: 'inline', mimeType: 'image/svg+xml', data: '<svg/>' }] },
    { type: 'failed', at: 2, durationMs: 1, error },
  ])
  const { status, text: said, reason } = await answerTo(worker, 'cell-ended', 'turn-1-a')
  assert.deepEqual([status, reason], ['failed', 'NameError: x'])
  assert.equal(said, 'line 1\nNameError: x\n[Shown in the run, and not here: image/svg+xml]')
})

test('TK54 of much output the beginning and the end are told, with how much is left out', async t => {
  const w = await world(t)
  const device = await desk(t, w)
  const worker = await w.worker(await w.order({ tools: { [cellTool]: 'auto' } }))
  ask(worker)
  const line = `${'x'.repeat(99)}\n`
  await runsIt(device, ...Array.from({ length: 10 }, () => stdout(line.repeat(1_000))), stdout('the end\n'))
  const { text: said } = await answerTo(worker, 'cell-ended', 'turn-1-a')
  assert.ok(said.length <= limits.documentOutputBytes)
  assert.ok(said.startsWith(line) && said.endsWith('\nthe end'))
  assert.match(said.split('\n').find(one => one.startsWith('…')) ?? '', /… [\d,]+ bytes not shown …/)
})

test('TK51 an approval is good for one run: another call, other bytes, another tool and another task get nothing', async t => {
  const w = await world(t)
  const device = await desk(t, w)
  const [one, other] = [await w.worker(await w.order()), await w.worker(await w.order({ prompt: 'Another' }))]
  assert.equal((await refused(one, 'unasked'))[0], 'FORBIDDEN')
  await w.gate(one, cell, { title: approvalTitle('shell') })
  assert.equal((await refused(one, 'for-a-shell'))[0], 'FORBIDDEN')
  await w.gate(one)
  await w.it.document('b.md')
  for (const [change, name] of [
    [{ code: 'print(6 * 8)' }, 'code'],
    [{ notebook: 'b.md' }, 'notebook'],
    [{ language: 'bash' }, 'language'],
    [{ session: 'other' }, 'session'],
    [{ device: 'Desk' }, 'device'],
    [{ seconds: 5 }, 'seconds'],
  ] as const) {
    const [code, detail] = await refused(one, `altered-${name}`, { ...cell, ...change })
    assert.deepEqual([code, detail], ['GATE_ALTERED', 'what was agreed to is not what would run'], name)
  }
  assert.equal((await refused(other, 'elsewhere'))[0], 'FORBIDDEN')
  ask(one)
  await runsIt(device, stdout('42\n'))
  await answerTo(one, 'cell-ended', 'turn-1-a')
  const [code, detail] = await refused(one, 'replayed')
  assert.equal(code, 'GATE_REPLAYED')
  assert.match(detail, /used by another call/)
  assert.equal((await refused(one, 'turn-1-a', { ...cell, code: 'print(0)' }))[0], 'CONFLICT')
  assert.equal((await w.runs()).length, 1)
})

test('TK51 two approvals of the same words are two runs', async t => {
  const w = await world(t)
  const device = await desk(t, w)
  const worker = await w.worker(await w.order())
  await w.gate(worker)
  await w.gate(worker)
  for (const call of ['first', 'second']) {
    ask(worker, call)
    await runsIt(device)
    await answerTo(worker, 'cell-ended', call)
  }
  assert.equal(new Set((await w.runs()).map(({ id }) => id)).size, 2)
  assert.equal((await refused(worker, 'third'))[0], 'GATE_REPLAYED')
})

test('TK51 what was rejected, is not decided, or was agreed to by somebody else does not run', async t => {
  const w = await world(t)
  const ann = await addTestUser(w.it, 'ann')
  await makeMember(w.it, ann, ['runner'])
  const worker = await w.worker(await w.order())
  await w.gate(worker, cell, { decision: 'rejected' })
  assert.equal((await refused(worker, 'rejected'))[0], 'FORBIDDEN')
  const { id, nonce, digest } = await w.gate(worker, cell, { decision: '' })
  assert.equal((await refused(worker, 'open'))[0], 'FORBIDDEN')
  // Whoever may run decides gates, but not what runs in the name of another user.
  assert.equal(await ann.status('POST', `/gates/${id}/decide`, { decision: 'approved', nonce, digest }), 200)
  const [code, detail] = await refused(worker, 'by-another')
  assert.deepEqual([code, detail], ['FORBIDDEN', 'ann agreed, but it needs me'])
  assert.deepEqual(await w.runs(), [])
})

test('TK52 what is never allowed does not run, whoever approved it; what is left to the agent needs nobody', async t => {
  const w = await world(t)
  const device = await desk(t, w)
  const never = await w.worker(await w.order({ tools: { [cellTool]: 'never' } }))
  assert.equal((await refused(never, 'unknown', { ...cell, notebook: 'secret.md' }))[0], 'FORBIDDEN')
  await w.gate(never)
  assert.deepEqual(await refused(never, 'never'), ['FORBIDDEN', `${cellTool} is not allowed in this task`])
  const auto = await w.worker(await w.order({ prompt: 'By itself', tools: { [cellTool]: 'auto' } }))
  ask(auto)
  await runsIt(device, stdout('42\n'))
  assert.equal((await answerTo(auto, 'cell-ended', 'turn-1-a')).text, '42')
})

test('TK53 whoever lost the right to run meanwhile, or whose token was revoked, runs nothing', async t => {
  const w = await world(t)
  const ann = await addTestUser(w.it, 'ann')
  await makeMember(w.it, ann, ['runner', 'editor'])
  const order = { tools: { [cellTool]: 'auto' } }
  const theirs = await w.order(order, (...asked) => ann.json(...asked))
  const worker = await w.worker(theirs)
  await setRoles(w.it, ann, ['viewer'])
  assert.equal((await refused(worker, 'no-right'))[0], 'FORBIDDEN')
  await until(async () => (await w.it.json<Task>('GET', `/tasks/${theirs.id}`)).state === 'cancelled')

  const { id, token } = await w.it.json<{ id: string; token: string }>('POST', '/tokens', { name: 'script' })
  const mine = await w.order({ ...order, prompt: 'two' }, async (method, path, body) => {
    const answer = await w.it.api(method, path, body, { authorization: `Bearer ${token}` })
    return (await answer.json()) as Task
  })
  const second = await w.worker(mine)
  await w.it.json('DELETE', `/tokens/${id}`)
  assert.equal((await refused(second, 'revoked'))[0], 'FORBIDDEN')
  assert.deepEqual(await w.runs(), [])
})

test('TK53 who may not write, by role or by token, runs only what stands in the notebook', async t => {
  const w = await world(t)
  const device = await desk(t, w)
  const ann = await addTestUser(w.it, 'ann')
  await makeMember(w.it, ann, ['runner'])
  const order = { tools: { [cellTool]: 'auto' } }
  const scopes = ['read', 'run']
  const { token } = await w.it.json<{ token: string }>('POST', '/tokens', { name: 'reader', scopes })
  const tasks = [
    await w.order(order, (...asked) => ann.json(...asked)),
    await w.order({ ...order, prompt: 'two' }, async (method, path, body) => {
      const answer = await w.it.api(method, path, body, { authorization: `Bearer ${token}` })
      return (await answer.json()) as Task
    }),
  ]
  for (const [number, task] of tasks.entries()) {
    const worker = await w.worker(task)
    const [code, detail] = await refused(worker, 'own-code')
    assert.equal(code, 'FORBIDDEN')
    assert.match(detail, /only as they stand in it now/)
    if (number === 0) continue
    ask(worker, 'standing', { ...cell, code: standing })
    await runsIt(device, stdout('1\n'))
    assert.equal((await answerTo(worker, 'cell-ended', 'standing')).text, '1')
  }
})

test('TK53 a notebook that is not there is refused with those that are, and uses up no approval', async t => {
  const w = await world(t)
  const device = await desk(t, w)
  const worker = await w.worker(await w.order())
  const asked = { ...cell, notebook: 'later.md' }
  assert.equal((await refused(worker, 'not-agreed', asked))[0], 'FORBIDDEN', 'nobody learns what is there')
  await w.gate(worker, asked)
  const [code, detail] = await refused(worker, 'turn-1-a', asked)
  assert.equal(code, 'NOT_FOUND')
  assert.match(detail, /no notebook later\.md in the project; there are: a\.md/)
  await w.it.document('later.md')
  ask(worker, 'turn-1-b', asked)
  await runsIt(device)
  assert.equal((await answerTo(worker, 'cell-ended', 'turn-1-b')).status, 'completed')
})

test('TK50, TK54 after a restart of the hub and with another worker it is the same run, once', async t => {
  const w = await world(t)
  const task = await w.order()
  const first = await w.worker(task)
  await w.gate(first)
  ask(first)
  const { run } = await answerTo(first, 'cell-began', 'turn-1-a')
  await until(() => first.told.some(told => told.type === 'cell-began' && /No computer/.test(told.reasons.join())))
  await w.it.restart()
  const same = await w.worker(task)
  assert.equal(same.id, first.id)
  ask(same)
  assert.equal((await answerTo(same, 'cell-began', 'turn-1-a')).run, run)
  same.die()
  const next = await w.worker(task)
  assert.notEqual(next.id, first.id)
  ask(next)
  assert.equal((await answerTo(next, 'cell-began', 'turn-1-a')).run, run)
  const device = await desk(t, w)
  assert.equal((await runsIt(device, stdout('42\n'))).run, run)
  const { text: said, status } = await answerTo(next, 'cell-ended', 'turn-1-a')
  assert.deepEqual([said, status], ['42', 'completed'])
  assert.equal((await w.runs()).length, 1)
  assert.ok(!device.received.some(({ type }) => type === 'LEASE'), 'it is given once')
})

test('TK55 what no device takes in its time is cancelled, and the reason says what it waited for', async t => {
  const w = await world(t)
  const worker = await w.worker(await w.order({ tools: { [cellTool]: 'auto' } }))
  const { status, reason, device } = await ends(worker, 'turn-1-a', { ...cell, seconds: 1 })
  assert.deepEqual([status, device], ['cancelled', null])
  assert.match(reason, /^It had not begun when its time was over\. No computer is paired/)
})

test('TK55 one that runs for too long is told to stop, also while no worker waits for it', async t => {
  const w = await world(t, { limits: { taskStopMs: 300 } })
  const device = await desk(t, w)
  const task = await w.order({ tools: { [cellTool]: 'auto' } })
  const worker = await w.worker(task)
  ask(worker, 'slow', { ...cell, seconds: 1 })
  const { lease } = await device.next('LEASE')
  await device.emit(lease, 1, [started])
  worker.leave()
  const { reason } = await device.next('RUN_CANCEL')
  assert.equal(reason, 'It took longer than it may.')
  const again = await w.worker(task)
  const silent = await ends(again, 'slow', { ...cell, seconds: 1 })
  assert.equal(silent.status, 'running')
  assert.match(silent.reason, /told to stop, and its device does not answer/)
  await device.emit(lease, 2, [{ type: 'cancelled', at: 3, durationMs: 2, reason }])
  ask(again, 'slow', { ...cell, seconds: 1 })
  await until(() => again.told.some(told => told.type === 'cell-ended' && told.status === 'cancelled'))
})

test('TK56 a task that is stopped cancels its cells and gets no more', async t => {
  const w = await world(t)
  const device = await desk(t, w)
  const task = await w.order({ tools: { [cellTool]: 'auto' } })
  const worker = await w.worker(task)
  ask(worker)
  const { lease } = await device.next('LEASE')
  await device.emit(lease, 1, [started])
  await w.it.json('POST', `/tasks/${task.id}/control`, { action: 'stop' })
  const { run, reason } = await device.next('RUN_CANCEL')
  assert.equal(run, lease.run)
  assert.match(reason, /stopped by me/)
  assert.equal((await refused(worker, 'late'))[0], 'RUN_ENDED')
  await device.emit(lease, 2, [{ type: 'cancelled', at: 3, durationMs: 2, reason }])
  assert.equal((await answerTo(worker, 'cell-ended', 'turn-1-a')).status, 'cancelled')
})

test('TK56 a task that ends in another way leaves no cell behind', async t => {
  const w = await world(t)
  const task = await w.order({ tools: { [cellTool]: 'auto' } })
  const worker = await w.worker(task)
  ask(worker)
  const { run } = await answerTo(worker, 'cell-began', 'turn-1-a')
  await worker.write(taskCompleted)
  await until(async () => (await w.it.json<Run>('GET', `/runs/${run}`)).status === 'cancelled')
  await until(async () => (await w.it.json<Task>('GET', `/tasks/${task.id}`)).endedAt !== null)
})

test('TK56 what the agent does not wait for any more is cancelled, and told until it is known', async t => {
  const w = await world(t)
  const worker = await w.worker(await w.order({ tools: { [cellTool]: 'auto' } }))
  worker.say({ type: 'cell-stop', call: 'never-begun', why: 'interrupted by me' })
  assert.equal((await answerTo(worker, 'cell-refused', 'never-begun')).code, 'NOT_FOUND')
  ask(worker)
  worker.say({ type: 'cell-stop', call: 'turn-1-a', why: 'interrupted by me' })
  const { status, reason } = await answerTo(worker, 'cell-ended', 'turn-1-a')
  assert.deepEqual([status, reason], ['cancelled', 'interrupted by me'])
})

test('TK57 of one task only a few go on at a time, and a worker that was replaced gets none', async t => {
  const w = await world(t)
  const task = await w.order({ tools: { [cellTool]: 'auto' } })
  const worker = await w.worker(task)
  for (let number = 0; number < limits.goingCellsPerTask; number++) {
    ask(worker, `call-${number}`)
    await answerTo(worker, 'cell-began', `call-${number}`)
  }
  assert.equal((await refused(worker, 'one-more'))[0], 'TOO_MANY')
  const kept = w.sandboxes.open.get(worker.id)!
  w.sandboxes.open.delete(worker.id)
  const next = await w.worker(task)
  assert.notEqual(next.id, worker.id)
  w.sandboxes.open.set(worker.id, kept)
  if (!worker.isClosed) assert.equal((await refused(worker, 'late'))[0], 'STALE_FENCE')
  assert.equal((await w.runs()).length, limits.goingCellsPerTask)
})
