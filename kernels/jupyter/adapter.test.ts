import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FrameReader } from '../wire/frames.ts'
import { type KernelEvent, Run, RunLog } from '../wire/run-log.ts'
import { JupyterAdapter } from './adapter.ts'
import { Faults } from './faults.ts'
import { JupyterKernel } from './jupyter-kernel.ts'

interface Manner {
  interruptMode?: 'signal' | 'message'
  implementation?: string
  beatMs?: number
}

async function started(t: TestContext, { interruptMode = 'signal', implementation, beatMs }: Manner = {}) {
  const scratch = await mkdtemp(join(tmpdir(), 'meshbook-jupyter-'))
  const faults = new Faults(join(scratch, 'faults.json'))
  const log = new RunLog(1 << 20)
  const reader = new FrameReader(1 << 24)
  const events: KernelEvent[] = []
  const kernels: JupyterKernel[] = []
  let ended = ''
  log.onFrame = (_run, frame) => {
    for (const message of reader.push(frame)) events.push((message as { event: KernelEvent }).event)
  }
  const spec = {
    name: 'scripted',
    displayName: 'Scripted',
    language: 'scripted',
    argv: [process.execPath, join(import.meta.dirname, 'testing/scripted-kernel.ts'), '{connection_file}'],
    env: {
      WHERE: '$HOME {resource_dir} $NOBODY_SET_THIS $$',
      ...(implementation !== undefined && { IMPLEMENTATION: implementation }),
    },
    resourceDir: '/specs/scripted',
    interruptMode,
  }
  const jupyter = { spec, startMs: 15_000, messageBytes: 1 << 24 }
  const place = { address: `127.${randomInt(2, 250)}.${randomInt(1, 250)}.9`, port: 47_200, cwd: scratch, scratch }
  const caps = { frameBytes: 1 << 24, unackedBytes: 1 << 20, inputBytes: 1 << 16, displayBytes: 1 << 20 }
  t.after(async () => {
    for (const kernel of kernels) kernel.kill()
    await rm(scratch, { recursive: true, force: true })
  })
  const adapter = await JupyterAdapter.start({
    config: { ...place, token: '', limits: caps, jupyter },
    log,
    faults,
    start: async ears => {
      const date = () => '2026-01-01T00:00:00Z'
      const onFault = (kind: string) => faults.note(kind)
      const beat = beatMs === undefined ? {} : { beatMs }
      const kernel = await JupyterKernel.start({ ...jupyter, ...ears, ...place, ...beat, date, onFault })
      kernels.push(kernel)
      return kernel
    },
    end: how => (ended = how),
    patience: { idleMs: 500, startCheckMs: 50 },
  })
  const begin = (code: string) => {
    events.length = 0
    const run = new Run(`run ${code}`, code, 'demo')
    log.begin(run)
    adapter.execute(run)
  }
  const until = async (fits: () => boolean) => {
    for (let i = 0; i < 500 && !fits(); i++) await sleep(10)
    assert.ok(fits(), JSON.stringify(events))
  }
  const text = () => events.map(event => ('text' in event ? event.text : '')).join('')
  const execute = async (code: string) => {
    begin(code)
    await until(() => log.current === undefined)
    return text()
  }
  return { adapter, log, faults, events, begin, until, text, execute, scratch, kernels, ended: () => ended }
}

test('the first output is there although the kernel publishes nothing at its start (JK5)', async t => {
  const { execute, adapter, events } = await started(t)
  assert.ok(Number(adapter.version) >= 1)
  assert.equal(await execute('first'), 'first\n')
  assert.equal(events.at(-1)!.type, 'completed')
})

test('the connection file is for its owner alone and carries a key (JK4)', async t => {
  const { scratch } = await started(t)
  const path = join(scratch, 'connection.json')
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  const { key, ip } = JSON.parse(await readFile(path, 'utf8'))
  assert.match(key, /^[0-9a-f]{64}$/)
  assert.match(ip, /^127\./)
})

test('environment and arguments of the kernelspec are filled in (JK2)', async t => {
  const { execute } = await started(t)
  assert.equal(await execute('where'), `${process.env.HOME} /specs/scripted $NOBODY_SET_THIS $\n`)
})

test('what is forged or broken is dropped and counted, and widgets are ignored (JK4, JK10)', async t => {
  const { execute, faults } = await started(t)
  assert.equal(await execute('forged'), 'said\n')
  assert.deepEqual(Object.fromEntries(faults.counts), {
    'bad signature': 1,
    'no delimiter': 1,
    'frames are missing': 1,
    'comm message ignored': 1,
    malformed: 1,
    'message ignored': 1,
  })
})

for (const mode of ['signal', 'message'] as const)
  test(`an interrupt goes by ${mode} where the kernelspec says so, also one that comes early (JK11)`, async t => {
    const { adapter, begin, until, text, log, events } = await started(t, { interruptMode: mode })
    begin('wait')
    adapter.interrupt()
    await until(() => log.current === undefined)
    assert.equal(text(), `waits\nby ${mode}\n`)
    assert.equal(events.at(-1)!.type, 'cancelled')
  })

test('what comes soon after `idle` belongs to the run, what comes later to the next one (JK6, KN17)', async t => {
  const { execute } = await started(t)
  assert.equal(await execute('late'), 'late\nsoon after\n')
  await sleep(400)
  assert.equal(await execute('first'), 'after the end\nfirst\n')
})

test('a kernel that never says that it is done does not keep the run open, and that is said (JK6)', async t => {
  const { execute, events } = await started(t)
  assert.equal(
    await execute('never idle'),
    'never idle\n\n[The kernel did not say that it is done: some output may be missing.]\n',
  )
  assert.equal(events.at(-1)!.type, 'completed')
  assert.equal(await execute('first'), 'first\n')
})

test('of a kernel whose output comes by a queue a mark in it is the end, and without one a pause (JK6)', async t => {
  const { execute } = await started(t, { implementation: 'Deno kernel' })
  assert.equal(await execute('tail'), 'said late\n')
  assert.equal(await execute('tail without a mark'), '')
  assert.equal(await execute('first'), 'first\n')
})

test('a kernel that takes no run and whose heart stands still is given up (JK12)', async t => {
  const { begin, execute, until, ended } = await started(t, { beatMs: 40 })
  await execute('freeze')
  await sleep(100)
  begin('first')
  await until(() => ended() !== '')
  assert.equal(ended(), 'the kernel did not take the run, and its heartbeat stands still')
})

test('a kernel that is at work answers no heartbeat for long, and is not given up (JK12)', async t => {
  const { begin, until, text, ended, adapter, kernels } = await started(t, { beatMs: 20 })
  begin('wait')
  await until(() => text() === 'waits\n')
  process.kill(kernels[0]!.pid!, 'SIGSTOP')
  await until(() => kernels[0]!.unansweredBeats > 10)
  process.kill(kernels[0]!.pid!, 'SIGCONT')
  adapter.interrupt()
  await until(() => text().includes('by signal'))
  assert.equal(ended(), '')
})

test('displays keep every representation, their names and updates (JK9)', async t => {
  const { execute, events } = await started(t)
  await execute('displays')
  const [, one, two, clear] = events
  assert.ok(one?.type === 'display' && two?.type === 'display')
  assert.deepEqual([one.id, one.update, two.id, two.update], ['d', undefined, 'd', true])
  assert.deepEqual(one.parts, [
    { mimeType: 'application/json', data: '{"text":"one"}' },
    { mimeType: 'text/latex', data: '$one$' },
    { mimeType: 'image/png', data: 'AAAA', base64: true, width: 320, height: 200 },
    { mimeType: 'text/plain', data: 'one' },
  ])
  assert.deepEqual(clear, { type: 'clear', wait: true })
})

test('a cell that ends its kernel ends the run, and a fresh kernel goes on (JK12)', async t => {
  const { execute, events, kernels } = await started(t)
  assert.match(await execute('leave'), /A fresh one goes on; the variables are lost/)
  assert.equal(events.at(-1)!.type, 'completed')
  assert.equal(kernels.length, 2)
  assert.equal(await execute('first'), 'first\n')
})

test('a kernel that dies is told with its last words (JK12)', async t => {
  const { begin, until, ended } = await started(t)
  begin('die')
  await until(() => ended() !== '')
  assert.match(ended(), /exited with status 7; its last words: something broke/)
})

test('a kernel that ends at its start, or is none, is told with the reason (JK12)', async () => {
  const scratch = await mkdtemp(join(tmpdir(), 'meshbook-jupyter-'))
  const start = (argv: string[], startMs = 10_000) =>
    JupyterKernel.start({
      spec: { name: 'x', displayName: 'X', language: 'x', argv, env: {}, resourceDir: '', interruptMode: 'signal' },
      address: '127.0.0.1',
      port: 0,
      cwd: scratch,
      scratch,
      startMs,
      messageBytes: 1 << 20,
      date: () => '',
      onIopub: () => undefined,
      onQuestion: () => undefined,
      onText: () => undefined,
      onFault: () => undefined,
      onEnd: () => undefined,
    })
  await assert.rejects(
    start(['sh', '-c', 'echo no module >&2; exit 4']),
    /exited with status 4; its last words: no module/,
  )
  await assert.rejects(start(['/does/not/exist']), /could not be started/)
  await assert.rejects(start(['sleep', '30'], 300), /did not answer within 0.3 s/)
  await rm(scratch, { recursive: true })
})
