import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { newId, systemRandom, type WorkerId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { TaskWorkerSpec } from '../compute/port.ts'
import { newLog } from '../log.ts'
import { ScriptedEngine } from '../testing/scripted-driver.ts'
import { ScriptedTaskDriver } from '../testing/scripted-task-driver.ts'
import type { BrokerPorts } from './broker-sockets.ts'
import { packagesProxy } from './packages-proxy.ts'
import { TaskWorkers } from './task-workers.ts'

const most = { memoryBytes: 1, cpus: 1, processes: 1, diskBytes: 1, wallMs: 1_000 }

async function scene(t: TestContext, { warm = 2, most: running = 4 } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'mb-tw-'))
  const engine = new ScriptedEngine<TaskWorkerSpec>()
  const driver = new ScriptedTaskDriver(engine, 'a')
  const clock = { now: 1_000_000 }
  const log = newLog('silent')
  const ports = {
    driver,
    folder,
    limits: most,
    warm,
    most: running,
    lookMs: 1e9,
    isTokenOf: async () => false,
    now: () => clock.now,
    random: systemRandom,
    log,
  }
  const workers = new TaskWorkers(ports)
  const lines: string[] = []
  const doors: BrokerPorts = {
    async accept(worker) {
      for await (const line of worker.lines) lines.push(line)
    },
    models: (_request, response) => void response.end(),
    git: (_request, response) => void response.end(),
    packages: packagesProxy({ allowed: [], onBlocked: () => undefined }),
  }
  t.after(async () => {
    await workers.begin()()
    for (const { id } of await workers.list()) await workers.close(id)
    await rm(folder, { recursive: true, force: true })
  })
  return { engine, driver, clock, workers, doors, lines, ports, folder }
}

async function until(what: string, look: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 10_000; !look(); await sleep(5))
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`)
}

const nothing = async () => ({ from: 'nothing' }) as const

test('CP67 workers wait, hidden, and are taken once each', async t => {
  const { workers, engine, doors, driver } = await scene(t)
  await workers.fill()
  await until('two are there', () => engine.workers.size === 2)
  assert.deepEqual(await workers.list(), [])
  const [one, two] = [workers.spare()!, workers.spare()!]
  assert.notEqual(one.worker, two.worker)
  assert.equal(workers.spare(), undefined)
  await workers.open(one, async () => ({ from: 'folder', folder: '/somewhere' }), doors)
  assert.deepEqual(await workers.list(), [{ id: one.worker, state: 'running' }])
  assert.deepEqual(driver.given.get(one.worker), { from: 'folder', folder: '/somewhere' })
})

test('CP67 a worker that waits is told its task on the channel that it opened before', async t => {
  const { workers, engine, doors, lines } = await scene(t, { warm: 1 })
  await workers.fill()
  await until('it is there', () => engine.workers.size === 1)
  const spare = workers.spare()!
  const { socketFolder } = engine.workers.get(spare.worker)!.spec
  const socket = connect(join(socketFolder, 'runner/channel.sock'))
  t.after(() => socket.destroy())
  socket.write('hello\n')
  await sleep(30)
  assert.deepEqual(lines, [])
  await workers.open(spare, nothing, doors)
  await until('it is heard', () => lines.length > 0)
  assert.deepEqual(lines, ['hello'])
})

test('CP67 one that is not used in time is there for the next task, and one that is old is replaced', async t => {
  const { workers, engine, clock } = await scene(t, { warm: 1 })
  await workers.fill()
  const first = workers.spare()!
  assert.equal(workers.spare(), undefined)
  clock.now += limits.taskSpareMs + 1
  assert.deepEqual(workers.spare(), first)
  clock.now += limits.taskWarmMs + 1
  await workers.fill()
  await until('the old one is gone', () => !engine.workers.has(first.worker))
  assert.notEqual(workers.spare()!.worker, first.worker)
})

test('CP67 those that wait count among all, and one that has ended is replaced', async t => {
  const { workers, engine, doors } = await scene(t, { warm: 3, most: 2 })
  await workers.open({ worker: newId('worker', 1, systemRandom), token: 't' }, nothing, doors)
  await workers.list()
  await workers.fill()
  await until('one waits beside it', () => engine.workers.size === 2)
  await sleep(30)
  assert.equal(engine.workers.size, 2)
  const waiting = [...engine.workers.values()].at(-1)!
  waiting.state = 'ended'
  await workers.fill()
  await until('it is gone', () => !engine.workers.has(waiting.spec.id))
  await workers.fill()
  await until('another one waits', () => engine.workers.size === 2)
})

test('CP67 where nothing can be started nothing is tried, and one that fails to start is taken away', async t => {
  const { workers, engine, driver } = await scene(t, { warm: 1 })
  engine.hasImage = false
  await workers.fill()
  assert.equal(workers.spare(), undefined)
  engine.hasImage = true
  driver.onStart = async () => {
    throw new Error('no')
  }
  await workers.fill()
  await until('it is given up', () => workers.spare() === undefined)
})

test('CP68, BS6 a hub that ends takes waiting workers with it and leaves the others their sockets', async t => {
  const { workers, engine, doors, ports, lines } = await scene(t, { warm: 1 })
  const end = workers.begin()
  await until('one waits', () => engine.workers.size === 1)
  const used = workers.spare()!
  await workers.open(used, nothing, doors)
  await until('another one waits', () => engine.workers.size === 2)
  await end()
  assert.deepEqual([...engine.workers.keys()], [used.worker])
  const { socketFolder } = engine.workers.get(used.worker)!.spec
  assert.ok(existsSync(join(socketFolder, 'runner')))
  const next = new TaskWorkers({ ...ports, warm: 0 })
  await next.resume(used.worker, doors)
  const socket = connect(join(socketFolder, 'runner/channel.sock'))
  socket.write('again\n')
  await until('it is heard', () => lines.length > 0)
  assert.deepEqual(lines, ['again'])
  socket.destroy()
  await next.close(used.worker)
  assert.ok(!existsSync(socketFolder))
})

test('TK33 a hub that was killed leaves sockets; those of workers that are gone are taken away, those of others are not', async t => {
  const { workers, engine, doors, ports } = await scene(t, { warm: 0 })
  const ids = [1, 2, 3].map(at => newId('worker', at, systemRandom)) as [WorkerId, WorkerId, WorkerId]
  for (const worker of ids) await workers.open({ worker, token: 't' }, nothing, doors)
  const folders = ids.map(id => engine.workers.get(id)!.spec.socketFolder)
  // It is killed: nothing of it closes anything. Two of its workers end; of one a row of the store still knows.
  for (const id of ids.slice(1)) engine.workers.delete(id)
  const next = new TaskWorkers(ports)
  await next.list()
  assert.deepEqual(
    folders.map(folder => existsSync(folder)),
    [true, false, false],
  )
  await next.resume(ids[1], doors)
  await next.list()
  assert.ok(existsSync(folders[1]!), 'what this hub opened is its own')
  await next.close(ids[1])
  assert.ok(!existsSync(folders[1]!))
  await next.close(ids[0])
  assert.ok(!existsSync(folders[0]!), 'also without having opened it')
})
