import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { sharedNames, type TreeEntry } from '@meshbook/core/executions.ts'
import {
  type DeviceId,
  type DocumentId,
  type HeadId,
  type MoveId,
  newId,
  parseFence,
  type RunId,
  systemRandom,
} from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { Ladder, Lease, ProjectInfo, UpMessage } from '@meshbook/core/messages.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { SnapshotRecord, SnapshotUse } from '@meshbook/core/snapshot.ts'
import { openLocalPeer } from '@meshbook/relay/local-peer.ts'
import { type Device, startDevice } from '../device.ts'
import { ScriptedHub } from '../testing/scripted-hub.ts'
import { ScriptedKernels, ScriptedMachine } from '../testing/scripted-kernels.ts'
import { ScriptedBackend, ScriptedPlaces, ScriptedStore } from '../testing/scripted-snapshots.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'

const quick: Limits = {
  ...limits,
  fileDebounceMs: 20,
  fileMaxWaitMs: 100,
  reconnectMinMs: 20,
  reconnectMaxMs: 100,
  outputBlockWaitMs: 50,
  problemsMs: 20,
  snapshotQuietMs: 50,
}
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined }
const make = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, Date.now(), systemRandom)
type Snapshot = Extract<UpMessage, { type: 'SNAPSHOT' }>

class World {
  readonly machine = new ScriptedMachine()
  readonly kernels = new ScriptedKernels(this.machine)
  readonly image = new ScriptedBackend('image')
  readonly portable = new ScriptedBackend('portable')
  readonly places: ScriptedPlaces
  readonly hub: ScriptedHub
  readonly project: ProjectInfo
  readonly data: string
  readonly session = make('session')
  head = make('head')
  fence = parseFence(1)
  document!: DocumentId
  device!: Device

  constructor(hub: ScriptedHub, store: ScriptedStore, project: ProjectInfo, data: string) {
    this.hub = hub
    this.places = new ScriptedPlaces(store, make('session') as unknown as DeviceId)
    this.project = project
    this.data = data
  }

  async start(use: SnapshotUse = 'auto', times: Partial<Limits> = {}): Promise<void> {
    this.device = await startDevice(
      {
        folder: this.data,
        name: 'Desk',
        kind: 'desktop',
        hub: { url: this.hub.url },
        limits: { ...quick, ...times },
        kernels: this.kernels,
        projectsFolder: this.data,
        register: async key => {
          this.hub.publicKey = key
          return this.device?.id
        },
        snapshots: { use, parts: { backends: [this.image, this.portable], places: this.places } },
      },
      { now: Date.now, random: systemRandom, log: silent },
    )
    this.places.device = this.device.id
  }

  lease(code: string, change: Partial<Lease> = {}): Lease {
    const at = Date.now()
    return {
      run: make('run') as unknown as RunId,
      project: this.project.id,
      document: this.document,
      session: this.session,
      sessionName: 'default',
      head: this.head,
      fence: this.fence,
      language: 'python',
      code,
      cell: { by: 'index', index: 0 },
      requestedBy: 'me',
      requestedAt: at,
      expiresAt: at + 60_000,
      ...change,
    }
  }

  /** Has it run, and tells what it said and how it ended. */
  async run(code: string, change: Partial<Lease> = {}): Promise<{ text: string; log: RunEvent[] }> {
    const lease = this.lease(code, change)
    this.hub.send({ type: 'LEASE', lease })
    return this.logOf(lease.run)
  }

  async logOf(run: RunId): Promise<{ text: string; log: RunEvent[] }> {
    const ends = ['completed', 'failed', 'cancelled', 'interrupted']
    await until(`the end of ${run}`, () => ends.includes(this.hub.logs.get(run)?.at(-1)?.type ?? ''))
    const log = this.hub.logs.get(run)!
    return { text: log.map(event => (event.type === 'stdout' ? event.text : '')).join(''), log }
  }

  snapshots(state: Snapshot['state']): Snapshot[] {
    return this.hub.all('SNAPSHOT').filter(message => message.state === state)
  }

  /** The newest record at the hub, of each kind. */
  ladder(): Ladder {
    const all = [...this.places.store.records.values()]
    const newest = (kind: SnapshotRecord['kind']) => all.findLast(record => record.kind === kind)
    return [newest('image'), newest('portable')].flatMap(record => (record ? [rungOf(record)] : []))
  }
}

const rungOf = ({ id, kind, asOf }: SnapshotRecord): Ladder[number] => ({ snapshot: id, kind, asOf })

async function world(
  t: TestContext,
  {
    store = new ScriptedStore(),
    use = 'auto',
    times = {},
  }: { store?: ScriptedStore; use?: SnapshotUse; times?: Partial<Limits> } = {},
): Promise<World> {
  const project = { id: make('project'), name: 'p', owner: 'me', tree: make('document') }
  const w = new World(await ScriptedHub.start(t, Date.now), store, project, await temporaryFolder())
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'a.md'), '```python\nx\n```\n')
  t.after(async () => {
    w.machine.stopped = true
    await w.device.close()
  })
  await w.start(use, times)
  await w.device.attach({ project: w.project, folder })
  const tree = openLocalPeer(w.hub.relay, { org: w.hub.org, document: project.tree }, { name: 'test' })
  t.after(() => tree.close())
  await until('the document at the hub', () => {
    const found = [...tree.doc.getMap<TreeEntry>(sharedNames.files)].find(([, { path }]) => path === 'a.md')
    if (found) w.document = found[0] as DocumentId
    return found !== undefined
  })
  return w
}

/** A session with x = 1 that is at the hub in both kinds. */
async function savedWorld(t: TestContext, store = new ScriptedStore()): Promise<World> {
  const w = await world(t, { store })
  await w.run('set x 1')
  await until('both kinds are at the hub', () => w.snapshots('saved').length === 2)
  return w
}

/** Another device that gets the session of the first. */
async function other(t: TestContext, w: World, times: Partial<Limits> = {}): Promise<World> {
  const next = await world(t, { store: w.places.store, times })
  Object.assign(next, { session: w.session, fence: parseFence(2), head: make('head') })
  return next
}

test('SN45 SN96 the hub is told what can be restored here, that a session is being saved, and that it is', async t => {
  const w = await savedWorld(t)
  assert.deepEqual(w.hub.all('REGISTER').at(-1)!.restores?.kinds, ['image', 'portable'])
  assert.ok(w.snapshots('saving').length >= 2)
  assert.ok(
    w.snapshots('saved').every(({ snapshot, head }) => head === w.head && w.places.store.records.has(snapshot!)),
  )
})

test('SN80 SN84 a lease with saved states restores the first that works, and the run says as of when it is', async t => {
  const w = await savedWorld(t)
  const next = await other(t, w)
  next.image.unfitHereWords = 'another processor'
  const { text, log } = await next.run('show x', { restore: w.ladder(), behind: 1 })
  assert.equal(text, '1\n')
  const notice = log[0]!.type === 'started' ? log[0]!.notice! : ''
  assert.match(
    notice,
    /^State as of \d\d:\d\d from another device; 1 cell behind; not carried over: con \(open connection\)\.$/,
  )
  const [restored] = next.hub.all('RESTORED')
  assert.deepEqual([restored!.ok, restored!.snapshot], [true, w.ladder()[1]!.snapshot])
  assert.deepEqual(
    restored!.failed.map(({ code }) => code),
    ['SNAPSHOT_UNFIT'],
  )
  assert.deepEqual(
    restored!.lost.map(({ name }) => name),
    ['con'],
  )
  assert.deepEqual([...new Set(next.hub.all('RESTORING').map(({ phase }) => phase))], ['fetch', 'open', 'start'])
  assert.equal(next.image.starts, 0)
  const again = await next.run('show x', { restore: w.ladder() })
  assert.equal(again.text, '1\n')
  assert.equal(next.portable.starts, 1, 'a live session is not restored again')
})

test('SN81 SN82 what is damaged is refused before anything is started, and without another rung the run fails with the reasons', async t => {
  const w = await savedWorld(t)
  for (const part of w.places.store.parts.values()) part[0]! ^= 1
  const next = await other(t, w)
  const { log } = await next.run('show x', { restore: w.ladder() })
  const end = log.at(-1)!
  assert.equal(end.type === 'failed' && end.error.code, 'RESTORE_FAILED')
  assert.deepEqual([next.image.opens, next.image.starts, next.portable.starts], [0, 0, 0])
  const [restored] = next.hub.all('RESTORED')
  assert.deepEqual(
    [restored!.ok, restored!.failed.map(({ code }) => code)],
    [false, ['SNAPSHOT_REFUSED', 'SNAPSHOT_REFUSED']],
  )
  await until('the head is told to be over', () => next.hub.all('RUNTIME_DOWN').some(({ head }) => head === next.head))
  next.head = make('head')
  assert.equal((await next.run('show x')).text, 'undefined\n', 'a fresh start is possible')
})

test('SN85 what was fetched beforehand is open already when it is wanted', async t => {
  const w = await savedWorld(t)
  const next = await other(t, w)
  next.hub.send({ type: 'PREFETCH', session: w.session, restore: w.ladder() })
  await until('it is open', () => next.image.opens === 1)
  assert.equal((await next.run('show x', { restore: w.ladder() })).text, '1\n')
  assert.deepEqual([next.image.opens, next.image.starts], [1, 1])
})

test('SN56 MIGRATE_OUT waits for the run, saves and answers with the record that is at the hub', async t => {
  const w = await savedWorld(t)
  const lease = w.lease('sleep 200\nset x 2')
  w.hub.send({ type: 'LEASE', lease })
  await until('it runs', () => w.hub.logs.has(lease.run))
  const ask = make('move') as MoveId
  const { session, head, fence } = w
  w.hub.send({ type: 'MIGRATE_OUT', ask, session, head, fence, name: null, kinds: ['portable'] })
  await until('the answer', () => w.hub.all('SNAPSHOT').some(message => message.ask === ask))
  const answer = w.hub.all('SNAPSHOT').find(message => message.ask === ask)!
  const record = w.places.store.records.get(answer.snapshot!)!
  assert.deepEqual([answer.state, record.kind, record.asOf.run], ['saved', 'portable', lease.run])
})

test('SN56 a head that is not here is answered with NOT_FOUND, and with `off` nothing is saved', async t => {
  const w = await world(t, { use: 'off' })
  const ask = make('move') as MoveId
  const out = { type: 'MIGRATE_OUT', ask, session: w.session, head: make('head'), fence: w.fence, name: null } as const
  w.hub.send({ ...out, kinds: ['portable'] })
  await until('the answer', () => w.hub.all('SNAPSHOT').length === 1)
  assert.deepEqual([w.hub.all('SNAPSHOT')[0]!.state, w.hub.all('SNAPSHOT')[0]!.code], ['off', 'SNAPSHOTS_OFF'])
  const next = await world(t)
  next.hub.send({ ...out, kinds: ['portable'] })
  await until('the answer', () => next.hub.all('SNAPSHOT').length === 1)
  assert.equal(next.hub.all('SNAPSHOT')[0]!.code, 'NOT_FOUND')
  assert.deepEqual(w.hub.all('REGISTER').at(-1)!.restores?.kinds, [])
})

test('SN86 SN88 a session moves: its copy runs nothing before the move is done, then the source ends it', async t => {
  const w = await savedWorld(t)
  const next = await other(t, w)
  const ask = make('move') as MoveId
  const { session, head, fence, project } = next
  const into = {
    type: 'MIGRATE_IN',
    ask,
    project: project.id,
    session,
    sessionName: 'default',
    language: 'python',
  } as const
  next.hub.send({ ...into, head, fence, restore: w.ladder() })
  await until('the answer', () => next.hub.all('RESTORED').some(message => message.ask === ask && message.ok))
  assert.deepEqual(next.hub.all('RUNTIME_UP'), [], 'nobody may use it yet')
  next.hub.send({ ...into, head, fence, restore: w.ladder() })
  await until('the answer again', () => next.hub.all('RESTORED').length === 2)
  assert.equal(next.image.starts, 1)
  const moved = { type: 'SESSION_MOVED', session, from: w.device.id, to: next.device.id, ended: w.head } as const
  for (const hub of [w.hub, next.hub]) hub.send({ ...moved, head, fence, asOf: null })
  await until('it is live', () => next.hub.all('RUNTIME_UP').some(up => up.head === head))
  await until('the source is gone', () => w.machine.sessions.size === 0)
  assert.equal((await next.run('show x')).text, '1\n')
  assert.equal(next.machine.sessions.size, 1)
})

test('SN86 what was restored for a move that is given up ends, and what was there goes on', async t => {
  const w = await savedWorld(t)
  const { session, project } = w
  const head = make('head')
  const fence = parseFence(2)
  const ask = make('move') as MoveId
  const into = {
    type: 'MIGRATE_IN',
    ask,
    project: project.id,
    session,
    sessionName: 'default',
    language: 'python',
  } as const
  w.hub.send({ ...into, head, fence, restore: w.ladder() })
  await until('it is there', () => w.hub.all('RESTORED').some(message => message.ask === ask))
  assert.equal(w.machine.sessions.size, 2, 'beside the one that the session has here')
  w.hub.send({ type: 'SESSION_MOVED', session, from: null, to: null, ended: null, head: null, fence, asOf: null })
  await until('it is gone', () => w.machine.sessions.size === 1)
  assert.equal((await w.run('show x')).text, '1\n')
})

test('SN88 a late word about what is over leaves what is restored under a later fence', async t => {
  const w = await savedWorld(t)
  const { session, project } = w
  const [head, ask] = [make('head'), make('move') as MoveId]
  const into = { type: 'MIGRATE_IN', ask, project: project.id, session, sessionName: 'default' } as const
  w.hub.send({ ...into, language: 'python', head, fence: parseFence(3), restore: w.ladder() })
  const over = { type: 'SESSION_MOVED', session, from: w.device.id, ended: null, asOf: null } as const
  const elsewhere = (await other(t, w)).device.id
  w.hub.send({ ...over, to: elsewhere, head: make('head'), fence: parseFence(2) })
  w.hub.send({ ...over, to: null, head: make('head'), fence: parseFence(3) })
  await until('it is there', () => w.hub.all('RESTORED').some(message => message.ask === ask && message.ok))
  w.hub.send({ ...over, to: elsewhere, head: make('head'), fence: parseFence(2) })
  w.hub.send({ ...over, to: w.device.id, ended: w.head, head, fence: parseFence(3) })
  await until('it is live', () => w.hub.all('RUNTIME_UP').some(up => up.head === head))
})

test('SN88 an earlier state is restored into its own session on its own device', async t => {
  const w = await savedWorld(t)
  const earlier = w.ladder()
  await w.run('set x 2')
  const head = make('head')
  const fence = parseFence(2)
  const ask = make('move') as MoveId
  const { session, project } = w
  const into = {
    type: 'MIGRATE_IN',
    ask,
    project: project.id,
    session,
    sessionName: 'default',
    language: 'python',
  } as const
  w.hub.send({ ...into, head, fence, restore: earlier })
  await until('it is there', () => w.hub.all('RESTORED').some(message => message.ask === ask))
  const self = w.device.id
  w.hub.send({ type: 'SESSION_MOVED', session, from: self, to: self, ended: w.head, head, fence, asOf: null })
  await until('the other is gone', () => w.machine.sessions.size === 1)
  Object.assign(w, { head, fence })
  assert.equal((await w.run('show x')).text, '1\n')
})

test('SN87 a run that is to go on elsewhere goes on behind what its log has, without being executed again', async t => {
  const w = await world(t, { times: { snapshotLongRunMs: 50 } })
  const lease = w.lease('print one\nsleep 1500\nprint two', { onLoss: 'resume' })
  w.hub.send({ type: 'LEASE', lease })
  const during = () => [...w.places.store.records.values()].find(({ asOf }) => asOf.during?.seq === 2)
  await until('it is saved in its middle', () => during() !== undefined)
  const next = await other(t, w)
  const seq = 2
  next.hub.logs.set(lease.run, w.hub.logs.get(lease.run)!.slice(0, seq))
  const { head, fence, project, document } = next
  const { code, session, run } = lease
  const again = { ...next.lease(code), session, run, head, fence, project: project.id, document }
  next.hub.send({
    type: 'LEASE',
    lease: { ...again, restore: [rungOf(during()!)], resume: { seq: seq as Lease['fence'] & never } },
  })
  const { log, text } = await next.logOf(run)
  const resumed = log.find(event => event.type === 'resumed')
  assert.deepEqual([resumed?.fromSeq, resumed?.lostAfter], [2, seq])
  assert.equal(text, 'one\ntwo\n')
  assert.equal(next.machine.executions.get(run), undefined)
})

test('SN87 what was not saved in the middle of this run does not serve: the run ends behind what its log has', async t => {
  const w = await savedWorld(t)
  const next = await other(t, w)
  const lease = next.lease('show x')
  next.hub.logs.set(lease.run, [{ type: 'started', at: 1, device: 'Lost', language: 'python', kernel: 'Scripted' }])
  const resume = { seq: 1 as Lease['fence'] & never }
  next.hub.send({ type: 'LEASE', lease: { ...lease, restore: w.ladder(), resume } })
  const { log } = await next.logOf(lease.run)
  assert.equal(log.length, 2)
  const end = log[1]!
  assert.equal(end.type === 'failed' && end.error.code, 'RESTORE_FAILED')
})

/** The hub gives the head to somebody else while this device is away. */
async function lose(w: World, meanwhile: () => Promise<void> = async () => undefined): Promise<void> {
  await w.hub.stop()
  await until('it is away', () => !w.device.linked)
  await meanwhile()
  w.hub.lost = [w.head as HeadId]
  await w.hub.listen()
  await until('it is back', () => w.device.linked)
}

test('SN90 a lost head whose runs are all in records ends at once', async t => {
  const w = await savedWorld(t)
  await lose(w)
  await until('it is gone', () => w.machine.sessions.size === 0)
  assert.deepEqual(
    w.hub.all('SNAPSHOT').filter(({ ahead }) => ahead !== undefined),
    [],
  )
})

test('SN57 SN90 a lost head with runs that are in no record stays until it has been saved, and a new one stands beside it', async t => {
  const w = await world(t, { times: { snapshotQuietMs: 60_000 } })
  await w.run('set x 7')
  const { session, head, fence } = w
  await lose(w)
  await until('it is told', () => w.hub.all('SNAPSHOT').some(message => message.ahead === 1))
  Object.assign(w, { head: make('head'), fence: parseFence(2) })
  assert.equal((await w.run('show x')).text, 'undefined\n', 'it is used for nothing')
  assert.equal(w.machine.sessions.size, 2)
  const ask = make('move') as MoveId
  const kinds: Snapshot['state'][] | ['image', 'portable'] = ['image', 'portable']
  w.hub.send({ type: 'MIGRATE_OUT', ask, session, head, fence, name: 'as it was', kinds, end: true })
  await until('it is saved', () =>
    w.hub.all('SNAPSHOT').some(message => message.ask === ask && message.state === 'saved'),
  )
  await until('it is gone', () => w.machine.sessions.size === 1)
  const named = [...w.places.store.records.values()].find(({ name }) => name === 'as it was')!
  assert.equal(named.head, head)
  const next = await other(t, w)
  assert.equal((await next.run('show x', { restore: [rungOf(named)] })).text, '7\n')
})

test('SN90 a hub that takes no snapshots is told nothing, and a lost head ends as ever', async t => {
  const w = await world(t, { times: { snapshotQuietMs: 60_000 } })
  w.hub.takesSnapshots = false
  await w.run('set x 7')
  await lose(w)
  await until('it is gone', () => w.machine.sessions.size === 0)
})

test('SN44 what was saved while the hub was away, or before a restart, gets there later', async t => {
  const w = await world(t)
  await w.run('set x 1')
  await until('it is saved', () => w.snapshots('saved').length === 2)
  w.places.uploading = async () => {
    throw new Error('the network is slow')
  }
  await w.run('set x 2')
  await until('it is kept here', async () => (await w.places.kept()).filter(({ atHub }) => !atHub).length === 2)
  await w.device.close()
  w.places.uploading = async () => undefined
  await w.start()
  await until('it is at the hub', async () => (await w.places.kept()).every(({ atHub }) => atHub))
})

test('SN50 before sleep what has changed is saved, without waiting for the quiet time', async t => {
  const w = await world(t, { times: { snapshotQuietMs: 60_000 } })
  await w.run('set x 1')
  assert.equal(w.image.captures, 0)
  await w.device.saveSessions()
  assert.deepEqual([w.image.captures, w.portable.captures, w.places.store.records.size], [1, 1, 2])
})

test('SN46 a session that ends because nobody used it tells the hub that it goes on from what was saved, if that is all', async t => {
  const w = await savedWorld(t)
  w.kernels.kill(w.session, 'idle: nobody used it for 1 minute')
  await until('it is told', () => w.hub.all('RUNTIME_DOWN').length === 1)
  assert.equal(w.hub.all('RUNTIME_DOWN')[0]!.rests, true)
  w.head = make('head')
  await w.run('set x 2')
  w.kernels.kill(w.session, 'idle: nobody used it for 1 minute')
  await until('it is told', () => w.hub.all('RUNTIME_DOWN').length === 2)
  assert.equal(w.hub.all('RUNTIME_DOWN')[1]!.rests, undefined)
})

test('SN97 the doctor is told what works, what was saved and what it leaves out', async t => {
  const w = await world(t)
  w.portable.able = { ok: false, why: 'no fork here', next: 'Use Linux.' }
  await w.device.close()
  await w.start()
  await until('it is back', () => w.device.linked)
  await w.run('set x 1')
  await until('it is saved', async () => (await w.device.snapshotsHere()).sessions[0]?.saved[0]?.atHub === true)
  const here = await w.device.snapshotsHere()
  assert.deepEqual(here.abilities, [
    { kind: 'image', state: 'able' },
    { kind: 'portable', state: 'unable', why: 'no fork here', next: 'Use Linux.' },
  ])
  const [session] = here.sessions
  assert.deepEqual([session!.name, session!.behind, session!.saved[0]!.lost[0]!.name], ['default', 0, 'con'])
})
