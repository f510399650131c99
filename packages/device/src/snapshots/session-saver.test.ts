import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import { type DeviceId, newId, parseFence, type RunId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import type { SnapshotRecord } from '@meshbook/core/snapshot.ts'
import type { KernelSession } from '../kernels/port.ts'
import { ScriptedKernels } from '../testing/scripted-kernels.ts'
import { ScriptedBackend, ScriptedPlaces, ScriptedStore } from '../testing/scripted-snapshots.ts'
import { until } from '../testing/until.ts'
import { CaptureTurns } from './capture-turns.ts'
import { SessionSaver, type SessionSaverPorts } from './session-saver.ts'

const make = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, Date.now(), systemRandom)

/** Time passes only when the test says so. */
class Clock {
  now = 1_000_000
  #timers: { at: number; task: () => void }[] = []

  after = (ms: number, task: () => void): (() => void) => {
    const timer = { at: this.now + ms, task }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter(each => each !== timer)
    }
  }

  async pass(ms: number): Promise<void> {
    const end = this.now + ms
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (!next) break
      this.#timers = this.#timers.filter(each => each !== next)
      this.now = next.at
      next.task()
      await settle()
    }
    this.now = end
    await settle()
  }
}

/** Savings that have begun are done, unless the test holds one up. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await turn()
  const deadline = performance.now() + 1_000
  while (CountedTurns.busy > 0 && performance.now() < deadline) await turn()
  for (let i = 0; i < 10; i++) await turn()
}

class CountedTurns extends CaptureTurns {
  static busy = 0

  override async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    CountedTurns.busy++
    try {
      return await super.run(work, signal)
    } finally {
      CountedTurns.busy--
    }
  }
}

class Scene {
  readonly clock = new Clock()
  readonly image = new ScriptedBackend('image')
  readonly portable = new ScriptedBackend('portable')
  readonly places = new ScriptedPlaces(new ScriptedStore(), 'dev_a' as DeviceId)
  readonly told: string[] = []
  readonly records: SnapshotRecord[] = []
  isBusy = false
  idleEndMs = 0
  readonly head = make('head')
  readonly session = make('session')
  readonly saver: SessionSaver
  readonly kernel: KernelSession

  constructor(kernel: KernelSession, folder: string, change: Partial<SessionSaverPorts> = {}) {
    this.kernel = kernel
    const backends = [this.image, this.portable]
    this.saver = new SessionSaver({
      head: () => ({ kernel, session: this.session, head: this.head, fence: parseFence(1), given: true }),
      backends,
      ability: () => 'able',
      able: async kind => backends.find(each => each.kind === kind),
      places: this.places,
      turns: new CountedTurns(2),
      folder,
      limits,
      now: () => this.clock.now,
      after: this.clock.after,
      isBusy: () => this.isBusy,
      idleEndMs: () => this.idleEndMs,
      saving: () => this.told.push('saving'),
      saved: record => {
        this.told.push(`saved ${record.kind}`)
        this.records.push(record)
      },
      failed: error => this.told.push(`failed ${error.code}`),
      unfit: words => this.told.push(`off ${words}`),
      warn: () => undefined,
      ...change,
    })
  }

  async run(code: string, change: Partial<Lease> = {}): Promise<void> {
    const run = make('run') as unknown as RunId
    const lease = { run, head: this.head, session: this.session, ...change } as Lease
    this.isBusy = true
    this.saver.began(lease)
    await this.kernel.execute({ run, fence: parseFence(1), code, cellName: 'cell' })
    for await (const _ of this.kernel.events(run, 0, AbortSignal.timeout(5_000)));
    await settle()
    this.isBusy = false
    this.saver.ended()
  }
}

async function scene(t: TestContext, change: Partial<SessionSaverPorts> = {}): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-saver-'))
  const kernels = new ScriptedKernels()
  const kernel = await kernels.start({
    session: make('session'),
    head: make('head'),
    fence: parseFence(1),
    project: make('project'),
    projectFolder: folder,
    language: 'python',
    name: 'default',
    device: 'Desk',
  })
  const made = new Scene(kernel, join(folder, 'work'), change)
  t.after(async () => {
    await made.saver.close()
    await rm(folder, { recursive: true, force: true })
  })
  return made
}

test('SN40 after a run and a quiet time each kind is saved once, and not again before something runs', async t => {
  const it = await scene(t)
  await it.run('set x 1')
  await it.clock.pass(limits.snapshotQuietMs - 1)
  assert.deepEqual(it.told, [])
  await it.clock.pass(2)
  assert.deepEqual(it.told, ['saving', 'saved image', 'saving', 'saved portable'])
  await it.clock.pass(3_600_000)
  assert.deepEqual([it.image.captures, it.portable.captures], [1, 1])
  await it.run('set x 2')
  await it.clock.pass(60_000)
  assert.deepEqual([it.image.captures, it.portable.captures], [2, 2])
  assert.equal(it.saver.behind, 0)
  assert.equal(it.records.at(-1)!.asOf.run, (await it.kernel.shape()).lastRun)
})

test('SN40 while a run goes on or waits nothing is saved', async t => {
  const it = await scene(t)
  await it.run('set x 1')
  it.isBusy = true
  await it.clock.pass(60_000)
  assert.equal(it.image.captures, 0)
})

test('SN41 a saving that made the session stand still for long is followed by a long rest', async t => {
  const it = await scene(t)
  it.image.pauseMs = 500
  await it.run('set x 1')
  await it.clock.pass(5_000)
  await it.run('set x 2')
  await it.clock.pass(60_000)
  assert.deepEqual([it.image.captures, it.portable.captures], [1, 2])
  await it.clock.pass(600_000)
  assert.equal(it.image.captures, 2)
})

test('SN42 what fails is told once no kind can save it, and tried again ever more rarely', async t => {
  const it = await scene(t)
  const broken = async () => {
    throw new MeshError('SNAPSHOT_FAILED', { detail: 'no room' })
  }
  it.image.capturing = broken
  await it.run('set x 1')
  await it.clock.pass(5_000)
  assert.deepEqual(it.told, ['saving', 'saving', 'saved portable'])
  it.portable.capturing = broken
  await it.run('set x 2')
  await it.clock.pass(9_000)
  const before = it.told.length
  assert.ok(it.told.includes('failed SNAPSHOT_FAILED'))
  await it.clock.pass(60_000)
  const tries = it.told.slice(before).filter(word => word === 'saving').length
  assert.ok(tries >= 2 && tries <= 8, `${tries} tries`)
  it.image.capturing = it.portable.capturing = async () => undefined
  await it.clock.pass(600_000)
  assert.equal(it.saver.behind, 0)
})

test('SN42 a run that comes in between is no failure', async t => {
  const it = await scene(t)
  it.image.capturing = async () => {
    it.image.capturing = async () => undefined
    throw new MeshError('CONFLICT', { detail: 'a run is in progress' })
  }
  await it.run('set x 1')
  await it.clock.pass(2 * limits.snapshotQuietMs + 10)
  assert.deepEqual([it.image.captures, it.portable.captures], [1, 1])
  assert.ok(!it.told.some(word => word.startsWith('failed')))
})

test('SN43 of two that are to be saved at the same time one waits', async t => {
  const turns = new CountedTurns(1)
  const one = await scene(t, { turns })
  const two = await scene(t, { turns })
  const gate = Promise.withResolvers<void>()
  one.image.capturing = () => gate.promise
  await one.run('set x 1')
  await two.run('set x 1')
  await one.clock.pass(limits.snapshotQuietMs)
  await two.clock.pass(limits.snapshotQuietMs)
  assert.equal(two.image.captures, 0)
  gate.resolve()
  await until('both are saved', () => one.image.captures === 1 && two.image.captures === 1)
})

test('SN45 where no kind fits the session that is told with the reasons', async t => {
  const it = await scene(t)
  it.image.unfitWords = 'a graphics card is in use'
  it.portable.unfitWords = 'this language has no way'
  await it.run('set x 1')
  await it.clock.pass(60_000)
  assert.deepEqual(it.told, ['off a graphics card is in use; this language has no way'])
})

test('SN46 before the idle end the session is saved, whatever the pace says', async t => {
  const it = await scene(t)
  it.image.pauseMs = it.portable.pauseMs = 2_000
  await it.run('set x 1')
  await it.clock.pass(5_000)
  await it.run('set x 2')
  it.idleEndMs = 60_000
  it.saver.measured()
  await it.clock.pass(45_000)
  assert.equal(it.saver.behind, 0)
  assert.equal(it.image.captures, 2)
})

test('SN50 a flush saves what has changed at once, images first, and leaves alone what has not', async t => {
  const it = await scene(t)
  await it.run('set x 1')
  await it.saver.flush(AbortSignal.timeout(5_000))
  assert.deepEqual(it.told, ['saving', 'saved image', 'saving', 'saved portable'])
  await it.saver.flush(AbortSignal.timeout(5_000))
  assert.equal(it.image.captures, 1)
})

test('SN55 a long run is saved in its middle only if its lease says that it may go on elsewhere', async t => {
  const it = await scene(t)
  const lease = { run: make('run') as unknown as RunId, head: it.head, session: it.session }
  it.isBusy = true
  it.saver.began(lease as Lease)
  await it.clock.pass(10 * limits.snapshotLongRunMs)
  assert.equal(it.image.captures, 0)
  const run = make('run') as unknown as RunId
  it.saver.began({ ...lease, run, onLoss: 'resume' } as Lease)
  await it.kernel.execute({ run, fence: parseFence(1), code: 'forever', cellName: 'cell' })
  await it.clock.pass(limits.snapshotLongRunMs + 1)
  assert.deepEqual([it.image.captures, it.portable.captures], [1, 0])
  assert.equal(it.records[0]!.asOf.during?.run, run)
  await it.clock.pass(limits.snapshotLongRunMs + 1)
  assert.equal(it.image.captures, 2)
  await it.kernel.cancel(run, 'the test is over')
})

test('SN56 on demand it is saved as the first kind that works, after the run that goes on', async t => {
  const it = await scene(t)
  it.image.unfitWords = 'no'
  await it.run('set x 1')
  it.isBusy = true
  const asked = it.saver.save({ kinds: ['image', 'portable'], name: 'before', signal: AbortSignal.timeout(5_000) })
  await settle()
  assert.equal(it.portable.captures, 0)
  it.isBusy = false
  it.saver.ended()
  const record = await asked
  assert.deepEqual([record.kind, record.name], ['portable', 'before'])
})

test('SN56 what is saved already is not saved again, unless it is to have a name', async t => {
  const it = await scene(t)
  await it.run('set x 1')
  await it.clock.pass(60_000)
  const signal = AbortSignal.timeout(5_000)
  assert.equal((await it.saver.save({ kinds: ['portable'], name: null, signal })).kind, 'portable')
  assert.equal(it.portable.captures, 1)
  await it.saver.save({ kinds: ['portable'], name: 'mine', signal })
  assert.equal(it.portable.captures, 2)
})

test('SN56 what is saved on demand at the moment when it is due is saved once', async t => {
  const it = await scene(t)
  const gate = Promise.withResolvers<void>()
  it.image.capturing = () => gate.promise
  await it.run('set x 1')
  const asked = it.saver.save({ kinds: ['image'], name: null, signal: AbortSignal.timeout(5_000) })
  await it.clock.pass(limits.snapshotQuietMs)
  gate.resolve()
  await asked
  await it.clock.pass(60_000)
  assert.deepEqual([it.image.captures, it.portable.captures], [1, 1])
})

test('SN40 a kernel that was found again is saved only if something has run since its record', async t => {
  const it = await scene(t)
  await it.run('set x 1')
  await it.clock.pass(60_000)
  const again = new Scene(it.kernel, join(tmpdir(), 'meshbook-saver-none'))
  t.after(() => again.saver.forget())
  again.saver.recovered(it.records)
  await again.saver.unsaved()
  await again.clock.pass(60_000)
  assert.deepEqual([again.image.captures, again.portable.captures, again.saver.behind], [0, 0, 0])
  const late = new Scene(it.kernel, join(tmpdir(), 'meshbook-saver-none'))
  t.after(() => late.saver.forget())
  late.saver.recovered([])
  await late.saver.unsaved()
  await late.clock.pass(60_000)
  assert.deepEqual([late.image.captures, late.portable.captures], [1, 1])
})
