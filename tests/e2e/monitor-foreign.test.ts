/**
 * `meshbook monitor` as its own process with real kernels, the stock server of y-websocket as another, and pages that
 * know nothing but y-websocket and the map of executions (packages/device/src/monitor/SPEC.md).
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ForeignPage, type PageOptions } from '../foreign-page.ts'
import { command, temporaryFolder } from '../mesh-process.ts'
import { manyTrials, plantedElections } from '../monitor-trials.ts'
import { dialects, MrpServer } from '../mrp-server.ts'
import { YWebsocketServer } from '../y-websocket-server.ts'

const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')

interface Bed {
  server: YWebsocketServer
  /** Where the code runs. */
  work: string
  page(options?: PageOptions): Promise<ForeignPage>
  monitor(...args: string[]): ChildProcess
}

async function bed(t: TestContext): Promise<Bed> {
  const closers: (() => Promise<unknown>)[] = []
  // The first to be registered is the first to be run: monitors end before their server and their folder go.
  t.after(async () => {
    for (const close of closers.reverse()) await close()
  })
  const data = await temporaryFolder(t)
  const work = await mkdtemp(join(data, 'work-'))
  const server = await YWebsocketServer.start(t)
  return {
    server,
    work,
    page: async (options = {}) => {
      const page = new ForeignPage(server.url, 'notes.md', options)
      t.after(() => {
        page.close()
        assert.deepEqual(page.complaints, [], 'the page understands all that comes back')
      })
      await page.synced()
      return page
    },
    monitor: (...args) => {
      const given = ['monitor', '--doc', 'notes.md', server.url, '--name', 'robot', '--data', data, ...args]
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...given], {
        cwd: work,
        stdio: 'ignore',
      })
      closers.push(() => stop(child))
      return child
    },
  }
}

async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

const counting = (count: number) =>
  `import time\nwith open("ran.txt", "a") as f: f.write("ran\\n")\nfor i in range(${count}):\n    print("line", i, flush=True)\n    time.sleep(0.1)`
const lines = (count: number) => Array.from({ length: count }, (_, i) => `line ${i}\n`).join('')

for (const nested of [false, true]) {
  const kind = nested ? 'nested maps' : 'plain objects'

  test(`HM1 HM2 HM3 HM4 HM6 HM10 a page that writes ${kind}: output, results, errors, pictures, questions, cancelling`, async t => {
    const { page: open, monitor } = await bed(t)
    monitor()
    const page = await open({ nested })
    const run = async (id: string, code: string) => {
      page.addCell(code)
      page.ask(id, code)
      return page.over(id)
    }
    const done = await run('exec-1', 'print("hello")\n6 * 7')
    assert.deepEqual([done.status, done.result, done.error], ['completed', '42', null])
    assert.match(String(done.reason), /runtimeUrl of the request was ignored/)
    await page.until('the output', () => page.output('exec-1') === 'hello\n42\n')
    assert.equal(page.blocks('exec-1'), 1)

    const failed = await run('exec-2', '1 / 0')
    assert.deepEqual([failed.status, (failed.error as { type: string }).type], ['error', 'ZeroDivisionError'])

    const shown = await run('exec-3', 'class P:\n    def _repr_html_(self): return "<b>x</b>"\ndisplay(P())')
    assert.deepEqual(shown.displayData, [{ mimeType: 'text/html', data: '<b>x</b>', assetId: null }])

    const asking = 'print("hi", input("Name? "))'
    page.addCell(asking)
    page.ask('exec-4', asking)
    await page.until(
      'the question',
      () => (page.entry('exec-4')!.stdinRequest as { prompt?: string } | null)?.prompt === 'Name? ',
    )
    page.answer('exec-4', 'Ada')
    await page.over('exec-4')
    await page.until('the answer', () => page.output('exec-4')?.includes('hi Ada\n') === true)
    assert.equal(page.entry('exec-4')!.stdinResponse, null)

    const endless = 'import time\nprint("begun", flush=True)\ntime.sleep(600)'
    page.addCell(endless)
    page.ask('exec-5', endless)
    page.addCell('print("second")')
    page.ask('exec-6', 'print("second")')
    await page.until('the start', () => page.output('exec-5') === 'begun\n')
    page.set('exec-5', { status: 'cancelled' })
    await page.until('the end', () => page.entry('exec-5')!.completedAt !== null)
    assert.equal(page.status('exec-5'), 'cancelled')
    assert.equal((await page.over('exec-6')).status, 'completed')
  })
}

test('HM4 a page that makes no block gets one after the cell with its code', async t => {
  const { page: open, monitor } = await bed(t)
  monitor()
  const page = await open({ lazy: true })
  for (const code of ['print("a")', 'print("b")']) page.addCell(code)
  page.ask('exec-1', 'print("b")')
  const entry = await page.over('exec-1')
  assert.equal(entry.outputBlockReady, true)
  await page.until('the text', () =>
    page.text.toString().endsWith('```python\nprint("b")\n```\n\n```output:exec-1\nb\n```\n\n'),
  )
})

test('HM5 a page that sets its whole entry again, late and over and over, does not undo the end', async t => {
  const { page: open, monitor } = await bed(t)
  monitor()
  const page = await open()
  page.addCell('print("x")')
  page.ask('exec-1', 'print("x")')
  await page.until('the claim', () => page.status('exec-1') !== 'requested')
  const stale = page.entry('exec-1')!
  const done = await page.over('exec-1')
  const complaints = page.complaints.length
  for (let i = 0; i < 3; i++) {
    page.set('exec-1', { ...stale, status: 'ready', outputBlockReady: true })
    await page.until('the end again', () => page.isOver('exec-1'))
  }
  page.complaints.splice(complaints)
  const { status, completedAt, ranOn } = page.entry('exec-1')!
  assert.deepEqual(
    { status, completedAt, ranOn },
    { status: done.status, completedAt: done.completedAt, ranOn: done.ranOn },
  )
})

test('HM32 the server is killed in mid-run and comes back empty; the page is closed in mid-run: nothing is lost or doubled', async t => {
  const { server, work, page: open, monitor } = await bed(t)
  monitor()
  const page = await open()
  page.addCell(counting(25))
  page.ask('exec-1', counting(25))
  await page.until('some output', () => page.output('exec-1')?.includes('line 3\n') === true)
  await server.kill()
  await sleep(500)
  await server.listen()
  await page.until('more output', () => page.output('exec-1')?.includes('line 12\n') === true)
  page.close()
  const later = await open()
  await later.until('the end', () => later.status('exec-1') === 'completed')
  await later.until('the output', () => later.output('exec-1') === lines(25))
  assert.equal(await readFile(join(work, 'ran.txt'), 'utf8'), 'ran\n')
})

test('HM30 kill -9 of the monitor in mid-run: the next one follows the run to its end, and runs nothing again', async t => {
  const { work, page: open, monitor } = await bed(t)
  const first = monitor()
  const page = await open({ nested: true })
  page.addCell(counting(40))
  page.ask('exec-1', counting(40))
  await page.until('some output', () => page.output('exec-1')?.includes('line 3\n') === true)
  await stop(first, 'SIGKILL')
  page.addCell('print("unknown")')
  page.ask('exec-2', 'print("unknown")', {
    status: 'running',
    claimedBy: 7,
    claimedAt: 7,
    ranOn: { device: 'robot', name: 'robot' },
  })
  await sleep(500)
  monitor()
  assert.equal((await page.over('exec-1')).status, 'completed')
  await page.until('the output', () => page.output('exec-1') === lines(40))
  assert.equal((await page.over('exec-2')).status, 'interrupted')
  assert.equal(await readFile(join(work, 'ran.txt'), 'utf8'), 'ran\n')
})

test('HM35 SIGINT in mid-run: the run is interrupted at once, and says why', async t => {
  const { page: open, monitor } = await bed(t)
  const first = monitor()
  const page = await open()
  page.addCell(counting(600))
  page.ask('exec-1', counting(600))
  await page.until('some output', () => page.output('exec-1')?.includes('line 3\n') === true)
  await stop(first, 'SIGINT')
  assert.equal(first.exitCode, 0)
  const { status, reason } = await page.over('exec-1')
  assert.equal(status, 'interrupted')
  assert.match(String(reason), /stopped while it went on/)
})

test('HM33 a kernel that dies ends its run as an error, and the next request has a fresh one', async t => {
  const { page: open, monitor } = await bed(t)
  monitor()
  const page = await open()
  for (const [id, code] of [
    ['exec-1', 'import os\nos.kill(os.getpid(), 9)'],
    ['exec-2', 'print("fresh")'],
  ] as const) {
    page.addCell(code)
    page.ask(id, code)
    await page.over(id)
  }
  assert.equal((page.entry('exec-1')!.error as { type: string }).type, 'KERNEL_DIED')
  await page.until('the output', () => page.output('exec-2') === 'fresh\n')
})

test('HM1 HM33 MK4 --runtime runs a language at a URL; a runtime that is lost in mid-run is an error', async t => {
  const { work, page: open, monitor } = await bed(t)
  const runtime = await MrpServer.start(t, dialects.accumulating, work)
  monitor('--runtime', `python=${runtime.url}`)
  const page = await open()
  page.addCell('print("by MRP")')
  page.ask('exec-1', 'print("by MRP")')
  assert.equal((await page.over('exec-1')).status, 'completed')
  assert.deepEqual(runtime.orders, ['exec-1'])
  page.addCell(counting(20))
  page.ask('exec-2', counting(20))
  await page.until('some output', () => page.output('exec-2')?.includes('line 2\n') === true)
  await runtime.stop()
  const { status, error } = await page.over('exec-2')
  assert.deepEqual([status, (error as { type: string }).type], ['error', 'RuntimeDisconnected'])
  await runtime.listen()
  assert.deepEqual(runtime.orders, ['exec-1', 'exec-2'])
})

test('HM34 a run of which nothing comes is stopped, and says why', async t => {
  const { page: open, monitor } = await bed(t)
  monitor('--stuck-after', '0.02')
  const page = await open()
  const code = 'import time\ntime.sleep(600)'
  page.addCell(code)
  page.ask('exec-1', code)
  const { status, reason } = await page.over('exec-1')
  assert.equal(status, 'cancelled')
  assert.match(String(reason), /Nothing came of it/)
})

test('HM20 HM21 HM22 60 requests, two to four monitors over slow connections with wrong clocks: each runs once', async () => {
  const { trials, once: runOnce, complaints } = await manyTrials(60, 7, () => undefined)
  assert.deepEqual([runOnce, complaints], [trials, []])
})

for (const planted of plantedElections)
  test(`HM21 the trials find it when ${planted.name}`, async () => {
    const { trials, twice } = await manyTrials(60, 5, () => undefined, planted)
    assert.ok(twice > 0, `${twice} of ${trials}`)
  })

test('HM1 wrong addresses, languages and times are usage errors that say what is wanted', async () => {
  const cases: [string[], RegExp][] = [
    [['ws://localhost:1'], /--doc/],
    [['http://localhost', '--doc', 'n.md'], /ws:\/\//],
    [['ws://localhost:1', '--doc', 'n.md', '--runtime', 'python'], /LANG=URL/],
    [['ws://localhost:1', '--doc', 'n.md', '--runtime', 'python=file:///etc'], /LANG=URL/],
    [['ws://localhost:1', '--doc', 'n.md', '--runtime', 'python=http://me:secret@localhost/'], /no user, password/],
    [['ws://localhost:1', '--doc', 'n.md', '--stuck-after', 'soon'], /minutes/],
  ]
  const check = async ([args, wanted]: [string[], RegExp]) => {
    const { code, stderr } = await command(['monitor', ...args])
    assert.equal(code, 2, args.join(' '))
    assert.match(stderr, wanted)
    assert.doesNotMatch(stderr, /secret/)
  }
  await Promise.all(cases.map(check))
})
