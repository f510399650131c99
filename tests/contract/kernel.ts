/**
 * The contract of a kernel: one suite for every adapter behind the KernelSessions port. What a language writes is in
 * its table; a feature it does not have is named there with the reason.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import { type Fence, newId, type RunId, type SessionId, systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import { isTerminal, type RunEvent } from '@meshbook/core/run.ts'
import type {
  JournalEvent,
  KernelSession,
  KernelSessions,
  KernelSessionsOptions,
  SessionSpec,
} from '@meshbook/device/kernels/port.ts'
import { processesOf } from '@meshbook/device/kernels/process-tree.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import { encodeFrame } from '@meshbook/kernels/wire/frames.ts'

/** What the suite asks of a language: programs, and what they must show. */
export interface KernelLanguage {
  language: string
  /** The Jupyter kernel to run it; the one that comes with Meshbook if absent. */
  kernelspec?: string
  /** Beside the environment of the tests. */
  env?: Record<string, string>
  /** How the process is told from others that holds the user's program. */
  process?: RegExp
  /** What is set up for each test, in the folder of its project, and what the sessions are told of it. */
  prepare?(t: TestContext, project: string): Promise<Partial<KernelSessionsOptions>>
  print(text: string): string
  setVariable: string
  printVariable: string
  fail: { code: string; name: string; message: RegExp; traceback: RegExp | undefined }
  /** Asks `Name? ` and prints `hi <answer>`. */
  ask: string | { none: string }
  busy: string
  sleep: string
  ignoreInterrupt: string | { none: string }
  exit3: string | { none: string }
  /** Bytes FF FE, then `ok`. */
  garbage: string | { none: string }
  progress: ((frames: number) => string) | { none: string }
  megabytes(count: number): string
  /** Why 50 MB are too many for it. */
  flood?: { none: string }
  interrupt?: { none: string }
  /** `child` printed by a child process between two lines of its own: before, child, after. */
  child: string | { program: string; unordered: string } | { none: string }
  /** Appends a line to `ran.txt` in the project, prints `0` to `count - 1` with pauses, ends. */
  slowCount(count: number, pauseMs: number): string
  /** Starts a process that leaves the session and sleeps. */
  daemon: string | { none: string }
  environment: string
  killSelf: string
  complete: { code: string; label: string }
  inspect: { code: string; text: RegExp } | { none: string }
  variable: { name: string; preview: RegExp } | { none: string }
  /** `stderr` prints one line there; `result` has the value 42; `large` shows a PNG of 100,000 bytes. */
  stderr: string | { none: string }
  result: string | { none: string }
  resultText?: string
  large: string | { none: string }
}

export const newRun = (): RunId => newId('run', Date.now(), systemRandom)
export const fence = (number: number) => number as Fence

export interface Bed {
  folder: string
  project: string
  sessions: KernelSessions
  spec: SessionSpec
  /** Another daemon over the same folder, as after a restart. */
  again(): KernelSessions
}

export type BedKernel = Pick<KernelLanguage, 'language' | 'kernelspec' | 'env' | 'prepare'>

/** A folder, a project and a daemon of its own; nothing of it is left after the test. */
export async function bed(t: TestContext, kind: string | BedKernel, changed: Partial<Limits> = {}): Promise<Bed> {
  const kernel: BedKernel = typeof kind === 'string' ? { language: kind } : kind
  const root = await mkdtemp(join(tmpdir(), 'meshbook-kernel-'))
  const folder = join(root, 'sessions')
  const project = await mkdtemp(join(root, 'project-'))
  const options = {
    folder,
    now: Date.now,
    random: systemRandom,
    limits: { ...limits, ...changed },
    env: { ...process.env, ...kernel.env, MESHBOOK_SECRET: 'canary' },
    ...(await kernel.prepare?.(t, project)),
  }
  const opened: KernelSessions[] = []
  const again = () => {
    const sessions = createKernelSessions(options)
    opened.push(sessions)
    return sessions
  }
  const id = <K extends 'session' | 'head' | 'project'>(kind: K) => newId(kind, Date.now(), systemRandom)
  const spec = {
    session: id('session'),
    head: id('head'),
    fence: fence(1),
    project: id('project'),
    projectFolder: project,
    language: kernel.language,
    ...(kernel.kernelspec !== undefined && { kernelspec: kernel.kernelspec }),
    name: 'default',
    device: 'Test bench',
  }
  t.after(async () => {
    for (const sessions of opened) await sessions.stopAll()
    assert.deepEqual(await processesOf(spec.session, undefined), [], 'no process of the session is left (I9)')
    await rm(root, { recursive: true, force: true })
  })
  return { folder, project, sessions: again(), spec, again }
}

export async function order(session: KernelSession, code: string, run = newRun()): Promise<RunId> {
  await session.execute({ run, fence: session.spec.fence, code, cellName: 'demo' })
  return run
}

/** A machine that is busy with other tests may take long. */
const within = () => AbortSignal.timeout(60_000)

async function eventsOf(session: KernelSession, run: RunId, after: number): Promise<JournalEvent[]> {
  const events: JournalEvent[] = []
  for await (const event of session.events(run, after, within())) events.push(event)
  return events
}

/** The whole log of a run from the first event on, checked against I5. */
export async function log(session: KernelSession, run: RunId): Promise<JournalEvent[]> {
  const events = await eventsOf(session, run, 0)
  assert.deepEqual(
    events.map(({ seq }) => Number(seq)),
    events.map((_, index) => index + 1),
    'sequence without gaps (I5)',
  )
  assert.equal(events.filter(({ event }) => isTerminal(event)).length, 1, 'exactly one terminal event (I5)')
  assert.ok(isTerminal(events.at(-1)!.event), 'the terminal event is the last (I5)')
  return events
}

export interface Outcome {
  events: RunEvent[]
  stdout: string
  stderr: string
  last: RunEvent
}

export async function outcome(session: KernelSession, run: RunId): Promise<Outcome> {
  const events = (await log(session, run)).map(({ event }) => event)
  const text = (type: 'stdout' | 'stderr') => events.map(event => (event.type === type ? event.text : '')).join('')
  return { events, stdout: text('stdout'), stderr: text('stderr'), last: events.at(-1)! }
}

export async function execute(session: KernelSession, code: string): Promise<Outcome> {
  return outcome(session, await order(session, code))
}

/** Resolves with the first event of the run that fits. */
export async function when(session: KernelSession, run: RunId, fits: (event: RunEvent) => boolean): Promise<RunEvent> {
  for await (const { event } of session.events(run, 0, within())) if (fits(event)) return event
  throw new Error('the run ended without such an event')
}

export const code = (wanted: string) => (error: unknown) => error instanceof MeshError && error.code === wanted

export const hasText = (part: string) => (event: RunEvent) =>
  (event.type === 'stdout' || event.type === 'stderr') && event.text.includes(part)

/** The numbers of the processes behind a session, as its files name them. */
export async function processes(folder: string, session: SessionId): Promise<{ host: number; kernel: number }> {
  const read = async (name: string) => JSON.parse(await readFile(join(folder, session, name), 'utf8')).pid as number
  return { host: await read('host.json'), kernel: await read('kernel.json') }
}

/** The process that holds the user's program: in namespaces of its own it is not the one that the files name. */
export async function killKernel(session: SessionId, which = /kernel\.(ts|py)$/): Promise<void> {
  for (const pid of await processesOf(session, undefined)) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (
      command.split('\0').some(part => which.test(part)) &&
      !command.startsWith('sh\0') &&
      !command.startsWith('unshare')
    )
      process.kill(pid, 'SIGKILL')
  }
}

/** What the kernel says to these bytes until it closes the connection. */
async function answerTo({ address, port }: { address: string; port: number }, bytes: Buffer): Promise<string> {
  const socket = connect(port, address)
  socket.setTimeout(5000, () => socket.destroy(new Error('the connection stayed open')))
  socket.write(bytes)
  let answer = ''
  for await (const chunk of socket) answer += chunk
  return answer
}

export function kernelContract(language: KernelLanguage): void {
  const name = language.kernelspec === undefined ? language.language : `${language.kernelspec} (Jupyter)`
  const feature = (title: string, run: (session: KernelSession, bed: Bed) => Promise<void>) => ({ title, run })
  const absent = (fact: unknown) => (typeof fact === 'object' && fact && 'none' in fact ? String(fact.none) : undefined)
  const asks = (event: RunEvent) => event.type === 'input-request'

  const features = [
    feature('output comes between started and completed, numbered without gaps (I5)', async session => {
      const { events, stdout, last } = await execute(session, language.print('hello'))
      assert.equal(events[0]!.type, 'started')
      assert.equal(stdout, 'hello\n')
      assert.equal(last.type, 'completed')
    }),
    feature('names live on from run to run (KN20)', async session => {
      await execute(session, language.setVariable)
      assert.equal((await execute(session, language.printVariable)).stdout.trim(), '42')
    }),
    feature('an error has a name, a message and the line of the cell (KN23)', async session => {
      const { last } = await execute(session, language.fail.code)
      assert.ok(last.type === 'failed')
      assert.equal(last.error.name, language.fail.name)
      assert.match(last.error.message, language.fail.message)
      if (language.fail.traceback) assert.match(last.error.traceback.join('\n'), language.fail.traceback)
      assert.doesNotMatch(last.error.traceback.join('\n'), /meshbook_kernel|kernels\/|node:inspector/)
    }),
    {
      ...feature('the order of the cell, its children and the end is kept (KN16)', async session => {
        const child = language.child as Exclude<KernelLanguage['child'], { none: string }>
        const { stdout } = await execute(session, typeof child === 'string' ? child : child.program)
        const wanted = ['before', 'child', 'after']
        const lines = stdout.split('\n').slice(0, -1)
        assert.deepEqual(
          typeof child === 'string' ? lines : lines.toSorted(),
          typeof child === 'string' ? wanted : wanted.toSorted(),
        )
      }),
      skip: absent(language.child),
    },
    {
      ...feature('a question is asked, answered and continued from (KN24)', async session => {
        const run = await order(session, language.ask as string)
        const question = await when(session, run, asks)
        assert.ok(question.type === 'input-request')
        assert.match(question.prompt, /Name\?/)
        await session.input(run, question.id, 'Ada')
        await assert.rejects(session.input(run, question.id, 'Bob'), MeshError)
        const { events, stdout } = await outcome(session, run)
        assert.match(stdout, /hi Ada/)
        assert.ok(events.some(event => event.type === 'input-answered' && event.id === question.id))
      }),
      skip: absent(language.ask),
    },
    {
      ...feature(
        'calculation, sleep and waiting for input are interrupted, and the session goes on (KN21)',
        async session => {
          await execute(session, language.setVariable)
          for (const program of [language.busy, language.sleep, language.ask]) {
            if (typeof program !== 'string') continue
            const run = await order(session, program)
            await when(session, run, program === language.ask ? asks : event => event.type === 'started')
            await sleep(50)
            await session.cancel(run, 'enough')
            const { last } = await outcome(session, run)
            assert.ok(last.type === 'cancelled', `${program} ended as ${last.type}`)
            assert.equal(last.reason, 'enough')
          }
          assert.equal((await execute(session, language.printVariable)).stdout.trim(), '42')
        },
      ),
      skip: absent(language.interrupt),
    },
    feature('runs wait for each other, and a waiting one can be cancelled', async session => {
      const first = await order(session, language.slowCount(2, 100))
      const second = await order(session, language.print('second'))
      const third = await order(session, language.print('third'))
      await session.cancel(second, 'not wanted')
      const { events } = await outcome(session, second)
      assert.deepEqual(
        events.map(({ type }) => type),
        ['cancelled'],
      )
      assert.equal((await outcome(session, third)).stdout, 'third\n')
      assert.equal((await outcome(session, first)).last.type, 'completed')
    }),
    feature(
      'an order is idempotent by run id and refuses other code and older fences (I4, KN10)',
      async (session, { project }) => {
        const run = await order(session, language.slowCount(1, 1))
        await order(session, language.slowCount(1, 1), run)
        await outcome(session, run)
        await order(session, language.slowCount(1, 1), run)
        const ran = await readFile(join(project, 'ran.txt'), 'utf8')
        await assert.rejects(
          session.execute({ run, fence: fence(1), code: 'other', cellName: 'demo' }),
          code('RUN_EXISTS'),
        )
        await session.execute({ run, fence: fence(7), code: language.slowCount(1, 1), cellName: 'demo' })
        assert.equal((await log(session, run))[0]!.fence, 7, 'events carry the newest fence')
        await assert.rejects(
          session.execute({ run, fence: fence(6), code: language.slowCount(1, 1), cellName: 'demo' }),
          code('STALE_FENCE'),
        )
        await session.forget(run)
        await order(session, language.slowCount(1, 1), run)
        await execute(session, language.print('later'))
        assert.equal(await readFile(join(project, 'ran.txt'), 'utf8'), ran, 'never run twice')
      },
    ),
    {
      ...feature('bytes that are no text show as U+FFFD', async session => {
        assert.match((await execute(session, language.garbage as string)).stdout, /^\ufffd\ufffd\s?ok/)
      }),
      skip: absent(language.garbage),
    },
    {
      ...feature('10,000 frames of progress arrive whole, in few events (KN15)', async session => {
        const { stdout, events, last } = await execute(
          session,
          (language.progress as (frames: number) => string)(10_000),
        )
        assert.equal(last.type, 'completed')
        assert.ok(stdout.endsWith('\r9999') && stdout.startsWith('\r0\r1\r2'), 'nothing is lost')
        assert.equal(stdout.length, Array.from({ length: 10_000 }, (_, n) => `\r${n}`).join('').length)
        assert.ok(events.length < 1000, `${events.length} events`)
      }),
      skip: absent(language.progress),
    },
    {
      ...feature('a cell that exits ends the run and not the session (KN22)', async session => {
        await execute(session, language.setVariable)
        assert.equal((await execute(session, language.exit3 as string)).last.type, 'failed')
        assert.equal((await execute(session, language.printVariable)).stdout.trim(), '42')
      }),
      skip: absent(language.exit3),
    },
    feature('a reader that comes late, or again, gets every event after the one it has (I5)', async session => {
      const run = await order(session, language.slowCount(5, 20))
      const whole = await log(session, run)
      const rest = await eventsOf(session, run, 3)
      assert.deepEqual(rest, whole.slice(3))
    }),
    feature('completion, documentation and variables come from the session (KN11)', async session => {
      await execute(session, language.setVariable)
      const { items, to } = await session.complete(language.complete.code, language.complete.code.length)
      assert.ok(
        items.some(({ label }) => label === language.complete.label),
        JSON.stringify(items.slice(0, 5)),
      )
      assert.equal(to, language.complete.code.length)
      if ('code' in language.inspect) {
        const { text } = await session.inspect(language.inspect.code, language.inspect.code.length)
        assert.match(text, language.inspect.text)
      }
      const { items: variables } = await session.variables()
      if (!('name' in language.variable)) return
      const { name: wanted, preview } = language.variable
      assert.match(variables.find(item => item.name === wanted)?.preview ?? 'missing', preview)
    }),
    feature('the secrets of the daemon are not in the environment of a cell (S19)', async session => {
      const { stdout } = await execute(session, language.environment)
      assert.match(stdout, /PATH/)
      assert.doesNotMatch(stdout, /canary/)
    }),
    {
      ...feature('standard error is told apart', async session => {
        const { stderr, stdout } = await execute(session, language.stderr as string)
        assert.deepEqual([stderr, stdout], ['oops\n', ''])
      }),
      skip: absent(language.stderr),
    },
    {
      ...feature('the value of the last expression is the result', async session => {
        const { events } = await execute(session, language.result as string)
        const result = events.find(event => event.type === 'result')
        assert.deepEqual(result?.parts.at(-1), {
          at: 'inline',
          mimeType: 'text/plain',
          data: language.resultText ?? '42',
        })
      }),
      skip: absent(language.result),
    },
    {
      ...feature('a large picture is stored as an asset before its event is told', async session => {
        const { events } = await execute(session, language.large as string)
        const display = events.find(event => event.type === 'display' || event.type === 'result')
        const part = display?.parts.find(({ mimeType }) => mimeType === 'image/png')
        assert.ok(part?.at === 'asset')
        assert.equal(part.bytes, 100_000)
        assert.equal((await session.asset(part.asset as never)).length, 100_000)
      }),
      skip: absent(language.large),
    },
  ]

  test(`${name}: features of one session`, async t => {
    const it = await bed(t, language)
    const session = await it.sessions.start(it.spec)
    for (const { title, run, ...options } of features) {
      const skip = 'skip' in options ? options.skip : undefined
      if (skip === undefined) await t.test(`${name}: ${title}`, () => run(session, it))
    }
  })

  test(`${name}: the kernel lets nobody in without the token, and one client at a time (KN5, KN6, KN7)`, async t => {
    const it = await bed(t, language)
    const session = await it.sessions.start(it.spec)
    const { scratch } = await session.shape()
    const config = JSON.parse(await readFile(join(scratch, 'kernel-config.json'), 'utf8'))
    assert.equal((await stat(join(scratch, 'kernel-config.json'))).mode & 0o777, 0o600)
    const hello = (token: string) => encodeFrame({ id: 1, type: 'hello', token })
    const tooLong = Buffer.from([0x7f, 0xff, 0xff, 0xff])
    for (const first of [
      hello('guess'),
      hello(''),
      encodeFrame({ id: 1, type: 'variables' }),
      tooLong,
      encodeFrame([]),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    ]) {
      assert.equal(await answerTo(config, first), '', 'closed without a word')
    }
    assert.equal((await execute(session, language.print('undisturbed'))).stdout, 'undisturbed\n')
    assert.match(await answerTo(config, Buffer.concat([hello(config.token), tooLong])), /"protocol":1/)
    assert.equal((await execute(session, language.print('again'))).last.type, 'completed')
  })

  if (!language.flood)
    test(`${name}: 50 MB of output flow through with bounded memory, and beyond the cap the run goes on`, async t => {
      const it = await bed(t, language, { runOutputBytes: 20_000_000 })
      const session = await it.sessions.start(it.spec)
      const { stdout, stderr, last } = await execute(session, language.megabytes(50))
      assert.equal(last.type, 'completed')
      assert.ok(stdout.length > 19_000_000 && stdout.length <= 20_000_000, `${stdout.length}`)
      assert.equal(stderr.match(/the rest is not recorded/g)?.length, 1)
      const { host } = await processes(it.folder, it.spec.session)
      const peak = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${host}/status`, 'utf8').catch(() => 'VmHWM: 0 kB'))
      assert.ok(Number(peak![1]) < 400_000, `the host took ${peak![1]} kB`)
    })

  test(`${name}: kill -9 of the kernel host in mid-run loses and doubles nothing (I5, I9)`, async t => {
    const it = await bed(t, language)
    const session = await it.sessions.start(it.spec)
    const run = await order(session, language.slowCount(30, 20))
    await when(session, run, hasText('5'))
    const { host } = await processes(it.folder, it.spec.session)
    process.kill(host, 'SIGKILL')
    const { stdout, events, last } = await outcome(session, run)
    assert.equal(last.type, 'completed')
    assert.deepEqual(
      stdout.trim().split(/\s+/).map(Number),
      Array.from({ length: 30 }, (_, n) => n),
    )
    assert.ok(events.some(event => event.type === 'reattached'))
    assert.equal(await readFile(join(it.project, 'ran.txt'), 'utf8'), 'ran\n')
  })

  test(`${name}: kill -9 of the host at any moment around the order never runs it twice (I9)`, async t => {
    const it = await bed(t, language)
    const session = await it.sessions.start(it.spec)
    const runs: RunId[] = []
    for (let delay = 0; delay < 5; delay++) {
      const { host } = await processes(it.folder, it.spec.session)
      const run = newRun()
      const ordered = session.execute({ run, fence: fence(1), code: language.slowCount(1, 1), cellName: 'demo' })
      await sleep(delay)
      process.kill(host, 'SIGKILL')
      await ordered
      assert.equal((await outcome(session, run)).last.type, 'completed')
      runs.push(run)
    }
    assert.equal(await readFile(join(it.project, 'ran.txt'), 'utf8'), 'ran\n'.repeat(runs.length))
  })

  test(`${name}: kill -9 of the kernel in mid-run ends the run with KERNEL_DIED, and the next has a fresh kernel (I9)`, async t => {
    const it = await bed(t, language)
    const session = await it.sessions.start(it.spec)
    const down: string[] = []
    it.sessions.onDown((_session, reason) => down.push(reason))
    const run = await order(session, language.slowCount(50, 50))
    await when(session, run, hasText('1'))
    await killKernel(it.spec.session, language.process)
    const { last, stdout } = await outcome(session, run)
    assert.ok(last.type === 'failed' && last.error.code === 'KERNEL_DIED', JSON.stringify(last))
    assert.match(last.error.message, /SIGKILL/)
    assert.match(stdout, /1/)
    assert.equal((await execute(session, language.print('fresh'))).stdout, 'fresh\n')
    assert.equal(down.length, 1)
  })

  test(`${name}: a run goes on while the daemon is restarted (I9)`, async t => {
    const it = await bed(t, language)
    const session = await it.sessions.start(it.spec)
    const run = await order(session, language.slowCount(20, 20))
    await when(session, run, hasText('2'))
    await it.sessions.close()
    const [found] = await it.again().recover()
    assert.ok(found?.alive)
    assert.equal(found.runs[0]!.run, run)
    const { stdout, last } = await outcome(found.session, run)
    assert.equal(last.type, 'completed')
    assert.deepEqual(
      stdout.trim().split(/\s+/).map(Number),
      Array.from({ length: 20 }, (_, n) => n),
    )
  })

  test(`${name}: without a host the program is blocked, and nothing it printed is lost (KN12, KN14)`, async t => {
    const it = await bed(t, language, { kernelUnackedBytes: 500_000 })
    const session = await it.sessions.start(it.spec)
    const run = await order(session, language.megabytes(4))
    await it.sessions.close()
    process.kill((await processes(it.folder, it.spec.session)).host, 'SIGKILL')
    await sleep(100)
    const [found] = await it.again().recover()
    const { stdout, last } = await outcome(found!.session, run)
    assert.equal(last.type, 'completed')
    assert.equal(stdout, `${'x'.repeat(99)}\n`.repeat(40_000))
  })

  test(`${name}: when host and kernel were killed, recovery closes the run as interrupted (I5, I9)`, async t => {
    const it = await bed(t, language)
    const session = await it.sessions.start(it.spec)
    const run = await order(session, language.slowCount(50, 50))
    await when(session, run, hasText('1'))
    await it.sessions.close()
    process.kill((await processes(it.folder, it.spec.session)).host, 'SIGKILL')
    await killKernel(it.spec.session, language.process)
    const [found] = await it.again().recover()
    assert.ok(found && !found.alive && found.runs[0]!.ended)
    const { last, stdout } = await outcome(found.session, run)
    assert.equal(last.type, 'interrupted')
    assert.match(stdout, /1/)
  })

  const { ignoreInterrupt } = language
  if (typeof ignoreInterrupt === 'string')
    test(`${name}: code that ignores the interrupt is ended after the grace, as cancelled`, async t => {
      const it = await bed(t, language, { interruptGraceMs: 300 })
      const session = await it.sessions.start(it.spec)
      const run = await order(session, ignoreInterrupt)
      await when(session, run, hasText('ready'))
      await session.cancel(run, 'enough')
      const { last } = await outcome(session, run)
      assert.ok(last.type === 'cancelled', JSON.stringify(last))
      assert.match(last.reason, /^enough/)
      assert.equal((await execute(session, language.print('fresh'))).stdout, 'fresh\n')
    })

  const { daemon } = language
  if (typeof daemon === 'string')
    test(`${name}: the end of a session ends also what has left it (I9)`, async t => {
      const it = await bed(t, language)
      const session = await it.sessions.start(it.spec)
      const run = await order(session, daemon)
      await outcome(session, run)
      assert.ok((await processesOf(it.spec.session, undefined)).length >= 2)
      await session.restart(fence(2))
      assert.equal(session.spec.fence, 2)
      assert.equal((await execute(session, language.print('fresh'))).stdout, 'fresh\n')
      await it.sessions.stopAll()
      assert.deepEqual(await processesOf(it.spec.session, undefined), [])
    })

  test(`${name}: a session that nobody looks after ends by itself, with its kernel (I9)`, async t => {
    const it = await bed(t, language, { hostAloneMs: 200 })
    const session = await it.sessions.start(it.spec)
    const run = await order(session, language.slowCount(10, 50))
    await it.sessions.close()
    await sleep(300)
    assert.ok((await processesOf(it.spec.session, undefined)).length > 0, 'not while a run is in progress')
    for (let i = 0; i < 200 && (await processesOf(it.spec.session, undefined)).length > 0; i++) await sleep(50)
    assert.deepEqual(await processesOf(it.spec.session, undefined), [])
    const [found] = await it.again().recover()
    assert.equal((await outcome(found!.session, run)).last.type, 'completed')
  })

  test(`${name}: a session whose runs are all forgotten leaves no folder, and another finds its journal again`, async t => {
    const it = await bed(t, language)
    const session = await it.sessions.start(it.spec)
    const run = await order(session, language.print('kept'))
    await outcome(session, run)
    await session.shutdown()
    const [found] = await it.again().recover()
    assert.equal((await outcome(found!.session, run)).stdout, 'kept\n')
    await found!.session.forget(run)
    await it.again().stopAll()
    assert.deepEqual(
      (await readdir(it.folder)).filter(name => name.startsWith('ses_')),
      [],
    )
  })
}
