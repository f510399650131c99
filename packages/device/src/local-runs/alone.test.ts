import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import { deviceIdOf, newId, systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { startDevice } from '../device.ts'
import { ScriptedHub } from '../testing/scripted-hub.ts'
import { ScriptedKernels, ScriptedMachine } from '../testing/scripted-kernels.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined }
const make = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, Date.now(), systemRandom)
const project = { id: make('project'), name: 'p', owner: 'me', tree: make('document') }

interface Place {
  data: string
  folder: string
  machine: ScriptedMachine
}

async function place(cells = 'print one'): Promise<Place> {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'a.md'), `# A\n\n\`\`\`python\n${cells}\n\`\`\`\n`)
  return { data: await temporaryFolder(), folder, machine: new ScriptedMachine() }
}

async function start(t: TestContext, at: Place, hub?: ScriptedHub, bounds: Partial<Limits> = {}) {
  const device = await startDevice(
    {
      folder: at.data,
      name: 'Desk',
      kind: 'desktop',
      limits: { ...limits, fileDebounceMs: 20, reconnectMinMs: 20, reconnectMaxMs: 100, hubAwayMs: 50, ...bounds },
      kernels: new ScriptedKernels(at.machine),
      projectsFolder: at.data,
      ...(hub && { hub: { url: hub.url } }),
      register: async key => {
        if (hub) hub.publicKey = key
        return make('device')
      },
    },
    { now: Date.now, random: systemRandom, log: silent },
  )
  t.after(() => device.close())
  if (device.attachments().length === 0) await device.attach({ project, folder: at.folder })
  const loopback = await device.serveLoopback({ port: 0, webFolder: null })
  const ask = (method: string, path: string, body?: unknown) =>
    fetch(`${loopback.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${loopback.token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  const json = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await ask(method, path, body)
    const text = await answer.text()
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }
  const documents = await json<{ items: { id: string }[] }>('GET', `/documents?project=${project.id}`)
  const document = documents.items[0]!.id
  const run = (code: string, more: object = {}) =>
    json<Run>('POST', '/runs', { document, language: 'python', code, cell: { by: 'index', index: 0 }, ...more })
  const show = (id: string) => json<Run>('GET', `/runs/${id}`)
  const ended = async (id: string): Promise<Run> => {
    await until(`${id} ends`, async () => (await show(id)).endedAt !== null)
    return show(id)
  }
  const log = async (id: string, after = 0): Promise<{ seq: number; event: RunEvent }[]> => {
    const text = await (await ask('GET', `/runs/${id}/events?after=${after}`)).text()
    return [...text.matchAll(/^id: (\d+)\ndata: (.*)$/gm)].map(([, seq, data]) => ({
      seq: Number(seq),
      event: JSON.parse(data!) as RunEvent,
    }))
  }
  return { device, ask, json, document, run, show, ended, log, file: () => readFile(join(at.folder, 'a.md'), 'utf8') }
}

const typesOf = (log: { event: RunEvent }[]) => log.map(({ event }) => event.type)

test('DV120 DV121 LO20 without a hub a run is placed, executed once, shown in the document and logged with its own numbers', async t => {
  const at = await place()
  const world = await start(t, at)
  const asked = await world.run('print one')
  const done = await world.ended(asked.id)
  assert.deepEqual([done.status, done.deviceName, done.path], ['completed', 'Desk', 'a.md'])
  assert.ok(done.reasons.includes('It is the first run of its session, which has no variables yet.'))
  const log = await world.log(asked.id)
  assert.deepEqual(typesOf(log), ['started', 'stdout', 'completed'])
  assert.deepEqual(
    log.map(({ seq }) => seq),
    [1, 2, 3],
  )
  assert.deepEqual(typesOf(await world.log(asked.id, 2)), ['completed'])
  assert.equal((await world.ask('GET', `/runs/${asked.id}/events?after=3`)).status, 204)
  await until('the file shows it', async () => (await world.file()).includes(`output:${asked.id}\none`))
  assert.equal((await world.run('print one', { id: asked.id })).id, asked.id)
  assert.equal(at.machine.executions.get(asked.id), 1)
  const list = await world.json<{ items: Run[]; missing: string }>('GET', '/runs')
  assert.deepEqual(
    list.items.map(({ id }) => id),
    [asked.id],
  )
  assert.match(list.missing, /The hub cannot be reached/)
})

test('DV121 runs of a session go one after the other, each once, also over a restart of the device in the middle', async t => {
  const at = await place()
  const first = await start(t, at)
  const runs = [await first.run('print a\nsleep 300'), await first.run('print b'), await first.run('print c')]
  assert.deepEqual(
    runs.map(({ status }) => status),
    ['leased', 'queued', 'queued'],
  )
  await first.device.close()
  const again = await start(t, at)
  for (const { id } of runs) assert.equal((await again.ended(id)).status, 'completed')
  for (const { id } of runs) assert.equal(at.machine.executions.get(id), 1)
  const [a, b, c] = await Promise.all(runs.map(async ({ id }) => (await again.log(id)).map(({ event }) => event.at)))
  assert.ok(a!.at(-1)! <= b![0]! && b!.at(-1)! <= c![0]!)
})

test('DV122 I11 what was sent to another device or cannot run here waits, says why, and holds up nobody', async t => {
  const world = await start(t, await place())
  const [other, gpu, r] = [
    await world.run('print one', { on: deviceIdOf(systemRandom(32)) }),
    await world.run('print one', { requires: ['gpu'] }),
    await world.run('print one', { language: 'r' }),
  ]
  assert.match(other.reasons.join(' '), /The chosen device is not paired/)
  assert.match(gpu.reasons.join(' '), /requires gpu, which Desk cannot offer/)
  assert.match(r.reasons.join(' '), /There is no kernel for r on Desk/)
  const free = await world.run('print two')
  assert.equal((await world.ended(free.id)).status, 'completed')
  assert.equal((await world.show(gpu.id)).status, 'queued')
  const cancelled = await world.json<Run>('POST', `/runs/${gpu.id}/cancel`, {})
  assert.deepEqual([cancelled.status, typesOf(await world.log(gpu.id))], ['cancelled', ['cancelled']])
})

test('LO20 input, interrupt, variables, restart and again are answered without a hub', async t => {
  const world = await start(t, await place())
  const asking = await world.run('input name?')
  await until('it asks', async () => (await world.show(asking.id)).status === 'waiting-for-input')
  await world.json('POST', `/runs/${asking.id}/input`, { text: 'Ada' })
  await world.ended(asking.id)
  assert.ok((await world.log(asking.id)).some(({ event }) => event.type === 'stdout' && event.text === 'got Ada\n'))
  const long = await world.run('forever')
  await until('it runs', async () => (await world.show(long.id)).status === 'running')
  assert.deepEqual(await world.json('POST', `/sessions/${long.session}/variables`, {}), {
    items: [{ name: 'x', type: 'int', preview: '1' }],
    truncated: false,
  })
  await world.json('POST', `/sessions/${long.session}/interrupt`, {})
  assert.equal((await world.ended(long.id)).status, 'cancelled')
  const again = await world.json<Run>('POST', `/runs/${asking.id}/again`, {})
  assert.equal(again.againOf, asking.id)
  await until('it asks again', async () => (await world.show(again.id)).status === 'waiting-for-input')
  await world.json('POST', `/sessions/${long.session}/restart`, {})
  assert.equal((await world.ended(again.id)).status, 'cancelled')
  assert.equal((await world.ended((await world.run('print x')).id)).status, 'completed')
})

test('DV125 an old hub is not told of what ran without it: log and document stay here, and it is said', async t => {
  const at = await place()
  const alone = await start(t, at)
  await alone.ended((await alone.run('print one')).id)
  await alone.device.close()
  const hub = await ScriptedHub.start(t, Date.now)
  const world = await start(t, at, hub)
  await until('it is linked', () => world.device.linked)
  await until('it is told', () => world.device.problems().some(text => text.includes('older than this device')))
  assert.deepEqual(hub.all('RUN_IMPORT'), [])
  assert.deepEqual(hub.all('REGISTER')[0]!.heads, [])
})

test('DV125 without a hub the logs of old runs make room for new ones, once the document shows them', async t => {
  const world = await start(t, await place(), undefined, { journalBytes: 2_000 })
  const runs: string[] = []
  for (let index = 0; index < 8; index++) {
    const { id } = await world.run(`print ${String(index).repeat(300)}`)
    await world.ended(id)
    runs.push(id)
  }
  const kept = async () => (await world.json<{ items: Run[] }>('GET', '/runs')).items.map(({ id }) => id as string)
  await until('there is room', async () => (await kept()).length < 4)
  assert.equal((await kept())[0], runs.at(-1))
  assert.equal((await world.log(runs.at(-1)!)).at(-1)!.event.type, 'completed')
})
