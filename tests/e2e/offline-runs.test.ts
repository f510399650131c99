/** What devices run while the hub is out of reach, and what the others see once it is back: the shipped hub and devices over real sockets. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, scaledTimes } from '@meshbook/core/limits.ts'
import type { SessionInfo } from '@meshbook/core/messages.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { type Device, startDevice } from '@meshbook/device/device.ts'
import { ScriptedKernels, ScriptedMachine } from '@meshbook/device/testing/scripted-kernels.ts'
import { temporaryFolder } from '@meshbook/device/testing/temporary-folder.ts'
import { startTestHub, type TestHub } from '@meshbook/hub/testing/test-hub.ts'
import { HubFront } from '../hub-front.ts'
import { waitMs } from '../mesh-process.ts'

const quick: Limits = { ...scaledTimes(30), fileDebounceMs: 20, fileMaxWaitMs: 100, hubAwayMs: 100, reconnectMinMs: 20 }
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined }
const notebook = '# A\n\n```python\nprint one\n```\n'

async function until(what: string, check: () => Promise<boolean> | boolean, ms = waitMs): Promise<void> {
  const end = performance.now() + ms
  while (!(await check())) {
    if (performance.now() > end) assert.fail(`${what} did not happen in time`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

type Answers = (method: string, path: string, body?: unknown) => Promise<Response>
const jsonOf =
  (ask: Answers) =>
  async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await ask(method, path, body)
    const text = await answer.text()
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

async function logOf(ask: Answers, id: string): Promise<{ seq: number; event: RunEvent }[]> {
  const text = await (await ask('GET', `/runs/${id}/events`)).text()
  return [...text.matchAll(/^id: (\d+)\ndata: (.*)$/gm)].map(([, seq, data]) => ({
    seq: Number(seq),
    event: JSON.parse(data!) as RunEvent,
  }))
}

interface Desk {
  device: Device
  machine: ScriptedMachine
  front: HubFront
  folder: string
  ask: Answers
  json: ReturnType<typeof jsonOf>
  restart(): Promise<void>
}

/** A device of the hub, through a front of its own. */
async function desk(t: TestContext, hub: TestHub, name: string): Promise<Desk> {
  const front = await HubFront.start(t, hub.hub.url)
  const [data, folder, machine] = [await temporaryFolder(), await temporaryFolder(), new ScriptedMachine()]
  const start = () =>
    startDevice(
      {
        folder: data,
        name,
        kind: 'desktop',
        hub: { url: front.url, token: async () => hub.token },
        limits: quick,
        kernels: new ScriptedKernels(machine),
        projectsFolder: data,
        register: (key, label, kind) => hub.hub.registerDevice(key, label, kind),
      },
      { now: Date.now, random: systemRandom, log: silent },
    )
  const made = { front, machine, folder } as Desk
  const serve = async () => {
    made.device = await start()
    const loopback = await made.device.serveLoopback({ port: 0, webFolder: null })
    made.ask = (method, path, body) =>
      fetch(`${loopback.url}/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${loopback.token}`, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
    made.json = jsonOf(made.ask)
  }
  await serve()
  t.after(() => made.device.close())
  made.restart = async () => {
    await made.device.close()
    await serve()
  }
  const { id, name: project, owner, tree } = hub.project
  await made.device.attach({ project: { id, name: project, owner, tree }, folder })
  return made
}

async function world(t: TestContext, names = ['Anvil', 'Bench']) {
  const hub = await startTestHub(t, { timesDivisor: 30 })
  const desks: Desk[] = []
  for (const name of names) desks.push(await desk(t, hub, name))
  const [a] = desks as [Desk]
  await writeFile(join(a.folder, 'a.md'), notebook)
  const at = jsonOf(hub.api)
  let document = ''
  await until('the notebook is at the hub', async () => {
    const { items } = await at<{ items: { id: string; path: string }[] }>('GET', `/documents?project=${hub.project.id}`)
    document = items.find(({ path }) => path === 'a.md')?.id ?? ''
    return document !== '' && (await (await hub.api('GET', `/documents/${document}/content`)).text()) === notebook
  })
  for (const one of desks)
    await until(
      'the notebook is there',
      async () => (await readFile(join(one.folder, 'a.md'), 'utf8').catch(() => '')) === notebook,
    )
  const run = (where: { json: ReturnType<typeof jsonOf> }, code: string, more: object = {}) =>
    where.json<Run>('POST', '/runs', { document, language: 'python', code, cell: { by: 'index', index: 0 }, ...more })
  const ended = async (where: { json: ReturnType<typeof jsonOf> }, id: string): Promise<Run> => {
    let found: Run | undefined
    await until(`${id} ends`, async () => {
      found = await where.json<Run>('GET', `/runs/${id}`)
      return found.endedAt !== null
    })
    return found!
  }
  const away = async (one: Desk) => {
    one.front.cut()
    await until('the device is alone', async () => {
      const { missing } = await one.json<{ missing?: string }>('GET', '/runs')
      return missing !== undefined && !one.device.linked
    })
    await new Promise(resolve => setTimeout(resolve, 2 * quick.hubAwayMs))
  }
  const hubSide = { ask: hub.api as Answers, json: at }
  const inHub = (id: string) => hub.api('GET', `/runs/${id}`).then(({ ok }) => ok)
  return { hub, desks, a, b: desks[1]!, document, run, ended, away, hubSide, inHub }
}

test('DV124 DV128 LO20 RU60 what ran without the hub is at the others once it is back: run, log, output, ran-on, in order, once', async t => {
  const { hub, a, b, run, ended, away, hubSide, inHub } = await world(t)
  const online = await run(a, 'print zero', { on: a.device.id })
  assert.equal((await ended(a, online.id)).deviceName, 'Anvil')
  await away(a)
  const ids: string[] = []
  for (const word of ['one', 'two', 'three']) ids.push((await run(a, `print ${word}`)).id)
  for (const id of ids) assert.equal((await ended(a, id)).status, 'completed')
  assert.deepEqual(
    (await a.json<{ items: Run[] }>('GET', '/runs')).items.map(({ id }) => id),
    [...ids].reverse(),
  )
  await a.restart()
  await hub.restart()
  for (const one of [a, b]) one.front.target = hub.hub.url
  b.front.cut()
  b.front.heal()
  a.front.heal()
  for (const [index, id] of ids.entries()) {
    await until('the hub has it', () => inHub(id))
    const known = await ended(hubSide, id)
    assert.deepEqual([known.status, known.deviceName], ['completed', 'Anvil'])
    const log = await logOf(hub.api, id)
    assert.deepEqual(
      log.map(({ seq }) => seq),
      [1, 2, 3],
    )
    assert.deepEqual(log[1]!.event.type === 'stdout' && log[1]!.event.text, `${['one', 'two', 'three'][index]}\n`)
    assert.equal(a.machine.executions.get(id as never), 1)
  }
  const { items } = await hubSide.json<{ items: Run[] }>('GET', '/runs')
  assert.deepEqual(
    items.map(({ id }) => id),
    [...ids].reverse().concat(online.id),
  )
  const file = async (one: Desk) => readFile(join(one.folder, 'a.md'), 'utf8')
  await until('the other device shows the output', async () => (await file(b)).includes(`output:${ids[2]}\nthree`))
  await until('its page lists them', async () => {
    if (!b.device.linked) return false
    const seen = await b.json<{ items: Run[] }>('GET', '/runs')
    return ids.every(id => seen.items.some(each => each.id === id && each.deviceName === 'Anvil'))
  })
  // The head went on: its variables are there for the next run that comes through the hub.
  const later = await run(b, 'print four')
  assert.equal((await ended(hubSide, later.id)).deviceName, 'Anvil')
  assert.equal((await hubSide.json<{ items: SessionInfo[] }>('GET', '/sessions')).items.length, 1)
  assert.deepEqual(a.device.problems(), [])
  assert.deepEqual((await a.json<{ items: Run[] }>('GET', '/runs')).items.length, 5)
})

test('DV124 I5 a run that goes on while the hub comes back streams on there, takes its input and ends once', async t => {
  const { hub, a, run, ended, away, hubSide, inHub } = await world(t, ['Anvil'])
  await away(a)
  const { id } = await run(a, 'print before\ninput name?\nprint after')
  const waiting = await run(a, 'print next')
  await until('it asks', async () => (await a.json<Run>('GET', `/runs/${id}`)).status === 'waiting-for-input')
  a.front.heal()
  await until('the hub has it', () => inHub(id))
  await until(
    'and its question',
    async () => (await hubSide.json<Run>('GET', `/runs/${id}`)).status === 'waiting-for-input',
  )
  await until('what waits was sent to it', () => inHub(waiting.id))
  await hubSide.json('POST', `/runs/${id}/input`, { text: 'Ada' })
  assert.equal((await ended(hubSide, id)).status, 'completed')
  assert.equal((await ended(hubSide, waiting.id)).status, 'completed')
  const types = (await logOf(hub.api, id)).map(({ event }) => event.type)
  assert.deepEqual(types, ['started', 'stdout', 'input-request', 'input-answered', 'stdout', 'stdout', 'completed'])
  for (const each of [id, waiting.id]) assert.equal(a.machine.executions.get(each as never), 1)
})

test('DV123 RU62 I4 a session that is live elsewhere is not continued here; both keep their variables, and it is said', async t => {
  const { a, b, run, ended, away, hubSide, inHub } = await world(t)
  assert.equal((await ended(hubSide, (await run(b, 'print zero', { on: b.device.id })).id)).deviceName, 'Bench')
  await until(
    'Anvil has heard of it',
    async () => (await a.json<{ items: SessionInfo[] }>('GET', '/sessions')).items.length > 0,
  )
  await away(a)
  const own = await run(a, 'print mine')
  assert.match(own.reasons.join(' '), /The session default is live on another device.*“default \(offline on Anvil\)”/)
  await ended(a, own.id)
  a.front.heal()
  await until('the hub has it', () => inHub(own.id))
  await ended(hubSide, own.id)
  const sessions = async () => {
    const { items } = await hubSide.json<{ items: SessionInfo[] }>('GET', '/sessions')
    return Object.fromEntries(items.map(({ name, device }) => [name, device]))
  }
  assert.deepEqual(await sessions(), { default: b.device.id, 'default (offline on Anvil)': a.device.id })

  // A head that was here when the link broke, and that the hub gave to another device meanwhile.
  const mine = await run(a, 'print more', { session: 'mine', on: a.device.id })
  await ended(hubSide, mine.id)
  await away(a)
  const offline = await run(a, 'print offline', { session: 'mine' })
  await ended(a, offline.id)
  const moved = await run(b, 'print moved', { session: 'mine', on: b.device.id })
  assert.equal((await ended(hubSide, moved.id)).deviceName, 'Bench')
  a.front.heal()
  await until('the hub has it', () => inHub(offline.id))
  await ended(hubSide, offline.id)
  await until(
    'the kernel goes on under its new name',
    async () => (await sessions())['mine (offline on Anvil)'] === a.device.id,
  )
  assert.equal((await sessions()).mine, b.device.id)
  const further = await run(b, 'print further', { session: 'mine (offline on Anvil)' })
  assert.equal((await ended(hubSide, further.id)).deviceName, 'Anvil')
  const back = await run(b, 'print back', { session: 'mine' })
  assert.equal((await ended(hubSide, back.id)).deviceName, 'Bench')
})

for (const answer of ['lost after the hub committed', 'lost before the hub saw it'] as const)
  test(`DV126 a request whose answer was ${answer} runs once, and never also here`, async t => {
    const { a, run, ended, hubSide, inHub } = await world(t, ['Anvil'])
    const isCommitted = answer === 'lost after the hub committed'
    if (isCommitted) a.front.swallow = /^POST \/api\/v1\/runs/
    else a.front.swallow = undefined
    const before = hubSide
    const asking = run(a, 'print once')
    if (!isCommitted) a.front.cut()
    const asked = await asking
    assert.equal(asked.status === 'queued' || asked.status === 'leased', true)
    if (isCommitted) {
      assert.equal(a.front.swallowed, 1)
      assert.match(asked.reasons.join(' '), /Waiting to learn whether the hub took it/)
      assert.equal(await inHub(asked.id), true)
      await new Promise(resolve => setTimeout(resolve, 4 * quick.hubAwayMs))
      // Nobody decides alone about it, however long the hub is away and also after a restart.
      const held = a.machine.executions.get(asked.id as never) ?? 0
      await a.restart()
      await new Promise(resolve => setTimeout(resolve, 4 * quick.hubAwayMs))
      assert.equal((a.machine.executions.get(asked.id as never) ?? 0) - held, 0)
    }
    a.front.swallow = undefined
    a.front.heal()
    await until('the hub has it', () => inHub(asked.id))
    assert.equal((await ended(before, asked.id)).status, 'completed')
    assert.equal(a.machine.executions.get(asked.id as never), 1)
    await until('nothing is kept of it', async () => {
      const { items } = await a.json<{ items: Run[] }>('GET', '/runs')
      return items.filter(({ id }) => id === asked.id).length === 1 && items[0]!.status === 'completed'
    })
  })

test('DV122 DV127 I11 what was sent to another device waits here, and goes to it once the hub is back', async t => {
  const { a, b, run, ended, away, hubSide } = await world(t)
  await until(
    'both know each other',
    async () => (await a.json<{ items: object[] }>('GET', '/devices')).items.length === 2,
  )
  await away(a)
  const other = await run(a, 'print there', { on: b.device.id })
  assert.match(
    other.reasons.join(' '),
    /You chose Bench; no other is tried.*The hub is asked as soon as it can be reached/,
  )
  await a.restart()
  assert.equal((await a.json<Run>('GET', `/runs/${other.id}`)).status, 'queued')
  a.front.heal()
  await until('the hub has it', () => hubSide.ask('GET', `/runs/${other.id}`).then(({ ok }) => ok))
  const done = await ended(hubSide, other.id)
  assert.deepEqual([done.status, done.deviceName], ['completed', 'Bench'])
  assert.equal(done.codeHash.length, 64)
})

test('RU63 DV125 what the hub refuses stays on its device with log and reason', async t => {
  const { hub, a, run, ended, away, document } = await world(t, ['Anvil'])
  await away(a)
  const { id } = await run(a, 'print mine')
  await ended(a, id)
  // The hub has a run of this id with other code by now.
  await hub.json('POST', '/runs', { id, document, language: 'python', code: 'print other', on: a.device.id })
  a.front.heal()
  await until('it is told', () => a.device.problems().some(text => text.includes(id)))
  const kept = await a.json<Run>('GET', `/runs/${id}`)
  assert.match(kept.reasons.join(' '), /The hub did not take it.*It is kept on this device/)
  assert.deepEqual(
    (await logOf(a.ask, id)).map(({ event }) => event.type),
    ['started', 'stdout', 'completed'],
  )
  assert.equal((await hub.json<Run>('GET', `/runs/${id}`)).status !== 'completed', true)
  assert.equal(a.machine.executions.get(id as never), 1)
})
