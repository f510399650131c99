/** The life of tasks at the hub (TK1–TK33), with sandboxes that are nothing but memory and agents that are scripts. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { BrowserSessionInfo } from '@meshbook/core/account-api.ts'
import { type Gate, listOf, runSchema } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { newId, type RunId, systemRandom, type WorkerId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { NumberedEvent, RunEvent } from '@meshbook/core/run.ts'
import { type Task, type TaskMessage, taskSchema } from '@meshbook/core/tasks-api.ts'
import * as v from 'valibot'
import { rawRequest } from '../testing/raw-request.ts'
import {
  checkpoint,
  commit,
  completed,
  ScriptedSandboxes,
  ScriptedWorker,
  turnBegan,
} from '../testing/scripted-tasks.ts'
import { signIn } from '../testing/sign-in.ts'
import { startTestHub, type TestHub, type TestHubOptions } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'
import { parseTasks } from './task-config.ts'

const repo = 'https://git.example/me/code.git'

interface World {
  it: TestHub
  sandboxes: ScriptedSandboxes
  order(prompt?: string, more?: object): Promise<Task>
  task(id: string): Promise<Task>
  log(id: string): Promise<RunEvent[]>
  ended(id: string): Promise<Task>
  /** The code of the answer. */
  refused(method: string, path: string, body: object): Promise<string>
}

async function world(t: TestContext, options: TestHubOptions = {}): Promise<World> {
  const sandboxes = new ScriptedSandboxes()
  const it = await startTestHub(t, {
    ...options,
    limits: { workerLookMs: 20, ...options.limits },
    taskWork: sandboxes.work,
  })
  const task = async (id: string) => v.parse(taskSchema, await it.json('GET', `/tasks/${id}`))
  return {
    it,
    sandboxes,
    order: async (prompt = 'Mend the test', more = {}) =>
      v.parse(taskSchema, await it.json('POST', '/tasks', { repo, prompt, ...more })),
    task,
    log: async id => {
      const { seq } = v.parse(runSchema, await it.json('GET', `/runs/${id}`))
      const events: RunEvent[] = []
      if (seq === 0) return events
      const answer = await it.api('GET', `/runs/${id}/events`)
      let text = ''
      for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
        text += chunk
        const lines = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => data!)
        if (lines.length >= seq && text.endsWith('\n\n')) return lines.slice(0, seq).map(eventOf)
      }
      throw new Error(`the log ended before ${seq} events: ${text}`)
    },
    refused: async (method, path, body) => {
      const answer = await it.api(method, path, body)
      assert.ok(!answer.ok, `${method} ${path} is answered`)
      return ((await answer.json()) as { code: string }).code
    },
    ended: async id => {
      await until(async () => (await task(id)).endedAt !== null)
      return task(id)
    },
  }
}

const eventOf = (text: string): RunEvent => {
  const parsed = JSON.parse(text) as RunEvent | NumberedEvent
  return 'event' in parsed && !('type' in parsed) ? parsed.event : (parsed as RunEvent)
}
const typesOf = (events: readonly RunEvent[]) =>
  events.map(event => (event.type === 'task' ? event.event.type : event.type))

test('TK1 the same id with the same words is the same task, with others it is refused', async t => {
  const w = await world(t)
  const first = await w.order()
  assert.equal((await w.order('Mend the test', { id: first.id })).id, first.id)
  assert.equal(await w.refused('POST', '/tasks', { repo, prompt: 'Other', id: first.id }), 'RUN_EXISTS')
  assert.equal(
    await w.refused('POST', '/tasks', { repo: 'https://me:secret@git.example/a.git', prompt: 'x' }),
    'BAD_REQUEST',
  )
})

test('TK40 an agent of somebody else is one that the hub knows by name; its program goes with the order', async t => {
  const program = { argv: ['its-agent', '--acp'], env: { LEVEL: '2' } }
  const toolServers = JSON.stringify({ docs: { argv: ['docs-server'], tools: { find: 'auto' } } })
  const w = await world(t, {
    env: { MESHBOOK_TASK_AGENTS: JSON.stringify({ its: program }), MESHBOOK_TASK_TOOL_SERVERS: toolServers },
  })
  assert.equal(
    await (await w.it.api('GET', '/task-agents')).text(),
    '{"items":[{"name":"meshbook"},{"name":"acp:its"}]}',
  )
  const ask = (agent: string) => w.it.api('POST', '/tasks', { repo: 'https://git.example/a.git', prompt: 'one', agent })
  const refused = await ask('acp:other')
  assert.equal(refused.status, 422)
  const problem = (await refused.json()) as { code: string }
  assert.equal(problem.code, 'AGENT_UNKNOWN')
  assert.match(JSON.stringify(problem), /acp:other; there are: meshbook, acp:its/)
  const { id } = (await (await ask('acp:its')).json()) as Task
  const worker = await (await w.sandboxes.workerOf(id)).join()
  const { order } = await worker.hears('order')
  assert.deepEqual([order.agent, order.program, order.toolServers], ['acp:its', program, undefined])
  await worker.write(completed)
  await w.ended(id)
  const own = await w.order('with servers of tools')
  const next = await (await w.sandboxes.workerOf(own.id)).join()
  const [server] = (await next.hears('order')).order.toolServers ?? []
  assert.deepEqual(server, { name: 'docs', argv: ['docs-server'], env: {}, rule: 'ask', tools: { find: 'auto' } })
})

for (const [name, value] of [
  ['MESHBOOK_TASK_AGENTS', '{"Its Agent": {"argv": ["a"]}}'],
  ['MESHBOOK_TASK_AGENTS', '{"its": {"argv": []}}'],
  ['MESHBOOK_TASK_TOOL_SERVERS', '{"docs": {"argv": ["a"], "rule": "always"}}'],
  ['MESHBOOK_TASK_TOOL_SERVERS', 'docs'],
] as const)
  test(`TK40 a hub with ${name}=${value} does not start, and says what it expected`, () => {
    assert.throws(() => parseTasks(setting => (setting === name ? value : undefined)), {
      code: 'BAD_CONFIG',
      detail: new RegExp(`${name}: expected JSON`),
    })
  })

test('TK10, TK30, TK33 a task gets a worker, ends in a branch and a pull request, and nothing is left', async t => {
  const w = await world(t)
  const { id, branch } = await w.order('Mend the failing test!')
  assert.equal(branch, `meshbook/${id}/mend-the-failing-test`)
  const worker = await (await w.sandboxes.workerOf(id)).join()
  const { order } = await worker.hears('order')
  assert.equal(order.prompt, 'Mend the failing test!')
  await worker.write(turnBegan, checkpoint, completed)
  const task = await w.ended(id)
  assert.equal(task.state, 'completed')
  assert.deepEqual(task.pullRequest, { url: 'https://git.example/pull/1', number: 1 })
  assert.equal(task.commit, commit)
  assert.deepEqual(typesOf(await w.log(id)), [
    'turn-began',
    'checkpoint',
    'finished',
    'pushed',
    'pull-request',
    'completed',
  ])
  await until(() => w.sandboxes.open.size === 0)
  assert.equal(v.parse(runSchema, await w.it.json('GET', `/runs/${id}`)).kind, 'task')
})

test('TK2 beyond what the hub may do at once tasks wait in their order, and say how many are before them', async t => {
  const w = await world(t, { env: { MESHBOOK_TASKS_AT_ONCE: '1' } })
  const [first, second, third] = [await w.order('one'), await w.order('two'), await w.order('three')]
  const worker = await (await w.sandboxes.workerOf(first.id)).join()
  assert.equal((await w.task(second.id)).queuePosition, 0)
  assert.equal((await w.task(third.id)).queuePosition, 1)
  await worker.write(completed)
  await w.ended(first.id)
  const next = await (await w.sandboxes.workerOf(second.id)).join()
  await next.write(completed)
  assert.equal((await w.ended(second.id)).state, 'completed')
})

test('TK2 a hub without room rests: who waits is looked at again when something has ended, not at once', async t => {
  const w = await world(t, { env: { MESHBOOK_TASKS_AT_ONCE: '1' }, limits: { workerLookMs: 60_000 } })
  const first = await w.order('one')
  const worker = await (await w.sandboxes.workerOf(first.id)).join()
  const second = await w.order('two')
  await until(async () => (await w.task(second.id)).queuePosition === 0)
  await setTimeout(300)
  const { looks } = w.sandboxes
  await setTimeout(300)
  assert.equal(w.sandboxes.looks, looks)
  await worker.write(completed)
  await (await (await w.sandboxes.workerOf(second.id)).join()).write(completed)
  await w.ended(second.id)
})

test('TK3 what cannot be begun says why: for a while it is tried again, for good it ends', async t => {
  const w = await world(t)
  w.sandboxes.failures.open.push(new MeshError('COMPUTE_UNAVAILABLE', { detail: 'the engine sleeps' }))
  const { id } = await w.order()
  await until(async () => (await w.task(id)).reasons.some(reason => reason.includes('the engine sleeps')))
  const worker = await (await w.sandboxes.workerOf(id)).join()
  await worker.write(completed)
  await w.ended(id)
  w.sandboxes.failures.open.push(new MeshError('FORBIDDEN', { detail: 'the repository wants another credential' }))
  const refused = await w.ended((await w.order('again')).id)
  assert.equal(refused.state, 'failed')
  assert.match(refused.reasons.join(), /the repository wants another credential/)
})

test('TK3, TK12 while the engine is gone who waits is told why, and who works is not lost', async t => {
  const w = await world(t)
  const going = await w.order('one')
  const worker = await (await w.sandboxes.workerOf(going.id)).join()
  w.sandboxes.isGone = true
  const waiting = await w.order('two')
  await until(async () => (await w.task(waiting.id)).reasons.some(reason => /engine is gone/.test(reason)))
  assert.equal(await worker.write(turnBegan, checkpoint), undefined)
  const stopped = await w.order('three')
  await w.it.json('POST', `/tasks/${stopped.id}/control`, { action: 'stop' })
  assert.equal((await w.ended(stopped.id)).state, 'cancelled')
  w.sandboxes.isGone = false
  await (await (await w.sandboxes.workerOf(waiting.id)).join()).write(completed)
  await worker.write(completed)
  assert.deepEqual([(await w.ended(waiting.id)).state, (await w.ended(going.id)).state], ['completed', 'completed'])
  assert.ok(!typesOf(await w.log(going.id)).includes('worker-replaced'))
})

test('TK11 a worker that was replaced is refused, and what it sends twice is there once', async t => {
  const w = await world(t)
  const { id } = await w.order()
  const first = await (await w.sandboxes.workerOf(id)).join()
  await first.write(turnBegan)
  first.say({ type: 'events', first: 1, events: [{ type: 'task', at: 1, event: turnBegan }] })
  assert.equal(await first.write(checkpoint), undefined)
  const kept = w.sandboxes.open.get(first.id)!
  w.sandboxes.open.delete(first.id)
  const second = await (await w.sandboxes.workerOf(id)).join()
  assert.notEqual(second.id, first.id)
  w.sandboxes.open.set(first.id, kept)
  const late = await new ScriptedWorker(w.sandboxes, first.id, kept.token).join()
  assert.ok(late.isClosed, 'its token opens nothing any more')
  assert.deepEqual(typesOf(await w.log(id)), ['turn-began', 'checkpoint', 'worker-replaced'])
  await second.write(completed)
  assert.equal((await w.ended(id)).state, 'completed')
})

test('TK12 a worker that ends is replaced and the next one has the log; after too many the task fails', async t => {
  const w = await world(t)
  const { id } = await w.order()
  for (let lost = 0; lost <= limits.replacementsPerTask; lost++) {
    const worker = await (await w.sandboxes.workerOf(id)).join()
    if (lost === 1) assert.equal((await worker.hears('log')).events.length, 3)
    if (lost === 0) await worker.write(turnBegan, checkpoint)
    worker.die()
  }
  const task = await w.ended(id)
  assert.equal(task.state, 'failed')
  assert.deepEqual(w.sandboxes.pushes, [id], 'what the agent had made is pushed')
  assert.deepEqual(w.sandboxes.pullRequests, [])
})

test('TK14 an agent writes only what agents write', async t => {
  const w = await world(t)
  const { id } = await w.order()
  for (const event of [
    { type: 'stdout', at: 1, text: 'x' },
    { type: 'task', at: 1, event: { type: 'pushed', branch: 'main', commit } },
    { type: 'task', at: 1, event: { type: 'nonsense' } },
  ]) {
    const worker = await (await w.sandboxes.workerOf(id)).join()
    worker.say({ type: 'events', first: 1, events: [event as RunEvent] })
    await until(() => worker.isClosed)
  }
  assert.deepEqual(await w.log(id), [])
})

test('TK20 a message is heard once, also when it was sent before the worker was there', async t => {
  const w = await world(t)
  const { id } = await w.order()
  const say = (text: string, message: string) =>
    w.it.json<TaskMessage>('POST', `/tasks/${id}/messages`, { id: message, text })
  await say('mind the tests', 'message-1')
  await say('mind the tests', 'message-1')
  assert.equal(await w.refused('POST', `/tasks/${id}/messages`, { id: 'message-1', text: 'other' }), 'CONFLICT')
  const worker = await (await w.sandboxes.workerOf(id)).join()
  assert.equal((await worker.hears('message')).text, 'mind the tests')
  await worker.write({ type: 'heard', id: 'message-1', by: 'me', text: 'mind the tests' })
  await say('and the docs', 'message-2')
  await until(() => worker.told.filter(({ type }) => type === 'message').length === 2)
  const { items } = await w.it.json<{ items: TaskMessage[] }>('GET', `/tasks/${id}/messages`)
  assert.deepEqual(
    items.map(({ heardAt }) => heardAt !== null),
    [true, false],
  )
  worker.die()
  const next = await (await w.sandboxes.workerOf(id)).join()
  await until(() => next.told.some(({ type }) => type === 'message'))
  assert.deepEqual(
    next.told.flatMap(told => (told.type === 'message' ? [told.id] : [])),
    ['message-2'],
  )
})

test('TK21 a task that waits is stopped at once, one that works is told to stop and ends', async t => {
  const w = await world(t, { env: { MESHBOOK_TASKS_AT_ONCE: '1' } })
  const [going, waiting] = [await w.order('one'), await w.order('two')]
  const worker = await (await w.sandboxes.workerOf(going.id)).join()
  await w.it.json('POST', `/tasks/${waiting.id}/control`, { action: 'stop' })
  assert.equal((await w.ended(waiting.id)).state, 'cancelled')
  await worker.write(turnBegan)
  await w.it.json('POST', `/tasks/${going.id}/control`, { action: 'pause' })
  assert.equal((await worker.hears('control')).action, 'pause')
  await worker.write({ type: 'paused', by: 'me' })
  assert.equal((await w.task(going.id)).state, 'paused')
  worker.leave()
  const same = await (await w.sandboxes.workerOf(going.id)).join()
  assert.equal(same.id, worker.id)
  assert.ok(!same.told.some(told => told.type === 'control'), 'what was followed is not told again')
  await w.it.json('POST', `/runs/${going.id}/cancel`, {})
  await until(() => same.told.some(told => told.type === 'control' && told.action === 'stop'))
  await same.write({ type: 'cancelled', at: 1, durationMs: 1, reason: 'stopped' })
  assert.equal((await w.ended(going.id)).state, 'cancelled')
})

test('TK22 a decision about a gate reaches the worker', async t => {
  const w = await world(t)
  const { id } = await w.order()
  const worker = await (await w.sandboxes.workerOf(id)).join()
  const gate = `gate_${id.slice(4)}`
  const opened = {
    gate,
    nonce: 'n'.repeat(20),
    title: 'Run rm',
    shown: 'rm -rf build',
    expiresAt: Date.now() + 60_000,
  }
  await worker.write({ type: 'gate-opened', at: Date.now(), ...opened } as RunEvent)
  assert.equal((await w.task(id)).state, 'waiting')
  const found = await w.it.json<Gate>('GET', `/gates/${gate}`)
  const answer = { decision: 'approved', nonce: found.nonce, digest: found.digest }
  await w.it.json('POST', `/gates/${gate}/decide`, answer)
  const told = await worker.hears('gate')
  assert.deepEqual([told.gate, told.decision, told.digest], [gate, 'approved', found.digest])
  assert.equal(await w.refused('POST', `/gates/${gate}/decide`, answer), 'GATE_DECIDED')
})

test('TK22 an approval that never comes is told as expired after its time, and nobody can give it any more', async t => {
  const w = await world(t)
  const { id } = await w.order()
  const worker = await (await w.sandboxes.workerOf(id)).join()
  const gate = `gate_${id.slice(4)}`
  const at = Date.now()
  const opened = { gate, nonce: 'n'.repeat(20), title: 'Run rm', shown: 'rm', expiresAt: at + limits.taskApprovalMs }
  await worker.write({ type: 'gate-opened', at, ...opened } as RunEvent)
  const found = await w.it.json<Gate>('GET', `/gates/${gate}`)
  w.it.clock.offsetMs += limits.taskApprovalMs - 60_000
  worker.say({ type: 'beat' })
  assert.equal((await w.it.json<Gate>('GET', `/gates/${gate}`)).state, 'open')
  w.it.clock.offsetMs += 60_001
  worker.say({ type: 'beat' })
  const answer = { decision: 'approved', nonce: found.nonce, digest: found.digest }
  assert.equal(await w.refused('POST', `/gates/${gate}/decide`, answer), 'GATE_EXPIRED')
  assert.equal((await worker.hears('gate')).decision, 'expired')
  await worker.write({ type: 'gate-decided', at, gate, decision: 'expired' } as RunEvent, completed)
  assert.equal((await w.ended(id)).state, 'completed')
})

test('TK22 S18 an approval that is replayed, altered, late, or from a phone or token that was revoked is refused with the reason', async t => {
  const w = await world(t)
  const { id } = await w.order()
  const worker = await (await w.sandboxes.workerOf(id)).join()
  const [first, second] = [await asked(w, worker, 1), await asked(w, worker, 2)]
  const answer = { decision: 'approved', nonce: first.nonce, digest: first.digest }
  const phone = await signIn(w.it, 'a phone')
  const own = { cookie: phone, origin: new URL(w.it.hub.url).origin, 'sec-fetch-site': 'same-origin' }
  const { id: tokenId, token } = await w.it.json<{ id: string; token: string }>('POST', '/tokens', { name: 'bus' })
  const bearer = { authorization: `Bearer ${token}` }
  const decide = async (headers: Record<string, string>, change: object = {}, gate = first.id) => {
    const url = `${w.it.hub.url}/api/v1/gates/${gate}/decide`
    const body = JSON.stringify({ ...answer, ...change })
    const got = await rawRequest(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })
    const { code, detail, title } = JSON.parse(got.text) as { code?: string; detail?: string; title?: string }
    return [got.status, code, `${title} ${detail}`] as const
  }
  const isOpen = async (gate: Gate) =>
    assert.equal((await w.it.json<Gate>('GET', `/gates/${gate.id}`)).state, 'open', gate.title)
  for (const headers of [own, bearer])
    for (const [change, gate, code, reason] of [
      [{ digest: 'a'.repeat(64) }, first.id, 'GATE_ALTERED', /other bytes than those that were asked/],
      [{ digest: second.digest }, first.id, 'GATE_ALTERED', /other bytes/],
      [{}, second.id, 'GATE_REPLAYED', /belongs to another question/],
      [{ nonce: second.nonce }, first.id, 'GATE_REPLAYED', /another question/],
    ] as const) {
      const [status, found, words] = await decide(headers, change, gate)
      assert.deepEqual([status, found], [409, code])
      assert.match(words, reason)
    }
  // Whoever was let out decides nothing, with the very bytes that were good a moment ago.
  const { items } = await w.it.json<{ items: BrowserSessionInfo[] }>('GET', '/browser-sessions')
  assert.equal(items.length, 1)
  await w.it.api('DELETE', `/browser-sessions/${items[0]!.id}`)
  await w.it.api('DELETE', `/tokens/${tokenId}`)
  for (const [headers, reason] of [
    [own, /not signed in/],
    [bearer, /has been revoked/],
  ] as const) {
    const [status, , words] = await decide(headers)
    assert.equal(status, 401)
    assert.match(words, reason)
  }
  for (const gate of [first, second]) await isOpen(gate)
  assert.ok(!worker.told.some(({ type }) => type === 'gate'), 'the agent heard of none of it')
  const mine = { authorization: `Bearer ${w.it.token}` }
  assert.equal((await decide(mine))[0], 200)
  const again = await decide(mine)
  assert.deepEqual(again.slice(0, 2), [409, 'GATE_DECIDED'])
  assert.match(again[2], /approved by me/)
  w.it.clock.offsetMs += limits.taskApprovalMs + 1
  const late = await decide(mine, { nonce: second.nonce, digest: second.digest }, second.id)
  assert.deepEqual(late.slice(0, 2), [409, 'GATE_EXPIRED'])
  assert.match(late[2], /time to decide this is over/)
  const told = worker.told.filter(({ type }) => type === 'gate')
  assert.ok(told.length >= 1)
})

async function asked(w: World, worker: ScriptedWorker, number: number): Promise<Gate> {
  const at = Date.now()
  const gate = newId('gate', at, systemRandom)
  const nonce = Buffer.from(systemRandom(16)).toString('base64url')
  const shown = `rm -rf build${number}`
  const opened = { gate, nonce, title: `Run ${number}`, shown, expiresAt: at + limits.taskApprovalMs }
  await worker.write({ type: 'gate-opened', at, ...opened })
  return w.it.json<Gate>('GET', `/gates/${gate}`)
}

test('TK24 an answer to a question reaches the worker once', async t => {
  const w = await world(t)
  const { id } = await w.order()
  assert.equal(await w.refused('POST', `/runs/${id}/input`, { text: 'too early' }), 'CONFLICT')
  const worker = await (await w.sandboxes.workerOf(id)).join()
  const question = { type: 'input-request', at: 1, id: 'ask-1', prompt: 'Which?', password: false } as RunEvent
  await worker.write(turnBegan, question)
  assert.equal((await w.task(id)).state, 'waiting')
  await w.it.json('POST', `/runs/${id}/input`, { id: 'ask-1', text: 'the left one' })
  assert.equal((await worker.hears('input')).text, 'the left one')
  assert.equal(await w.refused('POST', `/runs/${id}/input`, { id: 'ask-1', text: 'the right one' }), 'CONFLICT')
  await worker.write({ type: 'input-answered', at: 1, id: 'ask-1' } as RunEvent)
  assert.equal((await w.task(id)).state, 'working')
})

test('TK23 a task is repeated, and forked from one of its turns', async t => {
  const w = await world(t)
  const { id } = await w.order()
  const worker = await (await w.sandboxes.workerOf(id)).join()
  await worker.write(turnBegan, checkpoint, completed)
  await w.ended(id)
  const again = await w.it.json<Task>('POST', `/tasks/${id}/again`, {})
  assert.equal(again.prompt, 'Mend the test')
  const fork = await w.it.json<Task>('POST', `/tasks/${id}/again`, { turn: 1, prompt: 'Otherwise' })
  assert.deepEqual(fork.from, { task: id, turn: 1 })
  const forked = await (await w.sandboxes.workerOf(fork.id)).join()
  assert.equal((await forked.hears('order')).order.forked, true)
  const { events } = await forked.hears('history')
  assert.deepEqual(
    events.map(({ type }) => type),
    ['turn-began'],
  )
  assert.equal(await w.refused('POST', `/tasks/${id}/again`, { turn: 9 }), 'BAD_REQUEST')
})

test('TK31 a push that fails for a while is tried again; one that is refused is said', async t => {
  const w = await world(t)
  w.sandboxes.failures.push.push(new MeshError('UNREACHABLE', { detail: 'the host is away' }))
  const first = await w.order()
  await (await (await w.sandboxes.workerOf(first.id)).join()).write(turnBegan, checkpoint, completed)
  assert.equal((await w.ended(first.id)).state, 'completed')
  w.sandboxes.failures.push.push(new MeshError('CONFLICT', { detail: 'the branch has moved' }))
  const second = await w.order('two')
  await (await (await w.sandboxes.workerOf(second.id)).join()).write(turnBegan, checkpoint, completed)
  const task = await w.ended(second.id)
  assert.equal(task.state, 'failed')
  assert.deepEqual(w.sandboxes.pushes, [first.id])
})

test('TK13, TK32 a hub that is restarted goes on with its workers, and delivers what had finished', async t => {
  const w = await world(t)
  const going = await w.order('one')
  const worker = await (await w.sandboxes.workerOf(going.id)).join()
  await worker.write(turnBegan, checkpoint)
  const done = await w.order('two')
  const away = () => new MeshError('UNREACHABLE', { detail: 'away' })
  w.sandboxes.failures.push.push(away(), away(), away())
  await (await (await w.sandboxes.workerOf(done.id)).join()).write(turnBegan, checkpoint, completed)
  await until(() => w.sandboxes.failures.push.length < 3)
  const { hub } = w.sandboxes.open.get(worker.id)!
  const stray = 'wrk_stray' as WorkerId
  w.sandboxes.open.set(stray, { task: going.id as RunId, token: 'x', ended: false, hub })
  await w.it.restart()
  w.sandboxes.failures.push.length = 0
  assert.equal((await w.ended(done.id)).state, 'completed')
  assert.deepEqual(w.sandboxes.pushes, [done.id])
  await until(() => !w.sandboxes.open.has(stray))
  const again = await (await w.sandboxes.workerOf(going.id)).join()
  assert.equal(again.id, worker.id, 'the same worker finds its socket again')
  await again.write(completed)
  assert.equal((await w.ended(going.id)).state, 'completed')
})

test('lists show the tasks of a project, newest first', async t => {
  const w = await world(t)
  const [a, b] = [await w.order('one'), await w.order('two')]
  const { items } = v.parse(listOf(taskSchema), await w.it.json('GET', '/tasks?open=1'))
  assert.deepEqual(
    items.map(({ id }) => id),
    [b.id, a.id],
  )
})
