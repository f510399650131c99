/**
 * A Jupyter kernel through Meshbook's host (journal, fsync and all) beside jupyter_client on the same ipykernel, in turns:
 * from nothing to the first output, the first output of a cell in a kernel that is there, and how fast much output comes.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Fence, newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { KernelSession } from '@meshbook/device/kernels/port.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'

const quick = process.argv.includes('--quick')
const starts = quick ? 3 : 10
const cells = quick ? 50 : 300
const floods = quick ? 1 : 3
const floodMb = 20
const code = 'print(1)'
const flood = `import sys; line = "x" * 99 + chr(10); [sys.stdout.write(line * 100) for _ in range(${floodMb * 100})] and None`

const root = await mkdtemp(join(tmpdir(), 'meshbook-bench-'))
const sessions = createKernelSessions({ folder: join(root, 's'), now: Date.now, random: systemRandom, limits })
const peer = spawn('/usr/bin/python3', [join(import.meta.dirname, 'jupyter-client.py')], {
  stdio: ['pipe', 'pipe', 'ignore'],
})
const answers = createInterface({ input: peer.stdout })[Symbol.asyncIterator]()

async function ask(line: string, wanted: 'first' | 'total' = 'first'): Promise<number> {
  peer.stdin.write(`${line}\n`)
  const { value, done } = await answers.next()
  if (done) throw new Error('jupyter_client ended: is python3-jupyter-client installed?')
  return (JSON.parse(value) as Record<typeof wanted, number>)[wanted]
}

const id = <K extends 'session' | 'head' | 'project' | 'run'>(kind: K) => newId(kind, Date.now(), systemRandom)

async function open(kernelspec: string | undefined): Promise<KernelSession> {
  return sessions.start({
    session: id('session'),
    head: id('head'),
    fence: 1 as Fence,
    project: id('project'),
    projectFolder: root,
    language: 'python',
    kernelspec,
    name: 'default',
    device: 'bench',
  })
}

async function firstOutput(session: KernelSession, since = performance.now()): Promise<number> {
  const run = id('run')
  await session.execute({ run, fence: session.spec.fence, code, cellName: 'bench' })
  let first = Number.NaN
  for await (const { event } of session.events(run, 0, AbortSignal.timeout(60_000)))
    if (event.type === 'stdout' && Number.isNaN(first)) first = performance.now() - since
  return first
}

/** Until the end is told, everything being on disk by then. */
async function whole(session: KernelSession): Promise<number> {
  const since = performance.now()
  const run = id('run')
  await session.execute({ run, fence: session.spec.fence, code: flood, cellName: 'bench' })
  let bytes = 0
  for await (const { event } of session.events(run, 0, AbortSignal.timeout(60_000)))
    if (event.type === 'stdout') bytes += event.text.length
  if (bytes !== floodMb * 1e6) throw new Error(`${bytes} bytes came`)
  return performance.now() - since
}

async function started(kernelspec: string | undefined): Promise<number> {
  const since = performance.now()
  const session = await open(kernelspec)
  const ms = await firstOutput(session, since)
  await session.shutdown()
  return ms
}

const rows: Record<string, number[]> = {
  'start, ipykernel in Meshbook': [],
  'start, ipykernel in jupyter_client': [],
  'start, built-in Python': [],
  'cell, ipykernel in Meshbook': [],
  'cell, ipykernel in jupyter_client': [],
  'cell, built-in Python': [],
  '20 MB, ipykernel in Meshbook': [],
  '20 MB, ipykernel in jupyter_client': [],
  '20 MB, built-in Python': [],
}
const note = (name: string, ms: number) => rows[name]!.push(ms)
try {
  for (let i = 0; i < starts; i++) {
    note('start, ipykernel in Meshbook', await started('python3'))
    note('start, ipykernel in jupyter_client', await ask('start'))
    await ask('stop')
    note('start, built-in Python', await started(undefined))
  }
  const [ours, own] = [await open('python3'), await open(undefined)]
  await ask('start')
  for (let i = 0; i < cells; i++) {
    note('cell, ipykernel in Meshbook', await firstOutput(ours))
    note('cell, ipykernel in jupyter_client', await ask(`run ${code}`))
    note('cell, built-in Python', await firstOutput(own))
  }
  for (let i = 0; i < floods; i++) {
    note('20 MB, ipykernel in Meshbook', await whole(ours))
    note('20 MB, ipykernel in jupyter_client', await ask(`run ${flood}`, 'total'))
    note('20 MB, built-in Python', await whole(own))
  }
  await ask('stop')
} finally {
  peer.kill()
  await sessions.stopAll()
  await rm(root, { recursive: true, force: true })
}
for (const [name, all] of Object.entries(rows)) {
  const sorted = all.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(1)
  process.stdout.write(`${name.padEnd(38)} p50 ${at(0.5).padStart(7)} ms   p99 ${at(0.99).padStart(7)} ms\n`)
}
