/** The bounds of a session, on real kernels. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import { type Fence, newId, type RunId, systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { until } from '../testing/until.ts'
import type { ExecuteOrder, KernelSession, SessionSpec } from './port.ts'
import { hostsOf, markOf, processesOf } from './process-tree.ts'
import { createKernelSessions } from './sessions.ts'

const unlimited = { idleMinutes: 0, memoryBytes: 0, runMinutes: 0 }
const quick = { policyCheckMs: 50, memoryCheckMs: 50, memoryNearMs: 20, interruptGraceMs: 500 }
const MB = 2 ** 20

async function bench(t: TestContext, changed: Partial<Limits> = {}) {
  const root = await mkdtemp(join(tmpdir(), 'meshbook-bounds-'))
  const folder = join(root, 'sessions')
  const open = () =>
    createKernelSessions({ folder, now: Date.now, random: systemRandom, limits: { ...limits, ...quick, ...changed } })
  const all = [open()]
  t.after(async () => {
    for (const sessions of all) await sessions.stopAll()
    await rm(root, { recursive: true, force: true })
  })
  const specOf = (language: string): SessionSpec => ({
    session: newId('session', Date.now(), systemRandom),
    head: newId('head', Date.now(), systemRandom),
    fence: 1 as Fence,
    project: newId('project', Date.now(), systemRandom),
    projectFolder: root,
    language,
    name: 'default',
    device: 'Bench',
  })
  const again = () => {
    all.push(open())
    return all.at(-1)!
  }
  return { root, folder, sessions: all[0]!, specOf, again }
}

async function run(session: KernelSession, code: string, more: Partial<ExecuteOrder> = {}): Promise<RunEvent[]> {
  const id = more.run ?? newId('run', Date.now(), systemRandom)
  await session.execute({ run: id, fence: session.spec.fence, code, cellName: 'cell', ...more })
  return eventsOf(session, id)
}

async function eventsOf(session: KernelSession, id: RunId): Promise<RunEvent[]> {
  const events: RunEvent[] = []
  for await (const { event } of session.events(id, 0, AbortSignal.timeout(30_000))) events.push(event)
  return events
}

const textOf = (events: RunEvent[]): string => events.map(event => ('text' in event ? event.text : '')).join('')

function failed(events: RunEvent[], code: string): string {
  const last = events.at(-1)!
  assert.ok(last.type === 'failed' && last.error.code === code, JSON.stringify(last))
  return last.error.message
}

/** A host looks at its bounds now and then, and a busy machine is slow to end processes. */
const hostGoesMs = 30_000

test('a session that takes too much memory ends and says how much; others go on (KH11)', async t => {
  const { sessions, specOf } = await bench(t)
  await sessions.setPolicy({ ...unlimited, memoryBytes: 200 * MB })
  const [greedy, modest] = [await sessions.start(specOf('python')), await sessions.start(specOf('python'))]
  await run(modest, 'kept = 42')
  await sleep(200)
  const down: string[] = []
  sessions.onDown((id, reason) => id === greedy.spec.session && down.push(reason))
  const code =
    'import time\nprint("begins")\nhoard = []\nwhile True:\n    hoard.append(bytearray(10_000_000))\n    time.sleep(0.01)'
  const message = failed(await run(greedy, code), 'KERNEL_MEMORY')
  assert.match(message, /\d+ MB of the 200 MB that it may take\. .*variables are gone.*--memory/)
  await until('it is told', () => down.length === 1)
  assert.equal(textOf(await run(modest, 'print(kept)')), '42\n')
  await sessions.start(greedy.spec)
  assert.equal(textOf(await run(greedy, 'print("hoard" in globals())')), 'False\n')
})

test('memory of children counts, what they share counts once (KH11)', async t => {
  const { sessions, specOf } = await bench(t)
  await sessions.setPolicy({ ...unlimited, memoryBytes: 250 * MB })
  const session = await sessions.start(specOf('python'))
  await sleep(200)
  const fork = (each: string) =>
    `import os, time\nblock = b"x" * 100_000_000\nfor _ in range(4):\n    if os.fork() == 0:\n        ${each}\n        time.sleep(1)\n        os._exit(0)\nfor _ in range(4): os.wait()\nprint("done")`
  assert.equal(textOf(await run(session, fork('pass'))), 'done\n')
  failed(await run(session, fork('own = b"y" * 60_000_000')), 'KERNEL_MEMORY')
})

test('a run that takes too long is interrupted and fails; its variables stay (KH13)', async t => {
  const { sessions, specOf } = await bench(t)
  const session = await sessions.start(specOf('python'))
  await run(session, 'kept = 1')
  const message = failed(
    await run(session, 'import time\nprint("before")\ntime.sleep(60)', { timeoutMs: 300 }),
    'RUN_TIMEOUT',
  )
  assert.match(message, /it was given a timeout of 0\.3 s/)
  assert.equal(textOf(await run(session, 'print(kept)')), '1\n')
  await sessions.setPolicy({ ...unlimited, runMinutes: 0.01 })
  assert.match(
    failed(await run(session, 'time.sleep(60)', { timeoutMs: 60_000 }), 'RUN_TIMEOUT'),
    /policy of this device/,
  )
})

test('a run that ignores the interrupt of its time-out is ended with its kernel (KH13)', async t => {
  const { sessions, specOf } = await bench(t)
  const session = await sessions.start(specOf('bash'))
  failed(await run(session, `trap '' INT; bash -c "trap '' INT; sleep 60"`, { timeoutMs: 200 }), 'RUN_TIMEOUT')
})

test('the time of a run counts across a change of hosts (KH13)', async t => {
  const { sessions, specOf, folder } = await bench(t)
  const session = await sessions.start(specOf('python'))
  const id = newId('run', Date.now(), systemRandom)
  const began = performance.now()
  const code = 'import time\ntime.sleep(60)'
  await session.execute({ run: id, fence: 1 as Fence, code, cellName: 'cell', timeoutMs: 1500 })
  const [host] = await hostsOf(markOf(join(folder, session.spec.session)))
  process.kill(host!, 'SIGKILL')
  failed(await eventsOf(session, id), 'RUN_TIMEOUT')
  assert.ok(performance.now() - began > 1400)
})

test('an unused session ends, and the next run says that its variables are gone (KH15)', async t => {
  const { sessions, specOf, folder, again } = await bench(t)
  const session = await sessions.start(specOf('python'))
  const first = newId('run', Date.now(), systemRandom)
  await run(session, 'kept = 1', { run: first })
  const down: string[] = []
  sessions.onDown((_id, reason) => down.push(reason))
  await sessions.setPolicy({ ...unlimited, idleMinutes: 0.005 })
  await until('it ends', () => down.length > 0, hostGoesMs)
  assert.match(down[0]!, /^idle: nobody used it for 0\.005 minutes$/)
  assert.deepEqual(await processesOf(session.spec.session, undefined), [])
  await session.forget(first)
  await until(
    'the host goes',
    async () => (await hostsOf(markOf(join(folder, session.spec.session)))).length === 0,
    hostGoesMs,
  )
  await sessions.setPolicy(unlimited)
  const later = again()
  assert.deepEqual(await later.recover(), [])
  const fresh = await later.start(session.spec)
  const events = await run(fresh, 'print("kept" in globals())')
  assert.match(textOf(events), /^\[This is a fresh kernel: .* variables are gone\.\]\nFalse\n$/)
  assert.equal(textOf(await run(fresh, 'print("again")')), 'again\n')
})

test('a session in use is not idle: a run counts, and so does a question (KH15)', async t => {
  const { sessions, specOf } = await bench(t)
  await sessions.setPolicy({ ...unlimited, idleMinutes: 0.04 })
  const session = await sessions.start(specOf('python'))
  assert.equal(textOf(await run(session, 'import time; time.sleep(3); kept = 1; print("done")')), 'done\n')
  for (let i = 0; i < 7; i++) {
    await sleep(400)
    await session.variables()
  }
  assert.equal(textOf(await run(session, 'print(kept)')), '1\n')
})

test('a full journal refuses the next run, with what to do, until a run is forgotten (KH3)', async t => {
  const { sessions, specOf } = await bench(t, { journalBytes: 100_000 })
  const session = await sessions.start(specOf('python'))
  const id = newId('run', Date.now(), systemRandom)
  await run(session, 'print("x" * 200_000)', { run: id })
  const isFull = (error: unknown) => error instanceof MeshError && error.code === 'JOURNAL_FULL'
  await assert.rejects(run(session, 'print(1)'), isFull)
  await session.forget(id)
  assert.equal(textOf(await run(session, 'print(1)')), '1\n')
})

test('beyond the cap text is counted and the rest told at the end, also by the next host (KH2)', async t => {
  const { sessions, specOf, folder } = await bench(t, { runOutputBytes: 100_000 })
  const session = await sessions.start(specOf('python'))
  const id = newId('run', Date.now(), systemRandom)
  const code =
    'import os, time\nprint("x" * 150_000)\nopen("capped", "w").close()\nwhile not os.path.exists("go"): time.sleep(0.02)\nprint("y" * 3_000_000)'
  await session.execute({ run: id, fence: 1 as Fence, code, cellName: 'cell' })
  const root = join(folder, '..')
  await until('it has printed', async () => (await readdir(root)).includes('capped'), 10_000)
  await sleep(200)
  const [host] = await hostsOf(markOf(join(folder, session.spec.session)))
  process.kill(host!, 'SIGKILL')
  await writeFile(join(root, 'go'), '')
  const text = textOf(await eventsOf(session, id))
  const said = text.replace(/^x+/, '')
  const [first, more] = [
    'Output stopped at 0.1 MB: the rest is not recorded. The run goes on.',
    'printed and not kept.',
  ]
  assert.equal(said.replace(/[\d.]+ MB more were/, ''), `\n[${first}]\n[ ${more}]\n`)
  assert.ok(text.length < 101_000)
})

test('a session of the same id in another folder is left alone (KH20)', async t => {
  const [one, two] = [await bench(t), await bench(t)]
  const spec = one.specOf('python')
  const first = await one.sessions.start(spec)
  const second = await two.sessions.start({ ...spec, projectFolder: two.root })
  await run(second, 'kept = 1')
  await first.shutdown()
  await one.sessions.stopAll()
  assert.equal(textOf(await run(second, 'print(kept)')), '1\n')
})

test('children without a mark end with their session, and so does what left its group (KH20)', async t => {
  const { sessions, specOf, root } = await bench(t)
  const session = await sessions.start(specOf('python'))
  const code = `import subprocess, os
for command in (['env', '-i', 'sleep', '301'], ['setsid', 'sleep', '302']):
    print(subprocess.Popen(command, stdin=-3, stdout=-3, stderr=-3, start_new_session=True).pid)`
  const pids = textOf(await run(session, code))
    .trim()
    .split('\n')
    .map(Number)
  assert.equal(pids.length, 2)
  await session.shutdown()
  for (const pid of pids)
    assert.equal(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''), '', `${pid} in ${root}`)
})
