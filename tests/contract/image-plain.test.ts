import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { appendFile, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { SavedKernel, SessionSpec } from '@meshbook/device/kernels/port.ts'
import { openedNames } from '@meshbook/device/snapshots/image/decode-image.ts'
import { createImageBackend } from '@meshbook/device/snapshots/image/image-backend.ts'
import { fileListSchema } from '@meshbook/device/snapshots/image/image-plan.ts'
import { isOfSystem } from '@meshbook/device/snapshots/image/restore-mounts.ts'
import type { Capture, PartSource, SnapshotBackend } from '@meshbook/device/snapshots/port.ts'
import * as v from 'valibot'
import { criuFolder } from './criu.ts'
import { code, fence } from './kernel.ts'
import { PartsInMemory } from './parts-in-memory.ts'
import { adoptPlain, listens, type Place, PlainSession, runIn, startPlain, valueIn } from './plain-session.ts'

interface Bed {
  root: string
  project: string
  spec: SessionSpec
  backend: SnapshotBackend
  parts: PartsInMemory
  start(options?: { forks?: boolean; command?: string[] }): Promise<PlainSession>
  capture(session: PlainSession): Promise<Capture>
  open(capture: Capture, source?: PartSource): Promise<string>
  restore(folder: string): Promise<PlainSession>
}

let places = 0
function freshPlace(): Place {
  places += 1
  return { address: `127.201.${process.pid % 250}.${places}`, port: 47_100 }
}
const within = () => AbortSignal.timeout(100_000)

async function bed(t: TestContext): Promise<Bed> {
  const root = await mkdtemp(join(tmpdir(), 'meshbook-plain-'))
  const project = join(root, 'project')
  await mkdir(project)
  const living: PlainSession[] = []
  const kept = (session: PlainSession) => {
    living.push(session)
    return session
  }
  t.after(async () => {
    for (const session of living) await session.end()
    await rm(root, { recursive: true, force: true })
  })
  const id = <K extends 'session' | 'head' | 'project'>(kind: K) => newId(kind, Date.now(), systemRandom)
  const spec: SessionSpec = {
    session: id('session'),
    head: id('head'),
    fence: fence(1),
    project: id('project'),
    projectFolder: project,
    language: 'python',
    name: 'default',
    device: 'Test bench',
  }
  const backend = createImageBackend({
    criuFolder: await criuFolder(),
    closureStore: join(root, 'closure'),
    limits,
    random: systemRandom,
  })
  const parts = new PartsInMemory()
  let folders = 0
  const options = { folder: project, spec, forks: true }
  return {
    root,
    project,
    spec,
    backend,
    parts,
    start: async (changed = {}) => kept(await startPlain({ ...options, ...changed, place: freshPlace() })),
    capture: ({ session }) =>
      backend.capture(session, { sink: parts, workFolder: join(root, 'work', 'session'), signal: within() }),
    open: async ({ plan }, source = parts) => {
      const folder = join(root, `opened-${folders++}`)
      await mkdir(folder)
      await backend.open(plan, { source, folder, signal: within(), progress: () => undefined })
      return folder
    },
    restore: async folder => kept(adoptPlain(options, await backend.start(folder, spec, within()))),
  }
}

/** What must not change by a restore that fails: processes of ours, mounts, files. */
async function left(at: Bed): Promise<unknown> {
  const mine: string[] = []
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (words.includes(at.root)) mine.push(words.replaceAll('\0', ' '))
  }
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter(line => line.includes(at.root))
  const files = (await readdir(at.root, { recursive: true })).filter(name => !name.startsWith('closure')).sort()
  const shared = (await readdir('/dev/shm')).filter(name => name.startsWith('meshbook-dump-'))
  return { mine: mine.sort(), mounts, files, shared: shared.length === 0 ? [] : 'others at work' }
}

test('SN10: what works is able, and says which features of the processor there are', async () => {
  const able = createImageBackend({ criuFolder: await criuFolder(), closureStore: '/', limits, random: systemRandom })
  const ability = await able.ability()
  assert.ok(ability.ok && ability.cpu.length > 0)
  const fit = { os: 'linux', arch: process.arch, cpu: ability.cpu, language: 'python', version: '3' }
  const spec = { language: 'python', projectFolder: '/' }
  assert.equal(await able.unfitHere(fit, spec), undefined)
  assert.match((await able.unfitHere({ ...fit, cpu: [...fit.cpu, 'avx9000'] }, spec))!, /avx9000/)
  assert.match((await able.unfitHere({ ...fit, arch: 'pdp11' }, spec))!, /pdp11/)
  assert.match((await able.unfitHere({ ...fit, os: 'darwin' }, spec))!, /darwin/)
})

test('SN23: programs and libraries are shown to a restored session; none of the system is put back', async t => {
  const at = await bed(t)
  const folder = await at.open(await at.capture(await at.start()))
  const { open, closure } = v.parse(fileListSchema, JSON.parse(await readFile(join(folder, openedNames.files), 'utf8')))
  assert.deepEqual(
    open.map(({ path }) => path).filter(path => isOfSystem(path)),
    [],
  )
  for (const name of [/\/libc\.so/, /\/python3/]) assert.ok(closure.some(({ path }) => name.test(path)))
})

test('SN12, SN15: after a small change little is stored, and 100 MB are there again', async t => {
  const at = await bed(t)
  const session = await at.start()
  await runIn(session.place, 'import os, hashlib\nblob = os.urandom(100 << 20)\nx = 0')
  const hash = await valueIn(session.place, 'hashlib.sha256(blob).hexdigest()')
  await at.capture(session)
  at.parts.addedBytes = 0
  await runIn(session.place, 'y = 1')
  const capture = await at.capture(session)
  t.diagnostic(`${at.parts.addedBytes} bytes after y = 1, pause ${capture.pauseMs.toFixed(1)} ms`)
  assert.ok(at.parts.addedBytes < 100_000, `${at.parts.addedBytes} bytes`)
  assert.equal(session.held, 0)
  await session.end()
  const again = await at.restore(await at.open(capture))
  assert.deepEqual(await valueIn(again.place, '[hashlib.sha256(blob).hexdigest(), y]'), [hash, 1])
})

test('SN12: threads, children, pipes and a generator live on in a whole tree', async t => {
  const at = await bed(t)
  const session = await at.start({ forks: false })
  await runIn(
    session.place,
    [
      'import threading, time, subprocess',
      'count = 0',
      'def tick():\n  global count\n  while True: count += 1; time.sleep(0.01)',
      'threading.Thread(target=tick, daemon=True).start()',
      'cat = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)',
      'numbers = (i * i for i in range(100)); next(numbers); next(numbers)',
      'def echo(text): cat.stdin.write(text + b"\\n"); cat.stdin.flush(); return cat.stdout.readline().decode().strip()',
    ].join('\n'),
  )
  const capture = await at.capture(session)
  assert.equal(capture.inside.processes, 2)
  assert.equal(await valueIn(session.place, 'echo(b"before")'), 'before')
  const folder = await at.open(capture)
  await session.end()
  const again = await at.restore(folder)
  assert.equal(await valueIn(again.place, 'next(numbers)'), 4)
  assert.equal(await valueIn(again.place, 'echo(b"after")'), 'after')
  const before = (await valueIn(again.place, 'count')) as number
  await new Promise(resolve => setTimeout(resolve, 300))
  assert.ok(((await valueIn(again.place, 'count')) as number) > before, 'the thread goes on')
})

test('SN14, SN23: an open file goes along, and what was there instead is kept beside it', async t => {
  const at = await bed(t)
  const session = await at.start()
  await runIn(session.place, 'f = open("out.txt", "a+"); f.write("one\\n"); f.flush()')
  const capture = await at.capture(session)
  await runIn(session.place, 'f.write("two\\n"); f.flush()')
  await session.end()
  const folder = await at.open(capture)
  await appendFile(join(at.project, 'out.txt'), 'another\n')
  const again = await at.restore(folder)
  await runIn(again.place, 'f.write("three\\n"); f.flush()')
  assert.equal(await readFile(join(at.project, 'out.txt'), 'utf8'), 'one\nthree\n')
  assert.equal(await readFile(join(at.project, 'out.txt.mesh-conflict'), 'utf8'), 'one\ntwo\nanother\n')
})

test('SN23: mapped files that are others here, or missing, are shown to the session alone', async t => {
  const at = await bed(t)
  const library = join(at.root, 'lib', 'deep')
  await mkdir(library, { recursive: true })
  const [file, missing] = [join(at.root, 'lib', 'data.bin'), join(library, 'gone.bin')]
  await writeFile(file, 'a'.repeat(5000))
  await writeFile(missing, 'b'.repeat(5000))
  const session = await at.start()
  const map = (name: string, path: string) =>
    `${name}_f = open(${JSON.stringify(path)}, "rb"); ${name} = mmap.mmap(${name}_f.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE); ${name}_f.close()`
  await runIn(session.place, `import mmap\n${map('here', file)}\n${map('there', missing)}`)
  const capture = await at.capture(session)
  await session.end()
  const folder = await at.open(capture)
  await writeFile(file, 'c'.repeat(5000))
  await rm(library, { recursive: true })
  const again = await at.restore(folder)
  assert.deepEqual(await valueIn(again.place, '[here[:2].decode(), there[:2].decode(), len(there)]'), [
    'aa',
    'bb',
    5000,
  ])
  assert.equal(await valueIn(again.place, `open(${JSON.stringify(file)}).read(1)`), 'a')
  assert.equal((await readFile(file, 'utf8')).slice(0, 2), 'cc')
  assert.equal(existsSync(missing), false)
  // And from there it goes on again.
  const second = await at.capture(again)
  await again.end()
  const third = await at.restore(await at.open(second))
  assert.deepEqual(await valueIn(third.place, '[here[:2].decode(), there[:2].decode()]'), ['aa', 'bb'])
})

test('SN24: whoever kills the first process of the namespace ends all of it, and it ends with the kernel', async t => {
  const at = await bed(t)
  const session = await at.start({ forks: false })
  await runIn(session.place, 'import os, subprocess; child = subprocess.Popen(["sleep", "1000"])')
  const capture = await at.capture(session)
  await session.end()
  const first = await at.restore(await at.open(capture))
  const space = await readlink(`/proc/${first.pid}/ns/pid`)
  await first.end()
  assert.deepEqual(await inNamespace(space), [])
  const second = await at.restore(await at.open(capture))
  const other = await readlink(`/proc/${second.pid}/ns/pid`)
  await runIn(second.place, 'os.kill(os.getpid(), 9)').catch(() => undefined)
  for (let left = 200; left > 0 && (await inNamespace(other)).length > 0; left--)
    await new Promise(resolve => setTimeout(resolve, 20))
  assert.deepEqual(await inNamespace(other), [])
})

async function inNamespace(space: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const links = await Promise.all(pids.map(pid => readlink(`/proc/${pid}/ns/pid`).catch(() => '')))
  return pids.filter((_, index) => links[index] === space)
}

test('SN26: a start that fails leaves nothing behind, and may be tried again', async t => {
  const at = await bed(t)
  const session = await at.start({ forks: false })
  await runIn(session.place, 'f = open("out.txt", "a+"); f.write("one\\n"); f.flush()')
  const capture = await at.capture(session)
  const folder = await at.open(capture)
  await writeFile(join(at.project, 'out.txt'), 'changed meanwhile\n')
  const before = await left(at)
  // The address is still taken by the one that was saved.
  await assert.rejects(at.backend.start(folder, at.spec, within()), code('RESTORE_FAILED'))
  assert.deepEqual(await left(at), before)
  assert.equal(await readFile(join(at.project, 'out.txt'), 'utf8'), 'changed meanwhile\n')
  const stopped = AbortSignal.abort(new Error('stopped'))
  await assert.rejects(at.backend.start(folder, at.spec, stopped))
  assert.deepEqual(await left(at), before)
  await session.end()
  const again = await at.restore(folder)
  assert.equal(await valueIn(again.place, 'f.seek(0) or f.read()'), 'one\n')
})

test('SN21: what is damaged is refused before anything of it runs', async t => {
  const at = await bed(t)
  const session = await at.start()
  await runIn(session.place, 'blob = bytes(range(256)) * 40000')
  await at.capture(session)
  await runIn(session.place, 'more = 1')
  const capture = await at.capture(session)
  await session.end()
  const before = await left(at)
  for (const part of new Set([capture.parts[0]!, capture.parts.at(-1)!, ...capture.parts.slice(0, 4)])) {
    const whole = at.parts.parts.get(part)!
    const others = capture.parts.filter(other => other !== part)
    const damages: [string, Uint8Array | undefined][] = [
      ['a bit', flipped(whole)],
      ['the end', whole.subarray(0, whole.length >> 1)],
      ['another', at.parts.parts.get(others[0]!)],
    ]
    for (const [name, bytes] of damages) {
      const source = {
        get: (wanted: string) => (wanted === part ? Promise.resolve(Uint8Array.from(bytes!)) : at.parts.get(wanted)),
      }
      const folder = join(at.root, 'refused')
      await mkdir(folder)
      const options = { source, folder, signal: within(), progress: () => undefined }
      await assert.rejects(at.backend.open(capture.plan, options), code('SNAPSHOT_REFUSED'), name)
      await rm(folder, { recursive: true })
    }
  }
  assert.deepEqual(await left(at), before)
})

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[copy.length >> 1]! ^= 16
  return copy
}

test('SN12: a session that cannot be saved goes on, and the reason is told', async t => {
  const at = await bed(t)
  const session = await at.start()
  const script =
    'import socket, sys, time\ns = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1]); s.listen(); c, _ = s.accept(); time.sleep(100)'
  const path = join(at.root, 'outside')
  const outside = spawn('python3', ['-c', script, path], { stdio: 'ignore' })
  try {
    await once(outside, 'spawn')
    while (!existsSync(path)) await new Promise(resolve => setTimeout(resolve, 20))
    await runIn(session.place, `import socket; s = socket.socket(socket.AF_UNIX); s.connect(${JSON.stringify(path)})`)
    await assert.rejects(at.capture(session), (error: unknown) => {
      assert.ok(error instanceof MeshError && error.code === 'SNAPSHOT_FAILED')
      assert.match(error.detail ?? '', /unix socket/)
      return true
    })
    assert.equal(await valueIn(session.place, '1 + 1'), 2)
    await runIn(session.place, 's.close()')
    await at.capture(session)
  } finally {
    outside.kill('SIGKILL')
  }
})

for (const [name, command] of [
  ['node', ['perl', '-e', noRings(), process.execPath, '-e', nodeProgram()]],
  ['bash', ['bash', '-c', 'n=0; f() { echo "$1"; }; exec python3 -m http.server 47100 --bind "$0"']],
] as const)
  test(`SN12: a whole tree of ${name} is dumped and restored`, async t => {
    const at = await bed(t)
    const place = freshPlace()
    const child = spawn(command[0], [...command.slice(1), place.address], {
      cwd: at.project,
      detached: true,
      stdio: 'ignore',
    })
    await once(child, 'spawn')
    await listens(place)
    const options = { folder: at.project, spec: at.spec, forks: false, place }
    const session = new PlainSession(options, child.pid!, child)
    const capture = await at.capture(session)
    const folder = await at.open(capture)
    await session.end()
    const saved: SavedKernel = await at.backend.start(folder, at.spec, within())
    await listens(place)
    await adoptPlain(options, saved).end()
  })

function nodeProgram(): string {
  return "require('net').createServer(s => s.end('x')).listen(47100, process.argv[1])"
}

/** As kernels on Node are started: no image can hold a ring of io_uring. */
function noRings(): string {
  const prctl = process.arch === 'x64' ? 157 : 167
  return `my $f = pack("SCCL" x 4, 0x20,0,0,0, 0x15,0,1,425, 6,0,0,0x50026, 6,0,0,0x7fff0000); my $p = pack("S x6 P", 4, $f); syscall(${prctl}, 22, 2, $p) == 0 or die; exec @ARGV`
}

const cycles = Number(process.env.MESHBOOK_SOAK_CYCLES ?? 6)

test('SN27: again and again dumped and restored under load, with every request answered by one or the other', async t => {
  const at = await bed(t)
  let session = await at.start({ forks: false })
  await runIn(session.place, 'n = 0; blob = bytearray(8 << 20)')
  let stop = false
  let cut = 0
  const load = (async () => {
    while (!stop)
      await runIn(session.place, 'blob[n % len(blob)] = 1').catch(() => {
        cut++
        return new Promise(resolve => setTimeout(resolve, 5))
      })
  })()
  for (let cycle = 1; cycle <= cycles; cycle++) {
    await runIn(session.place, 'n += 1').catch(() => runIn(session.place, 'n += 1'))
    // Once while it goes on, and once to be restored.
    await at.capture(session)
    const capture = await at.capture(session)
    const before = session
    const folder = await at.open(capture)
    await before.end()
    session = await at.restore(folder)
    await rm(folder, { recursive: true })
    assert.ok(((await valueIn(session.place, 'n')) as number) >= cycle)
  }
  stop = true
  await load
  t.diagnostic(`${cut} requests were cut`)
})
