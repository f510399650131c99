import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { sharedNames, type TreeEntry } from '@meshbook/core/executions.ts'
import { type DocumentId, newId, parseFence, parseRunId, systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { Lease, ProjectInfo } from '@meshbook/core/messages.ts'
import { openLocalPeer } from '@meshbook/relay/local-peer.ts'
import { type Device, startDevice } from '../device.ts'
import type { DevicePorts } from '../device-options.ts'
import { ScriptedHub } from '../testing/scripted-hub.ts'
import { ScriptedKernels, ScriptedMachine } from '../testing/scripted-kernels.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'
import { parseNvidia } from './machine-facts.ts'
import type { SleepSources } from './sleep-notice.ts'

const quick: Limits = {
  ...limits,
  fileDebounceMs: 20,
  fileMaxWaitMs: 100,
  reconnectMinMs: 20,
  reconnectMaxMs: 100,
  outputBlockWaitMs: 50,
  problemsMs: 20,
  handshakeMs: 3_000,
}
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined }
const make = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, Date.now(), systemRandom)

class World {
  readonly hub: ScriptedHub
  readonly data: string
  readonly folder: string
  readonly machine = new ScriptedMachine()
  readonly project: ProjectInfo = { id: make('project'), name: 'p', owner: 'me', tree: make('document') }
  device!: Device

  constructor(hub: ScriptedHub, data: string, folder: string) {
    this.hub = hub
    this.data = data
    this.folder = folder
  }

  async start(more: Partial<DevicePorts> = {}, times: Partial<Limits> = {}): Promise<void> {
    const register = async (publicKey: string) => {
      this.hub.publicKey = publicKey
      return this.device?.id
    }
    this.device = await startDevice(
      {
        folder: this.data,
        name: 'Desk',
        kind: 'desktop',
        hub: { url: this.hub.url },
        limits: { ...quick, ...times },
        kernels: new ScriptedKernels(this.machine),
        projectsFolder: this.data,
        register,
      },
      { now: Date.now, random: systemRandom, log: silent, ...more },
    )
  }

  /** A document as the hub sees it. */
  open(t: TestContext, document: DocumentId) {
    const peer = openLocalPeer(this.hub.relay, { org: this.hub.org, document }, { name: 'test' })
    t.after(() => peer.close())
    return peer
  }

  lease(document: DocumentId, code: string, run = 'run-1'): Lease {
    const at = Date.now()
    return {
      run: parseRunId(run),
      project: this.project.id,
      document,
      session: make('session'),
      sessionName: 'default',
      head: make('head'),
      fence: parseFence(1),
      language: 'python',
      code,
      cell: { by: 'index', index: 0 },
      requestedBy: 'me',
      requestedAt: at,
      expiresAt: at + 60_000,
    }
  }
}

async function world(t: TestContext, text = '```python\nx\n```\n'): Promise<World & { document: DocumentId }> {
  const w = new World(await ScriptedHub.start(t, Date.now), await temporaryFolder(), await temporaryFolder())
  await writeFile(join(w.folder, 'a.md'), text)
  t.after(async () => {
    w.machine.stopped = true
    await w.device.close()
  })
  await w.start()
  await w.device.attach({ project: w.project, folder: w.folder })
  const tree = w.open(t, w.project.tree)
  let document: DocumentId | undefined
  await until('the document at the hub', () => {
    const entries = tree.doc.getMap<TreeEntry>(sharedNames.files).entries()
    document = [...entries].find(([, entry]) => entry.path === 'a.md')?.[0] as DocumentId | undefined
    return document !== undefined
  })
  return Object.assign(w, { document: document! })
}

test('the key is made once, only its user can read it, and it proves the device to the hub', async t => {
  const w = await world(t)
  const { id } = w.device
  assert.equal((await stat(join(w.data, 'device.key'))).mode & 0o777, 0o600)
  const [register] = w.hub.all('REGISTER')
  assert.equal(register!.device, id)
  assert.deepEqual(
    register!.runtimes.map(runtime => runtime.language),
    ['python'],
  )
  await w.device.close()
  await w.start()
  assert.equal(w.device.id, id)
})

test('documents converge over a cut in both directions: the device works on meanwhile', async t => {
  const w = await world(t)
  const text = w.open(t, w.document).doc.getText(sharedNames.content)
  await until('the first text', () => text.length > 0)
  await w.hub.stop()
  await until('offline', () => !w.device.linked)
  text.insert(0, 'at the hub\n')
  await writeFile(join(w.folder, 'a.md'), '```python\nx\n```\nat the device\n')
  await new Promise(resolve => setTimeout(resolve, 150))
  await w.hub.listen()
  const merged = 'at the hub\n```python\nx\n```\nat the device\n'
  await until('the hub', () => text.toString() === merged)
  await until('the file', async () => (await readFile(join(w.folder, 'a.md'), 'utf8')) === merged)
})

test('a stream that the hub ended for its disk is opened again, also while the channel stays (DV15)', async t => {
  const w = await world(t)
  const { stream } = w.hub.all('OPEN').find(({ document }) => document === w.document)!
  w.hub.send({ type: 'CLOSE', stream, code: 'STORAGE_FAILED', reason: 'STORAGE_FAILED: the disk' })
  await until('the notice', () => w.device.problems().some(problem => problem.includes('does not sync')))
  const before = w.hub.connections
  await until('another stream', () => w.hub.all('OPEN').filter(({ document }) => document === w.document).length === 2)
  await until('the end of the notice', () => w.device.problems().length === 0)
  assert.equal(w.hub.connections, before)
})

test('a document larger than a frame goes through in parts', async t => {
  const large = `${'x'.repeat(99)}\n`.repeat(20_000)
  const w = await world(t, large)
  const text = w.open(t, w.document).doc.getText(sharedNames.content)
  await until('the whole text', () => text.length === large.length)
  text.insert(0, 'y'.repeat(1_500_000))
  await until('the file', async () => (await stat(join(w.folder, 'a.md'))).size === large.length + 1_500_000)
})

test('run events are sent again from what the hub has, with the same numbers, and the run is forgotten after the last (I5)', async t => {
  const w = await world(t)
  w.hub.send({
    type: 'LEASE',
    lease: w.lease(w.document, Array.from({ length: 20 }, (_, i) => `print ${i}\nsleep 10`).join('\n')),
  })
  await until('some events', () => (w.hub.logs.get('run-1')?.length ?? 0) >= 3)
  w.hub.silentAboutRuns = true
  await new Promise(resolve => setTimeout(resolve, 60))
  await w.hub.stop()
  w.hub.silentAboutRuns = false
  await until('offline', () => !w.device.linked)
  await w.hub.listen()
  await until('the end', () => w.hub.logs.get('run-1')?.at(-1)?.type === 'completed')
  const output = w.hub.logs.get('run-1')!.flatMap(event => (event.type === 'stdout' ? [event.text] : []))
  assert.deepEqual(
    output,
    Array.from({ length: 20 }, (_, i) => `${i}\n`),
  )
  assert.deepEqual(
    w.hub
      .all('REGISTER')
      .at(-1)!
      .runs.map(({ run }) => run),
    ['run-1'],
  )
  await until('the journal is empty', () =>
    [...w.machine.sessions.values()].every(session => session.journaled().length === 0),
  )
})

test('DV133 a head whose kernel is being started is named after a cut', async t => {
  const w = await world(t)
  const starting = Promise.withResolvers<void>()
  let asked = 0
  w.machine.starting = () => {
    asked++
    return starting.promise
  }
  const lease = w.lease(w.document, 'print a')
  const { session, head, fence } = lease
  w.hub.send({ type: 'LEASE', lease })
  await until('the kernel is asked for', () => asked === 1)
  await w.hub.stop()
  await until('offline', () => !w.device.linked)
  await w.hub.listen()
  await until('online', () => w.device.linked)
  assert.deepEqual(w.hub.all('REGISTER').at(-1)!.heads, [{ session, head, fence }])
  starting.resolve()
  await until('the end', () => w.hub.logs.get('run-1')?.at(-1)?.type === 'completed')
})

test('a lease that comes twice, also after a restart of the daemon, executes once (S16)', async t => {
  const w = await world(t)
  const lease = w.lease(w.document, 'print a\nsleep 100\nprint b')
  w.hub.silentAboutRuns = true
  w.hub.send({ type: 'LEASE', lease })
  w.hub.send({ type: 'LEASE', lease })
  await until('its start', () => w.machine.executions.get(lease.run) === 1)
  await w.device.close()
  await w.start()
  await until('online', () => w.device.linked)
  w.hub.silentAboutRuns = false
  w.hub.send({ type: 'LEASE', lease })
  await until('the end', () => w.hub.logs.get('run-1')?.at(-1)?.type === 'completed')
  assert.equal(w.machine.executions.get(lease.run), 1)
  const text = w.open(t, w.document).doc.getText(sharedNames.content)
  await until('the output', () => text.toString() === '```python\nx\n```\n\n```output:run-1\na\nb\n```\n')
})

test('a run that cannot be started is reported with the reason, as the only event of its log', async t => {
  const w = await world(t)
  w.hub.send({ type: 'LEASE', lease: { ...w.lease(w.document, 'x'), language: 'cobol' } })
  await until('the end', () => w.hub.logs.get('run-1')?.length === 1)
  const [event] = w.hub.logs.get('run-1')!
  assert.equal(event?.type === 'failed' && event.error.code, 'KERNEL_MISSING')
  const text = w.open(t, w.document).doc.getText(sharedNames.content)
  await until('the document', () =>
    text.toString().includes('KERNEL_MISSING: No program for this language is installed here'),
  )
})

test('questions of viewers are answered by the session; a lost head ends its kernel (I4)', async t => {
  const w = await world(t)
  const lease = w.lease(w.document, 'print a')
  w.hub.send({ type: 'LEASE', lease })
  await until('the end', () => w.hub.logs.get('run-1')?.at(-1)?.type === 'completed')
  w.hub.send({
    type: 'MRP_REQUEST',
    id: 1,
    session: lease.session,
    method: 'complete',
    params: { code: 'abc', cursor: 2 },
  })
  w.hub.send({ type: 'MRP_REQUEST', id: 2, session: make('session'), method: 'variables', params: {} })
  await until('both answers', () => w.hub.all('MRP_RESPONSE').length === 2)
  const answers = new Map(w.hub.all('MRP_RESPONSE').map(answer => [answer.id, answer]))
  assert.deepEqual(answers.get(1), {
    type: 'MRP_RESPONSE',
    id: 1,
    ok: true,
    result: { from: 0, to: 2, items: [{ label: 'ab…' }] },
  })
  const second = answers.get(2)!
  assert.equal(!second.ok && second.code, 'NOT_FOUND')
  assert.deepEqual(
    w.hub.all('RUNTIME_UP').map(({ head }) => head),
    [lease.head],
  )
  w.hub.lost = [lease.head]
  await w.hub.stop()
  await w.hub.listen()
  await until('the kernel is gone', () => w.machine.sessions.size === 0)
})

test('RU22 RU23 a run that the hub has ended goes on here; its end is told beside the log, and then it is forgotten', async t => {
  const w = await world(t)
  w.hub.send({ type: 'LEASE', lease: w.lease(w.document, 'print a\nsleep 600\nprint b') })
  await until('its start', () => (w.hub.logs.get('run-1')?.length ?? 0) >= 2)
  w.hub.ended.add('run-1')
  await w.hub.stop()
  await w.hub.listen()
  await until('the end', () => w.hub.all('RUN_AFTERWARDS').length > 0)
  const [told] = w.hub.all('RUN_AFTERWARDS')
  assert.deepEqual([told!.event.type, told!.seq, w.hub.logs.get('run-1')?.length], ['completed', 4, 2])
  const text = w.open(t, w.document).doc.getText(sharedNames.content)
  await until('the output', () => text.toString().includes('a\nb\n'))
  await until('the journal is empty', () =>
    [...w.machine.sessions.values()].every(session => session.journaled().length === 0),
  )
})

test('RU10 RU11 an interrupt for another run is refused; a restart ends the kernel and its head, and the run as cancelled', async t => {
  const w = await world(t)
  const lease = w.lease(w.document, 'forever')
  w.hub.send({ type: 'LEASE', lease })
  await until('its start', () => (w.hub.logs.get('run-1')?.length ?? 0) >= 1)
  const { session, head } = lease
  const ask = (id: number, method: 'interrupt' | 'restart', params: Record<string, unknown>) =>
    w.hub.send({ type: 'MRP_REQUEST', id, session, method, params })
  ask(1, 'interrupt', { run: 'run-2' })
  ask(2, 'restart', { head: make('head') })
  await until('two answers', () => w.hub.all('MRP_RESPONSE').length === 2)
  const [first] = w.hub.all('MRP_RESPONSE').filter(({ id }) => id === 1)
  assert.equal(!first!.ok && first!.code, 'CONFLICT')
  assert.equal(w.hub.all('RUNTIME_DOWN').length, 0, 'another head than the one that is meant')
  ask(3, 'restart', { head })
  await until('the end', () => w.hub.logs.get('run-1')?.at(-1)?.type === 'cancelled')
  await until('the third answer', () => w.hub.all('MRP_RESPONSE').length === 3)
  assert.deepEqual(
    w.hub.all('RUNTIME_DOWN').map(down => down.head),
    [head],
  )
  assert.equal(w.machine.sessions.size, 0)
})

test('a hub that falls silent is left and tried again; a goodbye is said at the end', async t => {
  const w = await world(t)
  // Long enough that a busy machine answers between two pings.
  w.hub.pingMs = 400
  await w.hub.stop()
  await w.hub.listen()
  await until('heartbeats', () => w.hub.all('HEARTBEAT').length >= 2)
  const before = w.hub.connections
  w.hub.fallSilent()
  await until('another connection', () => w.hub.connections > before)
  await until('online again', () => w.device.linked)
  await w.device.close()
  await until('the goodbye', () => w.hub.all('BYE').length > 0)
  assert.equal(w.device.status().link.state, 'closed')
})

test('DV85 a revoked device stops trying, and says plainly why and what to do', async t => {
  const w = await world(t)
  w.hub.send({ type: 'REVOKED', reason: 'its key was used from two places; pair it again' })
  await until('the status', () => w.device.status().link.state === 'refused')
  assert.match(w.device.problems().join(), /revoked: its key was used from two places.*meshbook pair/)
  await until('the mark', async () => (await readFile(join(w.data, 'device.json'), 'utf8')).includes('two places'))
  const before = w.hub.connections
  await new Promise(resolve => setTimeout(resolve, 300))
  assert.equal(w.hub.connections, before)
})

test('DV82 the token of each welcome is shown at the next registration, and the newest is what is kept', async t => {
  const w = await world(t)
  assert.equal(w.hub.all('REGISTER')[0]!.token, undefined)
  for (const n of [1, 2]) {
    w.hub.token = `token-number-${n}-of-the-scripted-hub`
    const registered = w.hub.all('REGISTER').length
    await w.hub.stop()
    await w.hub.listen()
    await until('the registration', () => w.hub.all('REGISTER').length > registered && w.device.linked)
  }
  const saved = () => readFile(join(w.data, 'device.token'), 'utf8')
  await until('the token on the disk', async () => (await saved()).trim() === w.hub.token)
  assert.equal((await stat(join(w.data, 'device.token'))).mode & 0o777, 0o600)
  assert.equal(w.hub.all('REGISTER').at(-1)!.token, 'token-number-1-of-the-scripted-hub')
  await w.device.close()
  await w.start()
  await until('online', () => w.device.linked)
  assert.equal(w.hub.all('REGISTER').at(-1)!.token, 'token-number-2-of-the-scripted-hub')
})

test('the facts of graphics cards are read from nvidia-smi', () => {
  assert.deepEqual(parseNvidia('NVIDIA A100, 40960, 1024, 50\n\nbroken line\n'), [
    { name: 'NVIDIA A100', memoryBytes: 40960 * 2 ** 20, memoryFreeBytes: 1024 * 2 ** 20, load: 0.5 },
  ])
})

const problemsTold = (w: World) => w.hub.all('PROBLEMS').map(({ items }) => items.map(({ text }) => text))

test('DV70 DV71 the hub is told of problems as they come and pass, and anew on each connection; never what a file holds', async t => {
  const w = await world(t)
  await until('nothing is wrong, and that is told', () => problemsTold(w).at(-1)?.length === 0).catch(() =>
    assert.fail(JSON.stringify(problemsTold(w))),
  )
  await writeFile(join(w.folder, 'b.md'), Buffer.from([0xff, ...Buffer.from('secret words')]))
  await until('a file that cannot be read', () => problemsTold(w).at(-1)?.length === 1)
  const [told] = w.hub.all('PROBLEMS').at(-1)!.items
  assert.deepEqual([told!.project, told!.path, told!.code], [w.project.id, 'b.md', 'BAD_NOTEBOOK'])
  assert.doesNotMatch(JSON.stringify(told), /secret/)
  await w.hub.stop()
  await until('offline', () => !w.device.linked)
  const before = w.hub.all('PROBLEMS').length
  await w.hub.listen()
  await until('it is told anew', () => w.hub.all('PROBLEMS').length > before)
  assert.equal(problemsTold(w).at(-1)!.length, 1)
  await writeFile(join(w.folder, 'b.md'), 'text now\n')
  await until('it passed', () => problemsTold(w).at(-1)?.length === 0)
})

test('DV70 a hub that does not take problems is not sent any', async t => {
  const w = await world(t)
  await w.hub.stop()
  w.hub.takesProblems = false
  await until('offline', () => !w.device.linked)
  await w.hub.listen()
  await until('online', () => w.device.linked)
  const before = w.hub.all('PROBLEMS').length
  await writeFile(join(w.folder, 'b.md'), Buffer.from([0xff]))
  await until('the device knows', () => w.device.problems().length === 1)
  await new Promise(resolve => setTimeout(resolve, 2 * quick.problemsMs))
  assert.equal(w.hub.all('PROBLEMS').length, before)
  assert.ok(w.device.linked)
})

test('DV91 DV92 before sleep the hub hears BYE and the link stays down; on waking it is back at once', async t => {
  const w = await world(t)
  const notices: ((line: string) => void)[] = []
  const sleep: SleepSources = {
    follow(_, __, onLine) {
      notices.push(onLine)
      return () => undefined
    },
  }
  await w.device.close()
  await w.start({ sleep })
  await until('it is back', () => w.device.status().link.state === 'online')
  const connections = w.hub.connections
  const prepare = (isBefore: boolean) =>
    notices[0]?.(`/org/freedesktop/login1: org.freedesktop.login1.Manager.PrepareForSleep (${isBefore},)`)
  prepare(true)
  await until('BYE', () => w.hub.all('BYE').some(({ reason }) => reason === 'sleep'))
  await until('the link is down', () => w.device.status().link.state === 'offline')
  assert.equal(w.hub.connections, connections)
  prepare(false)
  await until('it is back', () => w.device.status().link.state === 'online')
  assert.equal(w.hub.connections, connections + 1)
})

test('DV92 after a sleep that nobody announced, a connection that does not answer is given up within moments', async t => {
  const w = await world(t)
  await w.device.close()
  const clock = { offsetMs: 0 }
  w.hub.pingMs = 60_000
  await w.start({ now: () => Date.now() + clock.offsetMs }, { clockTickMs: 20, wakeAnswerMs: 200 })
  await until('it is back', () => w.device.status().link.state === 'online')
  const connections = w.hub.connections
  clock.offsetMs += 3_600_000
  await new Promise(resolve => setTimeout(resolve, 500))
  assert.equal(w.hub.connections, connections, 'one that answers is kept')
  w.hub.fallSilent()
  clock.offsetMs += 3_600_000
  await until('it connects anew', () => w.hub.connections === connections + 1)
})
