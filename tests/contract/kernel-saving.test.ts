/**
 * What a kernel host does so that a session is saved and made again (KH40 to KH47), with real kernels, and without CRIU:
 * the copy of a kernel that would be dumped goes on by itself.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { access, mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import type {
  ForkedKernel,
  KernelSession,
  SavedKernel,
  SavedStart,
  SessionSpec,
} from '@meshbook/device/kernels/port.ts'
import { identityOf, isAlive } from '@meshbook/device/kernels/process-identity.ts'
import { hostsOf, markOf, processesOf } from '@meshbook/device/kernels/process-tree.ts'
import { type Bed, bed, execute, log, newRun, order, outcome } from './kernel.ts'

const kernelLimits = { frameBytes: 1 << 20, unackedBytes: 1 << 20, inputBytes: 65536, displayBytes: 1 << 20 }
const python = fileURLToPath(new URL('../../kernels/python/kernel.py', import.meta.url))
const middle = fileURLToPath(new URL('./kernel-in-its-middle.ts', import.meta.url))
const isRefusal = (code: string) => (error: { code?: string }) => error.code === code
const image = { kind: 'image', kernel: '' } as const
const saved = (from: SavedKernel, notice = 'State as of 14:02.'): SavedStart => ({ from, notice })

let ports = 20_000 + (process.pid % 20_000)
const placeOf = (token: string) => ({ address: '127.0.0.1', port: ports++, token })

const another = (spec: SessionSpec): SessionSpec => ({ ...spec, session: newId('session', Date.now(), systemRandom) })

/** What restoring does with a copy, without the dump between. */
async function wake(copy: ForkedKernel, cwd: string): Promise<SavedKernel> {
  const place = placeOf('a token')
  const path = join(copy.watches, 'resume.json')
  await writeFile(`${path}.new`, JSON.stringify({ ...place, cwd, scratch: '', limits: kernelLimits }), { mode: 0o600 })
  await rename(`${path}.new`, path)
  return { ...image, ...place, pid: copy.pid, identity: copy.identity, adopted: join(copy.watches, 'adopted') }
}

async function eventually(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (await holds()) return
    await sleep(25)
  }
  assert.fail(what)
}

const gone = (path: string) =>
  access(path).then(
    () => false,
    () => true,
  )

test('a copy of the kernel goes on with all that the session had, and the session with its own (KH42, KN53, KN54)', async t => {
  const it = await bed(t, 'python')
  await mkdir(join(it.project, 'below'))
  const session = await it.sessions.start(it.spec)
  const before = await outcome(
    session,
    await order(
      session,
      `import array, os, random, subprocess
os.chdir('below')
numbers = array.array('d', range(100_000))
squares = (n * n for n in range(10))
next(squares), next(squares)
random.seed(7)
first = os.getpid()`,
    ),
  )
  assert.equal(before.last.type, 'completed')
  const known = await order(session, 'open("ran.txt", "a").write("ran\\n")')
  await outcome(session, known)
  const shape = await session.shape()
  assert.deepEqual(
    { forks: shape.forks, saves: shape.saves, threads: shape.threads, children: shape.children, run: shape.running },
    { forks: true, saves: true, threads: 0, children: 0, run: null },
  )
  assert.equal(shape.lastRun, known)
  const copy = await session.fork()
  assert.equal(copy.lastRun, known)
  assert.deepEqual(
    copy.variables.map(({ name, type }) => `${name} ${type}`),
    ['first int', 'numbers array', 'squares generator'],
  )
  assert.ok(copy.pauseMs < 500, `${copy.pauseMs} ms`)
  const drawn = await execute(session, 'print(next(squares), random.random())')
  const nobody = await execute(session, 'os.wait()')
  assert.ok(nobody.last.type === 'failed' && nobody.last.error.name === 'ChildProcessError', 'the copy is no child')

  const its = await it.sessions.start(another(it.spec), saved(await wake(copy, it.project)))
  assert.equal(its.kernelName, session.kernelName)
  const same = await order(its, 'print(next(squares), random.random())')
  const woken = await outcome(its, same)
  assert.deepEqual([woken.stdout, woken.last.type], [drawn.stdout, 'completed'])
  const started = woken.events[0]!
  assert.ok(started.type === 'started' && started.notice === 'State as of 14:02.')
  const more = await execute(
    its,
    `print(sum(numbers), os.getpid() == ${copy.pid}, first == os.getpid(), os.path.basename(os.getcwd()))
subprocess.run(['echo', 'a child'])
import threading
done = []
thread = threading.Thread(target=lambda: done.append(input('Name? ')) if False else done.append(1))
thread.start(); thread.join()
done`,
  )
  assert.equal(more.stdout, '4999950000.0 True False below\na child\n')
  assert.ok(more.events[0]!.type === 'started' && more.events[0]!.notice === undefined, 'said once')

  await its.execute({
    run: known,
    fence: its.spec.fence,
    code: 'open("ran.txt", "a").write("ran\\n")',
    cellName: 'demo',
  })
  assert.equal((await outcome(its, known)).last.type, 'completed', 'how it ended is known')
  assert.equal(await readFile(join(it.project, 'below', 'ran.txt'), 'utf8'), 'ran\n', 'and it is not run again (KN10)')

  const other = await execute(session, 'print(os.getpid() == first, next(squares))')
  assert.equal(other.stdout, 'True 9\n')
  await its.shutdown()
  assert.equal(await isAlive(copy), false, 'a kernel that was taken over ends with its session')
  assert.equal((await execute(session, 'print(first == os.getpid())')).stdout, 'True\n')
  await eventually(() => gone(copy.watches), 'its folder is removed')
})

test('a copy that nobody dumps ends by itself and leaves nothing (KN53)', async t => {
  const it = await bed(t, 'python', { snapshotCaptureMs: 400 })
  const session = await it.sessions.start(it.spec)
  const copy = await session.fork()
  await eventually(async () => !(await isAlive(copy)), 'it ends')
  await eventually(() => gone(copy.watches), 'its folder is gone')
  assert.equal((await execute(session, 'print(1)')).stdout, '1\n')
})

test('while a run is in progress a session is neither copied nor saved; its shape says how far the run is (KH41)', async t => {
  const it = await bed(t, 'python')
  const session = await it.sessions.start(it.spec)
  const run = await order(session, 'import time\nfor i in range(30):\n    print(i, flush=True)\n    time.sleep(0.1)')
  await sleep(600)
  await assert.rejects(session.fork(), isRefusal('CONFLICT'))
  await assert.rejects(session.save(await mkdtemp(join(it.project, 'saved-'))), isRefusal('CONFLICT'))
  const { running, children, threads } = await session.shape()
  assert.ok(running && running.run === run && running.seq > 1 && running.kernelEvents >= running.seq, `${running?.seq}`)
  assert.deepEqual({ children, threads }, { children: 0, threads: 0 })
  await session.cancel(run, 'enough')
  const { events } = await outcome(session, run)
  assert.equal(
    events.filter(({ type }) => type === 'cancelled').length,
    1,
    'what the kernel kept is acknowledged again',
  )
})

test("threads and children of the user's program are counted, the kernel's own are not (KN50)", async t => {
  const it = await bed(t, 'python')
  const session = await it.sessions.start(it.spec)
  await execute(
    session,
    'import threading, subprocess, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nchild = subprocess.Popen(["sh", "-c", "sleep 60 & wait"])\ntime.sleep(0.3)',
  )
  const { threads, children } = await session.shape()
  assert.deepEqual({ threads, children }, { threads: 1, children: 2 })
})

async function linksOf(pid: number): Promise<string[]> {
  const numbers = await readdir(`/proc/${pid}/fd`).catch(() => [])
  return Promise.all(numbers.map(fd => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')))
}

for (const language of ['python', 'javascript', 'bash', 'r'])
  test(`${language}: nothing of a kernel is held outside, and nothing that no image can hold (KN3)`, {
    skip: process.platform === 'linux' && process.getuid?.() === 0 ? false : 'images are taken by root on Linux',
  }, async t => {
    const it = await bed(t, language)
    const session = await it.sessions.start(it.spec)
    await outcome(session, await order(session, language === 'r' ? 'x <- 1' : 'x=1'))
    const mark = markOf(join(it.folder, it.spec.session))
    const held = (await Promise.all((await processesOf(mark, undefined)).map(linksOf))).flat()
    assert.ok(held.length > 4)
    assert.deepEqual(
      held.filter(link => link.includes('io_uring') || link.startsWith('/dev/tty')),
      [],
    )
    const around = (await Promise.all([process.pid, process.ppid, ...(await hostsOf(mark))].map(linksOf))).flat()
    const outside = new Set(around.filter(link => /^(pipe|socket):/.test(link)))
    assert.deepEqual(
      held.filter(link => outside.has(link)),
      [],
    )
  })

const canUnshare = spawnSync('unshare', ['-p', '-f', '-m', '--mount-proc', 'true']).status === 0

interface ByHand {
  from: SavedKernel & { kind: 'image' }
  child: ChildProcess
}

/** As a backend restores it: in namespaces of its own, with the marks of where it was saved. */
async function byHand(t: TestContext, it: Bed, command: string[], token = 'by hand'): Promise<ByHand> {
  const folder = await mkdtemp(join(it.project, 'restored-'))
  const config = join(folder, 'config.json')
  const place = placeOf(token)
  await writeFile(config, JSON.stringify({ ...place, cwd: it.project, scratch: folder, limits: kernelLimits }))
  const mark = `MESHBOOK_KERNEL=${markOf(join(it.folder, it.spec.session))}@elsewhere`
  const wrapper = canUnshare ? ['unshare', '-p', '-f', '-m', '--mount-proc', 'env', mark] : []
  const [program, ...args] = [...wrapper, ...command.map(part => (part === 'CONFIG' ? config : part))]
  const child = spawn(program!, args, { detached: true, stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  const first = async () => {
    const list = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1').catch(() => '')
    return Number(list.split(' ')[0])
  }
  if (canUnshare) await eventually(async () => (await first()) > 0, 'it starts')
  const pid = canUnshare ? await first() : child.pid!
  return {
    child,
    from: { ...image, ...place, pid, identity: (await identityOf(pid))!, adopted: join(folder, 'adopted') },
  }
}

test('a restored kernel takes the place of the one that was there, and ends with all that it started (KH43, KH20)', {
  skip: canUnshare ? false : 'namespaces cannot be made here',
}, async t => {
  const it = await bed(t, 'python')
  const session = await it.sessions.start(it.spec)
  await execute(session, 'where = "before"')
  const old = await session.shape()
  const { from } = await byHand(t, it, ['python3', python, 'CONFIG'])
  const elsewhere = another(it.spec)
  const copy = await it.sessions.start(elsewhere, saved((await byHand(t, it, ['python3', python, 'CONFIG'])).from))
  const again = await it.sessions.start(it.spec, saved(from))
  assert.equal(again, session, 'the same session has another kernel')
  const notThere = await execute(session, 'where')
  assert.ok(notThere.last.type === 'failed' && notThere.last.error.name === 'NameError')
  const oldIdentity = await identityOf(old.pid)
  assert.equal(oldIdentity, undefined, 'the old kernel has ended')
  assert.deepEqual(await session.shape().then(({ pid, ownNamespace }) => ({ pid, ownNamespace })), {
    pid: from.pid,
    ownNamespace: true,
  })
  const sub = await session.fork()
  assert.equal(await isAlive(sub), true, 'a copy within its namespace, by the number of this machine')
  process.kill(sub.pid, 'SIGKILL')
  await it.sessions.start(it.spec, saved(from))
  assert.equal((await execute(session, 'print(1)')).stdout, '1\n', 'asked again it changes nothing')

  await rm(from.adopted)
  for (const pid of await hostsOf(markOf(join(it.folder, it.spec.session)))) process.kill(pid, 'SIGKILL')
  await execute(session, 'kept = 5\nimport os, subprocess\nos.environ.clear()')
  assert.equal((await execute(session, 'print(kept)')).stdout, '5\n', 'the next host takes it up')
  await access(from.adopted)
  await execute(session, 'child = subprocess.Popen(["/bin/sleep", "300"], start_new_session=True, env={})')
  await session.shutdown()
  await eventually(async () => !(await isAlive(from)), 'it has ended')
  const rest = spawnSync('pgrep', ['-f', '^/bin/sleep 300$']).stdout.toString()
  assert.equal(rest, '', 'and what it started with it')
  assert.equal((await execute(copy, 'print("other")')).stdout, 'other\n', 'with the same marks, but of another session')
  await copy.shutdown()
})

test('the end of a restored kernel is noticed, and its run closed (KH43)', async t => {
  const it = await bed(t, 'python')
  const { from } = await byHand(t, it, ['python3', python, 'CONFIG'])
  const session = await it.sessions.start(it.spec, saved(from))
  const began = Date.now()
  const { last } = await execute(session, 'import os\nos._exit(3)')
  assert.ok(last.type === 'failed' && last.error.code === 'KERNEL_DIED', JSON.stringify(last))
  assert.ok(Date.now() - began < 8000)
  assert.equal((await execute(session, 'print(1)')).stdout, '1\n', 'a fresh one takes its place')
})

test('a restore that fails leaves the kernel, its variables and its run as they are (KH43)', async t => {
  const it = await bed(t, 'python')
  const session = await it.sessions.start(it.spec)
  await execute(session, 'kept = 41')
  const run = await order(session, 'import time\nfor i in range(20):\n    time.sleep(0.1)\nprint("still there")')
  const { from, child } = await byHand(t, it, ['python3', python, 'CONFIG'])
  await assert.rejects(it.sessions.start(it.spec, saved({ ...from, token: 'guess' })), isRefusal('RESTORE_FAILED'))
  await eventually(async () => child.exitCode !== null || child.signalCode !== null, 'what was not taken is ended')
  const empty = await mkdtemp(join(it.project, 'empty-'))
  await assert.rejects(
    it.sessions.start(it.spec, saved({ kind: 'portable', folder: empty })),
    isRefusal('RESTORE_FAILED'),
  )
  await assert.rejects(it.sessions.start(another(it.spec), saved({ kind: 'portable', folder: empty })))
  assert.equal((await outcome(session, run)).stdout, 'still there\n')
  assert.equal((await execute(session, 'print(kept + 1)')).stdout, '42\n')
  const scratches = (await readdir(join(it.folder, it.spec.session))).filter(name => name.startsWith('scratch'))
  assert.equal(scratches.length, 1, 'nothing is left of what failed')
})

test('a session is made of saved variables, in the place of the kernel that it had (KH43)', async t => {
  const it = await bed(t, 'python')
  const session = await it.sessions.start(it.spec)
  await execute(session, 'numbers = list(range(1000))\nsame = numbers\nimport socket\nlost = socket.socket()')
  const folder = await mkdtemp(join(it.project, 'saved-'))
  const said = await session.save(folder)
  assert.ok(said.variables.some(({ name }) => name === 'numbers'))
  assert.ok(said.lost.some(({ name }) => name === 'lost'))
  const { pid } = await session.shape()
  await execute(session, 'numbers.append("later")')
  await it.sessions.start(it.spec, saved({ kind: 'portable', folder }))
  const result = await execute(session, 'print(len(numbers), same is numbers)')
  assert.equal(result.stdout, '1000 True\n')
  const [started] = result.events
  assert.ok(started?.type === 'started' && started.notice?.startsWith('State as of 14:02.'), JSON.stringify(started))
  assert.notEqual((await session.shape()).pid, pid)
})

async function said(session: KernelSession): Promise<string | undefined> {
  const [started] = (await execute(session, '1')).events
  return started?.type === 'started' ? started.notice : undefined
}

test('what is to be said first is said once, also by the next host (KH45)', async t => {
  const it = await bed(t, 'python')
  const { from } = await byHand(t, it, ['python3', python, 'CONFIG'])
  const session = await it.sessions.start(it.spec, saved(from, 'As of noon.'))
  for (const pid of await hostsOf(markOf(join(it.folder, it.spec.session)))) process.kill(pid, 'SIGKILL')
  assert.equal(await said(session), 'As of noon.')
  for (const pid of await hostsOf(markOf(join(it.folder, it.spec.session)))) process.kill(pid, 'SIGKILL')
  assert.equal(await said(session), undefined)
})

test('a run goes on in its middle: its log is numbered behind what is known, and nothing is missing (KH46)', async t => {
  const it = await bed(t, 'javascript')
  const run = newRun()
  const { from } = await byHand(t, it, [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    middle,
    'CONFIG',
    run,
  ])
  const resume = {
    order: { run, fence: it.spec.fence, code: 'count', cellName: 'demo' },
    seq: 40,
    fromSeq: 12,
    kernelEvents: 3,
  }
  const session = await it.sessions.start(it.spec, { ...saved(from), resume })
  await it.sessions.start(it.spec, { ...saved(from), resume })
  for (const pid of await hostsOf(markOf(join(it.folder, it.spec.session)))) process.kill(pid, 'SIGKILL')
  const events = []
  for await (const each of session.events(run, 40, AbortSignal.timeout(20_000))) events.push(each)
  assert.deepEqual(
    events.map(({ seq }) => Number(seq)),
    events.map((_, index) => 41 + index),
  )
  const [first, ...rest] = events.map(({ event }) => event)
  assert.ok(first?.type === 'resumed' && first.fromSeq === 12 && first.lostAfter === 40, JSON.stringify(first))
  assert.equal(first.device, it.spec.device)
  const text = rest.map(event => (event.type === 'stdout' ? event.text : '')).join('')
  assert.equal(text, '3\n4\n5\n6\n7\n8\n9\n')
  assert.equal(rest.at(-1)?.type, 'completed')
  await it.sessions.start(it.spec, { ...saved(from), resume })
  const after = await log(session, await order(session, 'next'))
  assert.equal(after.at(-1)?.event.type, 'completed')
})

test('a run that is not in the image is no run to go on with (KH46)', async t => {
  const it = await bed(t, 'python')
  const { from } = await byHand(t, it, ['python3', python, 'CONFIG'])
  const resume = {
    order: { run: newRun(), fence: it.spec.fence, code: 'open("ran.txt", "w")', cellName: 'demo' },
    seq: 4,
    fromSeq: 2,
    kernelEvents: 1,
  }
  await assert.rejects(it.sessions.start(it.spec, { ...saved(from), resume }), isRefusal('RESTORE_FAILED'))
  assert.ok(await gone(join(it.project, 'ran.txt')))
})

test('while a session is held no run begins; it lets go by itself, whoever has died (KH47)', async t => {
  const it = await bed(t, 'python')
  const session = await it.sessions.start(it.spec)
  const held = await session.hold(60_000)
  const run = await order(session, 'print(1)')
  await sleep(300)
  assert.deepEqual((await session.shape()).running, null)
  for (const pid of await hostsOf(markOf(join(it.folder, it.spec.session)))) process.kill(pid, 'SIGKILL')
  await session.shape()
  await sleep(300)
  assert.deepEqual((await session.shape()).running, null, 'the next host holds it too')
  await held.release()
  assert.equal((await outcome(session, run)).stdout, '1\n')

  await session.hold(1500)
  const began = Date.now()
  const later = await order(session, 'print(2)')
  await it.sessions.close()
  const [found] = await it.again().recover()
  assert.equal((await outcome(found!.session, later)).stdout, '2\n')
  assert.ok(Date.now() - began >= 1400, 'not before')
})

test('a run in progress goes on while the session is held (KH47)', async t => {
  const it = await bed(t, 'python')
  const session = await it.sessions.start(it.spec)
  const run = await order(session, 'import time\ntime.sleep(0.5)\nprint("done")')
  const held = await session.hold(60_000)
  assert.equal((await outcome(session, run)).stdout, 'done\n')
  await held.release()
})
