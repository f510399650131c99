/** A disk that fails under a running hub, and works again: nothing is acknowledged meanwhile, nothing is lost or doubled (I1). */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eventually, stopProcessesOf, temporaryFolder } from '../mesh-process.ts'
import { canTrace } from './can-trace.ts'
import { DocumentLedger } from './document-ledger.ts'
import { type HubAddress, HubProcess } from './hub-process.ts'
import { type Dial, MarkingClient, Onlooker, readBack } from './marked-clients.ts'

const needsStrace = !canTrace && 'needs strace'
const needsRoot = process.getuid?.() !== 0 && 'mounting needs root'

interface Running {
  hub: HubProcess
  at: HubAddress
  dial: (path: string) => Dial
}

async function startHub(t: TestContext, data: string): Promise<Running> {
  const hub = new HubProcess(data)
  t.after(() => hub.kill())
  const at = await hub.ready()
  return { hub, at, dial: path => ({ url: `${at.url.replace('http', 'ws')}/sync/me/demo/${path}`, token: at.token }) }
}

async function joined(t: TestContext, dial: Dial): Promise<MarkingClient> {
  const client = new MarkingClient()
  t.after(() => client.end())
  await client.connect(dial)
  await eventually('the document came', () => client.synced)
  return client
}

function onlooker(t: TestContext, dial: Dial): Onlooker {
  const one = new Onlooker(dial)
  t.after(() => one.end())
  return one
}

/** Makes system calls of a running process fail until the function that it returns is called. */
async function inject(t: TestContext, pid: number, fault: string, calls: string): Promise<() => Promise<void>> {
  const args = ['-f', '-p', `${pid}`, '-o', '/dev/null', '-e', `trace=${calls}`, '-e', `inject=${calls}:${fault}`]
  const tracer: ChildProcess = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(tracer, 'exit')
  const stop = async (): Promise<void> => {
    if (tracer.exitCode !== null || tracer.signalCode !== null) return
    tracer.kill('SIGINT')
    await ended
  }
  t.after(stop)
  let told = ''
  tracer.stderr!.setEncoding('utf8').on('data', (text: string) => (told += text))
  await eventually('the tracer is attached to every thread', () => told.includes('attached'))
  return stop
}

const readiness = async ({ at }: Running): Promise<{ status: number; text: string }> => {
  const response = await fetch(`${at.url}/readyz`)
  return { status: response.status, text: await response.text() }
}

async function storageGauge({ at }: Running): Promise<string | undefined> {
  const response = await fetch(`${at.url}/metrics`, { headers: { authorization: `Bearer ${at.token}` } })
  return /^meshbook_storage_ok (\d)$/m.exec(await response.text())?.[1]
}

/** Everything after the disk works again, and after another kill: each mark of the writers is there once. */
async function comesBack(t: TestContext, running: Running, data: string, path: string, writers: MarkingClient[]) {
  const ledger = new DocumentLedger(path)
  await eventually('the hub is ready again', async () => (await readiness(running)).status === 200)
  assert.equal(await storageGauge(running), '1')
  for (const writer of writers) {
    await writer.connect(running.dial(path))
    await eventually('everything is acknowledged', () => writer.unacked === 0)
  }
  const late = onlooker(t, running.dial(path))
  await eventually('a newcomer gets the document', () => late.synced)
  await running.hub.kill()
  ledger.note(writers, [late])
  const again = await startHub(t, data)
  ledger.check(await readBack(again.dial(path)))
}

async function failsAndComesBack(
  t: TestContext,
  data: string,
  breakDisk: (hub: HubProcess) => Promise<() => Promise<void>>,
) {
  const running = await startHub(t, data)
  const [a, b] = [await joined(t, running.dial('a.md')), await joined(t, running.dial('a.md'))]
  const watching = onlooker(t, running.dial('a.md'))
  await eventually('the onlooker is in', () => watching.synced)
  let mark = 0
  for (; mark < 50; mark++) a.insert(mark, 0.5)
  await eventually('acknowledged and seen', () => a.unacked === 0 && watching.seen.size === mark)
  const before = mark
  const repair = await breakDisk(running.hub)
  for (; mark < 80; mark++) (mark % 2 ? a : b).insert(mark, 0.5)
  await eventually('the writers are told', () => a.closeCode === 4507 && b.closeCode === 4507)
  assert.ok(a.unacked > 0 && b.unacked > 0, 'what was not stored is not acknowledged')
  const { status, text } = await readiness(running)
  assert.ok(status >= 500, text)
  assert.equal(await storageGauge(running), '0')
  await a.connect(running.dial('a.md'))
  for (; mark < 90; mark++) a.insert(mark, 0.5)
  await eventually('the writer is told again', () => a.closeCode === 4507)
  const newcomer = onlooker(t, running.dial('a.md'))
  await eventually('reading goes on', () => newcomer.synced)
  const unstored = [...watching.seen, ...newcomer.seen].filter(seen => seen >= before)
  assert.deepEqual(unstored, [], 'nobody sees what is not stored')
  assert.equal(a.acknowledged + b.acknowledged, before)
  await repair()
  await comesBack(t, running, data, 'a.md', [a, b])
}

test('fsync fails with EIO: nothing is acknowledged or passed on, it is said, and all goes on when the disk does (RL6, RL83)', {
  skip: needsStrace,
}, async t => {
  const data = join(await temporaryFolder(t), 'data')
  await failsAndComesBack(t, data, hub => inject(t, hub.pid, 'error=EIO', 'fsync,fdatasync'))
})

test('writing fails with ENOSPC, also in the middle of a checkpoint: the same (RL6, RL83)', {
  skip: needsStrace,
}, async t => {
  const data = join(await temporaryFolder(t), 'data')
  await failsAndComesBack(t, data, hub => inject(t, hub.pid, 'error=ENOSPC', 'pwrite64'))
})

test('the disk is full: the same, and it is enough to make space (RL6, RL83)', { skip: needsRoot }, async t => {
  const disk = await mkdtemp(join(tmpdir(), 'meshbook-mount-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'none', disk])
  t.after(async () => {
    await stopProcessesOf(disk)
    execFileSync('umount', ['-l', disk])
    await rm(disk, { recursive: true })
  })
  const ballast = join(disk, 'ballast')
  await failsAndComesBack(t, join(disk, 'data'), async () => {
    await fillUp(ballast)
    return () => rm(ballast)
  })
})

/** Takes all the space there is, to the last block. */
async function fillUp(file: string): Promise<void> {
  for (const bytes of [1_048_576, 65_536, 4_096]) {
    const block = Buffer.alloc(bytes)
    for (;;) {
      try {
        await writeFile(file, block, { flag: 'a' })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        break
      }
    }
  }
}

test('a document that cannot be read is not opened as an empty one, and is whole when it can be (RL12)', {
  skip: needsStrace,
}, async t => {
  const data = join(await temporaryFolder(t), 'data')
  const first = await startHub(t, data)
  const writer = await joined(t, first.dial('a.md'))
  for (let mark = 0; mark < 300; mark++) writer.insert(mark, 1)
  await eventually('acknowledged', () => writer.unacked === 0)
  await first.hub.kill()
  const running = await startHub(t, data)
  const other = await joined(t, running.dial('other.md'))
  const repair = await inject(t, running.hub.pid, 'error=EIO', 'pread64')
  await writer.connect(running.dial('a.md'))
  writer.insert(300, 1)
  await eventually('the writer is refused', () => !writer.isOpen)
  assert.ok(!writer.synced && writer.unacked > 0, 'nothing was taken for the document')
  await repair()
  await eventually('the document opens', async () => {
    if (!writer.isOpen) await writer.connect(running.dial('a.md'))
    return writer.synced && writer.unacked === 0
  })
  const ledger = new DocumentLedger('a.md')
  ledger.note([writer], [])
  ledger.check(await readBack(running.dial('a.md')))
  assert.equal(ledger.size, 301)
  assert.equal(other.closeCode, undefined, 'another document is not affected')
})
